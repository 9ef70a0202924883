//! A model that makes one call and is done: what a client of ours asks for, as a run.

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
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolName;
use serde_json::Map;
use serde_json::Value;

/// The name it answers to.
const NAME: &str = "client";

/// A model that makes one call and is done.
#[derive(Debug)]
pub(super) struct OneCall {
    id: ProviderId,
    tool: ToolName,
    arguments: Map<String, Value>,
}

impl OneCall {
    pub(super) fn new(tool: ToolName, arguments: Map<String, Value>) -> Self {
        Self { id: ProviderId::from(NAME), tool, arguments }
    }
}

#[async_trait]
impl AIProvider for OneCall {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let was_made = request.conversation.iter().any(|message| message.role == Role::Assistant);
        let message = if was_made {
            Message::assistant("done")
        } else {
            let call = ToolCall::new("call", self.tool.clone(), self.arguments.clone());
            Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)])
        };
        let response = ChatResponse::new(self.id.clone(), request.model.clone(), message);
        Ok(stream::iter([Ok(ChatChunk::Finished(Box::new(response)))]).boxed())
    }
}
