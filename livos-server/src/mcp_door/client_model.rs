//! The model behind the calls of MCP clients: it makes the one call that its input names, and is done.
//!
//! So a call of a client is a run like any other: decided about, asked about, written down before it is
//! made, and gone on with after a crash, by whichever server drives it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use livos_core::AIProvider;
use livos_core::Capabilities;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::ModelInfo;
use livos_core::ModelLookup;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::ProviderManager;
use livos_core::Role;
use livos_core::TokenCounter;
use livos_core::ToolCall;
use livos_core::ToolName;
use serde_json::Map;
use serde_json::Value;

/// The name of the model.
pub(super) const MODEL: &str = "client/call";

/// What its input begins with.
const CALL: &str = "call ";

/// The input that stands for a call.
pub(super) fn input(tool: &ToolName, arguments: &Map<String, Value>) -> String {
    format!("{CALL}{tool} {}", Value::Object(arguments.clone()))
}

/// The call that an input stands for.
fn read(input: &str) -> Option<ToolCall> {
    let (tool, arguments) = input.strip_prefix(CALL)?.split_once(' ')?;
    let arguments: Map<String, Value> = serde_json::from_str(arguments).ok()?;
    Some(ToolCall::new("call", ToolName::from(tool), arguments))
}

/// Makes the call that its input names.
#[derive(Debug)]
pub(super) struct ClientModel(ProviderId);

impl ClientModel {
    pub(super) fn new() -> Self {
        Self(ProviderId::from("client"))
    }

    fn answer(&self, request: &ChatRequest) -> ChatResponse {
        // What was said since the input: nothing yet, or the call and what came of it.
        let since =
            request.conversation.iter().rev().take_while(|message| message.role != Role::Assistant);
        let mut texts =
            since.flat_map(|message| message.content.iter()).filter_map(ContentBlock::as_text);
        let call = texts.find_map(read);
        let message = match call {
            Some(call) => Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)]),
            None => Message::assistant("done"),
        };
        ChatResponse::new(self.0.clone(), request.model.clone(), message)
    }
}

#[async_trait]
impl AIProvider for ClientModel {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let response = Box::new(self.answer(&request));
        Ok(stream::iter([Ok(ChatChunk::Finished(response))]).boxed())
    }
}

/// The models that there are, and the one behind the calls of clients.
#[derive(Debug)]
pub(crate) struct WithClientModel {
    models: ProviderManager,
    client: ClientModel,
}

impl WithClientModel {
    /// These models and that one.
    pub(crate) fn beside(models: ProviderManager) -> Self {
        Self { models, client: ClientModel::new() }
    }
}

#[async_trait]
impl AIProvider for WithClientModel {
    fn id(&self) -> &ProviderId {
        self.models.id()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        match request.model.as_str() {
            MODEL => self.client.chat_stream(request).await,
            _ => self.models.chat_stream(request).await,
        }
    }

    async fn verify(&self) -> Result<(), ProviderError> {
        self.models.verify().await
    }

    fn capabilities(&self, model: &ModelName) -> Capabilities {
        match model.as_str() {
            MODEL => self.client.capabilities(model),
            _ => self.models.capabilities(model),
        }
    }

    fn model_lookup(&self) -> Option<&dyn ModelLookup> {
        self.models.model_lookup()
    }

    fn token_counter(&self, model: &ModelName) -> Option<Arc<dyn TokenCounter>> {
        self.models.token_counter(model)
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        self.models.models().await
    }
}

#[cfg(test)]
mod tests {
    use livos_core::ToolResult;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_input_stands_for_its_call_and_nothing_else_does() {
        let arguments =
            json!({ "path": "a b", "content": "call x {}" }).as_object().cloned().unwrap();
        let read_back = read(&input(&ToolName::from("file_write"), &arguments)).unwrap();
        let written = ToolCall::new("call", ToolName::from("file_write"), arguments);
        assert_eq!(read_back, written);
        for other in ["", "call", "call x", "call x []", "Call x {}", "write {}"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_call_is_made_once_for_each_input() {
        let model = ClientModel::new();
        let answer = |conversation: &[Message]| {
            let request = ChatRequest::new(ModelName::from(MODEL), conversation.to_vec());
            model.answer(&request).message
        };
        let mut conversation = vec![Message::user("call look {}")];
        let called = answer(&conversation);
        assert_eq!(called.tool_calls().count(), 1);
        let id = called.tool_calls().next().unwrap().call_id.clone();
        conversation.push(called);
        let result = ToolResult {
            call_id: id,
            name: "look".into(),
            content: vec![ContentBlock::text("call look {}")],
            is_error: false,
        };
        conversation.push(Message::new(Role::User, vec![ContentBlock::ToolResult(result)]));
        assert_eq!(answer(&conversation).text(), "done");
        conversation.push(Message::assistant("done"));
        conversation.push(Message::user("call look {\"again\": true}"));
        assert_eq!(answer(&conversation).tool_calls().count(), 1);
    }
}
