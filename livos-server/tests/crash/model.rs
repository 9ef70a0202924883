//! The model: chat completions on loopback that do what the message says.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Request;
use hyper::Response;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;

use crate::loopback::Handler;
use crate::loopback::Outcome;
use crate::loopback::in_pieces;
use crate::loopback::whole;
use crate::plan::AGENT_TOOL;
use crate::plan::Asked;
use crate::plan::Plan;
use crate::plan::Turn;
use crate::plan::agent_task;
use crate::plan::tool_of;
use crate::preference::facts_in;

/// What the model must read about a call whose outcome nobody knows.
const UNKNOWN: &str = "whether it took effect is unknown";
/// How the instructions begin of whoever looks for what is worth remembering.
const LOOKS_FOR_FACTS: &str = "You keep a user's memory.";
/// How long that takes: long enough to die in.
const LOOK_TIME: Duration = Duration::from_millis(150);
const SLOW_PIECE: Duration = Duration::from_millis(8);
const SLOW_PIECES: usize = 24;
const FAST_PIECES: usize = 4;

/// Answers, and remembers what it was told.
#[derive(Debug, Default)]
pub(crate) struct Model {
    asked: AtomicU64,
    /// Calls of which it was told that their outcome is unknown.
    told_unknown: Mutex<HashSet<String>>,
}

impl Model {
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it was told that nobody knows what became of a call.
    pub(crate) fn knows_it_is_unknown(&self, call: &str) -> bool {
        self.told_unknown.lock().unwrap().contains(call)
    }

    fn listen(&self, messages: &[Value]) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let told = messages.iter().filter(|message| {
            message["role"] == "tool" && text_of(&message["content"]).contains(UNKNOWN)
        });
        let mut known = self.told_unknown.lock().unwrap();
        known.extend(told.filter_map(|told| Some(told["tool_call_id"].as_str()?.to_owned())));
    }
}

impl Handler for Model {
    fn handle(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Outcome> {
        async move {
            if !request.uri().path().ends_with("/chat/completions") {
                return Ok(Response::builder().status(404).body(whole("")).unwrap());
            }
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            let messages = body["messages"].as_array().unwrap();
            self.listen(messages);
            if messages
                .iter()
                .any(|message| text_of(&message["content"]).starts_with(LOOKS_FOR_FACTS))
            {
                tokio::time::sleep(LOOK_TIME).await;
                let response = Response::builder().header("content-type", "application/json");
                return Ok(response.body(whole(found_in(messages))).unwrap());
            }
            let (plan, turn) = next_turn(messages);
            let (sender, pieces) = mpsc::channel(1);
            tokio::spawn(speak(sender, plan, turn));
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok(response.body(in_pieces(pieces)).unwrap())
        }
        .boxed()
    }
}

/// The whole answer to the question what is worth remembering of what the user said.
fn found_in(messages: &[Value]) -> String {
    let asked = messages.iter().filter(|message| message["role"] == "user");
    let said: Vec<String> = asked.map(|message| text_of(&message["content"])).collect();
    let message = json!({"role": "assistant", "content": facts_in(&said.join("\n")).to_string()});
    json!({
        "id": "answer", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
    .to_string()
}

/// The newest plan, and how many answers it got already. Results of agents have none: they are taken in.
fn next_turn(messages: &[Value]) -> (Plan, usize) {
    let plan_in = |message: &Value| {
        let is_said = message["role"] == "user";
        is_said.then(|| Plan::read(&text_of(&message["content"]))).flatten()
    };
    let mut plans = messages.iter().enumerate().rev();
    let (asked, plan) =
        plans.find_map(|(place, message)| Some((place, plan_in(message)?))).unwrap();
    let answers = messages[asked..].iter().filter(|message| message["role"] == "assistant");
    (plan, answers.count())
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

async fn speak(to: mpsc::Sender<String>, plan: Plan, number: usize) {
    let turn = plan.turns.get(number).cloned().unwrap_or_default();
    let count = if turn.is_slow { SLOW_PIECES } else { FAST_PIECES };
    for piece in 0..count {
        let text = format!("{} says {piece}. ", plan.message);
        if to.send(chunk(&json!({"content": text}), None)).await.is_err() {
            return;
        }
        if turn.is_slow {
            tokio::time::sleep(SLOW_PIECE).await;
        }
    }
    for piece in calls(&plan, number, &turn) {
        if to.send(piece).await.is_err() {
            return;
        }
    }
    let reason = if turn.calls.is_empty() { "stop" } else { "tool_calls" };
    for piece in [chunk(&json!({}), Some(reason)), "data: [DONE]\n\n".to_owned()] {
        // The server may be dead by now.
        drop(to.send(piece).await);
    }
}

/// Each call in two pieces, so that one may be cut in the middle.
fn calls(plan: &Plan, number: usize, turn: &Turn) -> Vec<String> {
    let mut pieces = Vec::new();
    for (index, asked) in turn.calls.iter().enumerate() {
        let call = plan.call(number, index);
        let agent = |result| (AGENT_TOOL, json!({"task": agent_task(&call), "result": result}));
        let (name, arguments) = match asked {
            Asked::Record(effect) => (tool_of(*effect), json!({"call": call})),
            Asked::Agent => agent("wait"),
            Asked::LaterAgent => agent("later"),
        };
        let arguments = arguments.to_string();
        let (first, rest) = arguments.split_at(arguments.len() / 2);
        let begin = json!({"index": index, "id": call, "type": "function",
            "function": {"name": name, "arguments": first}});
        let end = json!({"index": index, "function": {"arguments": rest}});
        pieces.push(chunk(&json!({"tool_calls": [begin]}), None));
        pieces.push(chunk(&json!({"tool_calls": [end]}), None));
    }
    pieces
}

fn chunk(delta: &Value, finish_reason: Option<&str>) -> String {
    let mut chunk = json!({
        "id": "answer", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    });
    if finish_reason.is_some() {
        chunk["usage"] = json!({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2});
    }
    format!("data: {chunk}\n\n")
}
