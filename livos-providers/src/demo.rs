//! A model for the first run, demonstrations and tests: fixed rules, no AI, no network.
//!
//! It makes real tool calls, so that everything around a model can be seen at
//! work, and it says in every answer what it is.

mod arithmetic;
mod intent;
mod reply;

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::Capabilities;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::Thinking;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolInput;
use livos_core::Usage;

use self::reply::Reply;
use self::reply::estimate_tokens;

/// How many characters of a call's arguments come at once.
const ARGUMENT_PIECE_CHARS: usize = 12;

/// The demo model: `demo/demo`.
///
/// The same conversation always gets the same answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use livos_core::{AIProvider, ChatRequest, Message};
/// use livos_providers::DemoProvider;
///
/// let answer = DemoProvider::instant().chat(ChatRequest::new("demo", [Message::user("12 * 7")])).await?;
/// assert!(answer.message.text().starts_with("12 * 7 = 84"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DemoProvider {
    id: ProviderId,
    pace: Duration,
}

impl DemoProvider {
    /// The pause before each word: fast, but visibly a stream.
    pub const DEFAULT_PACE: Duration = Duration::from_millis(8);
    /// The one model it has.
    pub const MODEL: &str = "demo";

    /// A demo model that takes its time as a real one would.
    pub fn new() -> Self {
        Self::with_pace(Self::DEFAULT_PACE)
    }

    /// A demo model that never waits, for tests.
    pub fn instant() -> Self {
        Self::with_pace(Duration::ZERO)
    }

    /// A demo model that waits this long before each word.
    pub fn with_pace(pace: Duration) -> Self {
        Self { id: ProviderId::from("demo"), pace }
    }

    fn answer(&self, request: &ChatRequest) -> (VecDeque<ChatChunk>, ChatResponse) {
        let reply = Reply::to(request);
        let mut pieces = VecDeque::new();
        let mut content = Vec::new();
        if let Some(thinking) = reply.thinking {
            pieces.extend(words(&thinking).map(|word| ChatChunk::Thinking(word.to_owned())));
            content.push(ContentBlock::Thinking(Thinking { text: thinking, signature: None }));
        }
        pieces.extend(words(&reply.text).map(|word| ChatChunk::Text(word.to_owned())));
        content.push(ContentBlock::text(reply.text));
        for (index, (name, arguments)) in reply.calls.into_iter().enumerate() {
            let call_id = format!("demo_{}_{index}", request.conversation.len());
            let call = ToolCall::new(call_id, name, ToolInput::from(arguments));
            pieces.extend(call_pieces(&call));
            content.push(ContentBlock::ToolUse(call));
        }
        let message = Message::new(Role::Assistant, content);
        let output_tokens = u64::try_from(pieces.len()).unwrap_or(u64::MAX);
        let mut response =
            ChatResponse::new(self.id.clone(), ModelName::from(Self::MODEL), message);
        let input_tokens = estimate_tokens(&request.conversation);
        response.usage = Usage { input_tokens, output_tokens, ..Usage::default() };
        response.cost = Some(MicroUsd(0));
        (pieces, response)
    }
}

impl Default for DemoProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl AIProvider for DemoProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let (mut pieces, response) = self.answer(&request);
        pieces.push_back(ChatChunk::Finished(Box::new(response)));
        let pace = self.pace;
        let stream = futures::stream::unfold(pieces, move |mut pieces| async move {
            let piece = pieces.pop_front()?;
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            Some((Ok(piece), pieces))
        });
        Ok(stream.boxed())
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, ProviderError> {
        Ok(self.answer(&request).1)
    }

    fn capabilities(&self, _model: &ModelName) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.thinking = true;
        capabilities
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let model = ModelName::from(Self::MODEL);
        let capabilities = self.capabilities(&model);
        Ok(vec![ModelInfo::new(self.id.clone(), model, capabilities)])
    }
}

/// The text in words, each with the space after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// A call as it streams: announced, then its arguments piece by piece.
fn call_pieces(call: &ToolCall) -> Vec<ChatChunk> {
    let arguments: Vec<char> = call.input.to_json().chars().collect();
    let announced = std::iter::once(String::new());
    let parts = arguments.chunks(ARGUMENT_PIECE_CHARS).map(String::from_iter);
    let piece = |partial_json| ChatChunk::ToolCall {
        call_id: ToolCallId::clone(&call.call_id),
        name: call.name.clone(),
        partial_json,
    };
    announced.chain(parts).map(piece).collect()
}

#[cfg(test)]
mod tests;
