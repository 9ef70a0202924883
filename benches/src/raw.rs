//! The denominator: an agent loop as one writes it by hand, with reqwest and `serde_json`.
//!
//! One client, typed structs, the whole history encoded again for each request.
//! No retries, no events, no journal, no checks: what is left when everything
//! a runtime adds is taken away.

mod stream;
mod wire;

use std::error::Error;

use reqwest::Client;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::json;

use self::wire::Completion;
use self::wire::Message;
use self::wire::Request;
use self::wire::StreamOptions;
use crate::mock::TOOL;
use crate::task::API_KEY;
use crate::task::AddArguments;
use crate::task::MODEL;
use crate::task::Outcome;
use crate::task::QUESTION;
use crate::task::SYSTEM;
use crate::task::TOOL_DESCRIPTION;

/// How answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Streamed,
}

/// The loop by hand.
#[derive(Debug, Clone)]
pub struct RawLoop {
    client: Client,
    url: String,
    tools: Value,
    answers: Answers,
}

impl RawLoop {
    /// A loop that asks the model at this base URL (`http://HOST:PORT/SCRIPT/v1`).
    pub fn new(base_url: &str, answers: Answers) -> Self {
        let tools = json!([{
            "type": "function",
            "function": {
                "name": TOOL,
                "description": TOOL_DESCRIPTION,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "a": { "type": "integer", "format": "int64", "description": "The first number." },
                        "b": { "type": "integer", "format": "int64", "description": "The second number." },
                    },
                    "required": ["a", "b"],
                },
            },
        }]);
        Self { client: Client::new(), url: format!("{base_url}/chat/completions"), tools, answers }
    }

    /// Asks, runs the tools the model asks for, and goes on until it has said its last words.
    ///
    /// # Errors
    /// When a request fails or an answer is none.
    pub async fn run(&self) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let mut outcome = Outcome::default();
        let mut messages = vec![Message::text("system", SYSTEM), Message::text("user", QUESTION)];
        loop {
            let response = self.ask(&messages).await?;
            let answer = match self.answers {
                Answers::Whole => read_whole(response).await?,
                Answers::Streamed => stream::read(response, |_| outcome.deltas += 1).await?,
            };
            let calls = answer.tool_calls.clone().unwrap_or_default();
            if calls.is_empty() {
                outcome.text = answer.content.unwrap_or_default();
                return Ok(outcome);
            }
            messages.push(answer);
            for call in calls {
                let arguments: AddArguments = serde_json::from_str(&call.function.arguments)?;
                outcome.tool_calls += 1;
                messages.push(Message::tool_result(call.id, arguments.answer()));
            }
        }
    }

    async fn ask(&self, messages: &[Message]) -> Result<Response, Box<dyn Error + Send + Sync>> {
        let streamed = self.answers == Answers::Streamed;
        let request = Request {
            model: MODEL,
            messages,
            tools: &self.tools,
            stream: streamed,
            stream_options: streamed.then_some(StreamOptions { include_usage: true }),
        };
        let response = self
            .client
            .post(&self.url)
            .bearer_auth(API_KEY)
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&request)?)
            .send()
            .await?
            .error_for_status()?;
        Ok(response)
    }
}

async fn read_whole(response: Response) -> Result<Message, Box<dyn Error + Send + Sync>> {
    let body = response.bytes().await?;
    let completion: Completion = serde_json::from_slice(&body)?;
    let choice = completion.choices.into_iter().next().ok_or("the answer has no choice")?;
    Ok(choice.message)
}
