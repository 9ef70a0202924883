//! A provider without a wire: what is left is the cost of the loop itself.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolInput;

use crate::mock::Script;
use crate::mock::TOOL;

/// Answers by a script, at once and from memory.
#[derive(Debug)]
pub struct InProcess {
    id: ProviderId,
    script: Script,
    calls_per_round: u32,
}

impl InProcess {
    /// A provider with this script; its pauses are left out.
    pub fn new(script: Script) -> Self {
        Self { id: ProviderId::from("in-process"), script, calls_per_round: 1 }
    }

    /// Sets how many tools it asks for in each round.
    pub fn with_calls_per_round(mut self, calls: u32) -> Self {
        self.calls_per_round = calls;
        self
    }

    fn answer(&self, request: &ChatRequest) -> (Vec<ChatChunk>, Message) {
        let answers =
            request.conversation.iter().filter(|message| message.role == Role::Assistant).count();
        let round = u32::try_from(answers).unwrap_or(u32::MAX);
        if round < self.script.rounds {
            let calls = (0..self.calls_per_round).map(|index| tool_call(round, index)).collect();
            return (Vec::new(), Message::new(Role::Assistant, calls));
        }
        let deltas = (0..self.script.deltas).map(|_| ChatChunk::Text(" word".to_owned())).collect();
        (deltas, Message::assistant(" word".repeat(self.script.deltas as usize)))
    }
}

fn tool_call(round: u32, index: u32) -> ContentBlock {
    let input = ToolInput::parse(&format!("{{\"a\": {}, \"b\": {index}}}", 1000 + round));
    ContentBlock::ToolUse(ToolCall::new(format!("call_{round:020}_{index:03}"), TOOL, input))
}

#[async_trait]
impl AIProvider for InProcess {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let (mut chunks, message) = self.answer(&request);
        let model = ModelName::from("mock-1");
        let response = ChatResponse::new(self.id.clone(), model, message);
        chunks.push(ChatChunk::Finished(Box::new(response)));
        Ok(stream::iter(chunks).map(Ok).boxed())
    }
}
