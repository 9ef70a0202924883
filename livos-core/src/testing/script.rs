//! A model that says what a test tells it to.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;

use crate::id::ModelName;
use crate::id::ProviderId;
use crate::message::ContentBlock;
use crate::message::Message;
use crate::message::Role;
use crate::message::Thinking;
use crate::message::ToolCall;
use crate::message::ToolInput;
use crate::message::Usage;
use crate::provider::AIProvider;
use crate::provider::Capabilities;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatResponse;
use crate::provider::ChatStream;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;
use crate::provider::StopReason;

/// How one model call goes: pieces, pauses, and how it ends.
#[derive(Debug, Default)]
#[must_use]
pub struct Script {
    acts: Vec<Act>,
    content: Vec<ContentBlock>,
    usage: Usage,
    stop_reason: Option<StopReason>,
    ending: ScriptEnding,
}

#[derive(Debug)]
enum Act {
    Say(ChatChunk),
    Pause(Duration),
}

#[derive(Debug, Default)]
enum ScriptEnding {
    #[default]
    Answer,
    RefuseAtOnce(ProviderError),
    FailInStream(ProviderError),
    EndWithoutAnswer,
    Hang,
}

impl Script {
    /// A call that is answered by what is added to it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A call answered with this text.
    pub fn text(text: &str) -> Self {
        Self::new().say(text)
    }

    /// A call answered with one tool call.
    pub fn tool(call_id: &str, name: &str, arguments: Value) -> Self {
        Self::new().call(call_id, name, arguments)
    }

    /// A call that fails before it answers.
    pub fn refused(error: ProviderError) -> Self {
        Self { ending: ScriptEnding::RefuseAtOnce(error), ..Self::default() }
    }

    /// Adds a piece of text.
    pub fn say(mut self, text: &str) -> Self {
        self.acts.push(Act::Say(ChatChunk::Text(text.to_owned())));
        match self.content.last_mut() {
            Some(ContentBlock::Text(block)) => block.text.push_str(text),
            _ => self.content.push(ContentBlock::text(text)),
        }
        self
    }

    /// Adds a piece of reasoning.
    pub fn think(mut self, text: &str) -> Self {
        self.acts.push(Act::Say(ChatChunk::Thinking(text.to_owned())));
        self.content
            .push(ContentBlock::Thinking(Thinking { text: text.to_owned(), signature: None }));
        self
    }

    /// Adds a tool call.
    pub fn call(self, call_id: &str, name: &str, arguments: Value) -> Self {
        self.call_with(call_id, name, arguments.into())
    }

    /// Adds a tool call whose arguments are no JSON.
    pub fn malformed_call(self, call_id: &str, name: &str, text: &str) -> Self {
        self.call_with(call_id, name, ToolInput::Malformed(text.to_owned()))
    }

    fn call_with(mut self, call_id: &str, name: &str, input: ToolInput) -> Self {
        self.acts.push(Act::Say(ChatChunk::ToolCall {
            call_id: call_id.into(),
            name: name.into(),
            partial_json: input.to_json(),
        }));
        self.content.push(ContentBlock::ToolUse(ToolCall::new(call_id, name, input)));
        self
    }

    /// Adds a pause (paused tokio time makes it free).
    pub fn pause(mut self, time: Duration) -> Self {
        self.acts.push(Act::Pause(time));
        self
    }

    /// Says what the call used.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Says why the model stopped.
    pub fn stop_reason(mut self, reason: StopReason) -> Self {
        self.stop_reason = Some(reason);
        self
    }

    /// Breaks the stream off with an error after what was added.
    pub fn then_fail(mut self, error: ProviderError) -> Self {
        self.ending = ScriptEnding::FailInStream(error);
        self
    }

    /// Ends the stream without an answer after what was added.
    pub fn then_break_off(mut self) -> Self {
        self.ending = ScriptEnding::EndWithoutAnswer;
        self
    }

    /// Never says anything more after what was added.
    pub fn then_hang(mut self) -> Self {
        self.ending = ScriptEnding::Hang;
        self
    }
}

/// A provider that plays scripts in order, and remembers what it was asked.
#[derive(Debug)]
pub struct ScriptedProvider {
    id: ProviderId,
    capabilities: Capabilities,
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<ChatRequest>>,
}

impl ScriptedProvider {
    /// A provider of this name that plays these scripts, one a call.
    pub fn new(id: &str, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            id: id.into(),
            capabilities: Capabilities::default(),
            scripts: Mutex::new(scripts.into_iter().collect()),
            requests: Mutex::default(),
        }
    }

    /// A provider that answers one call with this text.
    pub fn answering(text: &str) -> Self {
        Self::new("scripted", [Script::text(text)])
    }

    /// Says what its models can do.
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Adds a script at the end.
    pub fn add(&self, script: Script) {
        self.scripts().push_back(script);
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn scripts(&self) -> MutexGuard<'_, VecDeque<Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AIProvider for ScriptedProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self, _: &ModelName) -> Capabilities {
        self.capabilities.clone()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let model = request.model.clone();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let script = self.scripts().pop_front().ok_or_else(|| {
            let failure = ProviderFailure::new(self.id.clone(), "the script has no further answer");
            ProviderError::InvalidRequest(failure)
        })?;
        let Script { acts, content, usage, stop_reason, ending } = script;
        let last = match ending {
            ScriptEnding::RefuseAtOnce(error) => return Err(error),
            ScriptEnding::FailInStream(error) => Some(Err(error)),
            ScriptEnding::EndWithoutAnswer => None,
            ScriptEnding::Hang => {
                let pieces = play(acts).chain(futures::stream::pending());
                return Ok(pieces.boxed());
            }
            ScriptEnding::Answer => {
                let message = Message::new(Role::Assistant, content);
                let mut response = ChatResponse::new(self.id.clone(), model, message);
                response.usage = usage;
                if let Some(reason) = stop_reason {
                    response.stop_reason = reason;
                }
                Some(Ok(ChatChunk::Finished(Box::new(response))))
            }
        };
        Ok(play(acts).chain(futures::stream::iter(last)).boxed())
    }
}

fn play(
    acts: Vec<Act>,
) -> impl futures::Stream<Item = Result<ChatChunk, ProviderError>> + Send + 'static {
    futures::stream::iter(acts).filter_map(|act| async {
        match act {
            Act::Say(chunk) => Some(Ok(chunk)),
            Act::Pause(time) => {
                tokio::time::sleep(time).await;
                None
            }
        }
    })
}
