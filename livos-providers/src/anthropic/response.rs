//! Anthropic's content blocks to ours, for whole answers and streamed ones.

use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::NativeBlock;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::Signature;
use livos_core::StopReason;
use livos_core::Text;
use livos_core::Thinking;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolInput;
use livos_core::ToolName;
use livos_core::Usage;
use serde_json::Value;

use super::ISSUER;
use super::wire;
use super::wire::WireMessage;
use crate::catalog;
use crate::failure;

/// An answer being put together.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) provider: ProviderId,
    pub(super) model: String,
    pub(super) blocks: Vec<OpenBlock>,
    pub(super) stop_reason: Option<StopReason>,
    pub(super) usage: Usage,
}

/// A block that may still grow.
#[derive(Debug)]
pub(super) enum OpenBlock {
    Text(Text),
    Thinking {
        text: String,
        signature: String,
    },
    ToolUse {
        call_id: ToolCallId,
        name: ToolName,
        /// What the block began with: `{}`, or all of it on wires that do not stream arguments.
        initial: Value,
        json: String,
    },
    /// Anything else, with the arguments that are streamed to it (server tools).
    Native {
        value: Value,
        json: String,
    },
}

impl Answer {
    pub(super) fn new(provider: ProviderId, model: &str) -> Self {
        let usage = Usage::default();
        Self { provider, model: model.to_owned(), blocks: Vec::new(), stop_reason: None, usage }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// When it is no message, or holds an error although its status was 200.
    pub(super) fn whole(
        provider: ProviderId,
        model: &str,
        body: &[u8],
    ) -> Result<Self, ProviderError> {
        let malformed = |message: &str| ProviderFailure::new(provider.clone(), message);
        let message: WireMessage = serde_json::from_slice(body).map_err(|error| {
            let failure = malformed("the answer is not the JSON of a message");
            ProviderError::MalformedResponse(failure.with_source(error))
        })?;
        if let Some(error) = &message.error {
            return Err(failure::from_error_object(&provider, error));
        }
        if message.content.is_none() {
            return Err(ProviderError::MalformedResponse(malformed("the answer has no content")));
        }
        let mut answer = Self::new(provider, model);
        answer.begin(message);
        Ok(answer)
    }

    /// Takes what a message says of itself.
    pub(super) fn begin(&mut self, message: WireMessage) {
        if let Some(model) = message.model.filter(|model| !model.is_empty()) {
            self.model = model;
        }
        if let Some(usage) = message.usage {
            usage.update(&mut self.usage);
        }
        self.stop_reason = message.stop_reason.as_deref().and_then(wire::stop_reason);
        self.blocks.extend(message.content.into_iter().flatten().map(OpenBlock::new));
    }

    pub(super) fn finish(self) -> ChatResponse {
        let content = self.blocks.into_iter().filter_map(OpenBlock::close).collect();
        let message = Message::new(Role::Assistant, content);
        let cost = catalog::find_model(catalog::Vendor::Anthropic, &self.model)
            .and_then(|model| model.cost(self.usage));
        let mut response = ChatResponse::new(self.provider, self.model.into(), message);
        if let Some(reason) = self.stop_reason {
            response.stop_reason = reason;
        }
        response.usage = self.usage;
        response.cost = cost;
        response
    }
}

impl OpenBlock {
    pub(super) fn new(mut block: Value) -> Self {
        let mut text = |name: &str| match block.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        match text("type").as_str() {
            "text" => {
                let text = text("text");
                let citations = match block.get_mut("citations").map(Value::take) {
                    Some(Value::Array(citations)) => citations,
                    _ => Vec::new(),
                };
                Self::Text(Text { text, signature: None, citations })
            }
            "thinking" => Self::Thinking { text: text("thinking"), signature: text("signature") },
            "tool_use" => Self::ToolUse {
                call_id: text("id").into(),
                name: text("name").into(),
                initial: block.get_mut("input").map(Value::take).unwrap_or_default(),
                json: String::new(),
            },
            kind => {
                if let Some(object) = block.as_object_mut() {
                    object.insert("type".to_owned(), Value::from(kind));
                }
                Self::Native { value: block, json: String::new() }
            }
        }
    }

    /// The finished block; none for text without words and sources.
    fn close(self) -> Option<ContentBlock> {
        Some(match self {
            Self::Text(text) if text.text.is_empty() && text.citations.is_empty() => return None,
            Self::Text(text) => ContentBlock::Text(text),
            Self::Thinking { text, signature } => {
                let signature = Some(signature).filter(|value| !value.is_empty());
                let signature = signature.map(|value| Signature { issuer: ISSUER.into(), value });
                ContentBlock::Thinking(Thinking { text, signature })
            }
            Self::ToolUse { call_id, name, initial, json } => {
                let input = match initial {
                    _ if !json.is_empty() => ToolInput::parse(&json),
                    Value::Null => ToolInput::parse(""),
                    initial => ToolInput::from(initial),
                };
                ContentBlock::ToolUse(ToolCall::new(call_id, name, input))
            }
            Self::Native { mut value, json } => {
                if let Ok(input) = serde_json::from_str(&json)
                    && let Some(object) = value.as_object_mut()
                {
                    let _: Option<Value> = object.insert("input".to_owned(), input);
                }
                ContentBlock::Native(NativeBlock { issuer: ISSUER.into(), value })
            }
        })
    }
}
