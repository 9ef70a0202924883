//! What a model is asked.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::ToolName;
use crate::message::Conversation;
use crate::message::Message;
use crate::tool::ToolSpec;

/// One request to a model. Clones are cheap: the large parts are shared.
///
/// Everything up to and including `conversation` is sent so that the next
/// request of the session repeats it byte for byte; what changes from turn to
/// turn belongs into `volatile`, which is sent last.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChatRequest {
    /// Which model to ask.
    pub model: ModelName,
    /// The provider that answered this run before and is to be asked first. Read by the manager.
    pub preferred_provider: Option<ProviderId>,
    /// The standing instructions.
    pub system: Option<Arc<str>>,
    /// The tools on offer, in a fixed order.
    pub tools: Arc<[ToolSpec]>,
    /// Which tools may or must be called.
    pub tool_choice: ToolChoice,
    /// What was said.
    pub conversation: Conversation,
    /// Facts of the moment (the time, recalled memories), sent after everything that can be cached.
    pub volatile: Option<Arc<str>>,
    /// The shape the answer must have.
    pub output: OutputFormat,
    /// How the answer shall arrive.
    pub delivery: Delivery,
    /// How much to reason first.
    pub thinking: ThinkingEffort,
    /// How many tokens the answer may have; the model's own limit where absent.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature; the provider's default where absent.
    pub temperature: Option<f32>,
    /// Nucleus sampling; the provider's default where absent.
    pub top_p: Option<f32>,
    /// Texts that end the answer.
    pub stop_sequences: Vec<String>,
}

impl ChatRequest {
    /// A request without tools or instructions.
    pub fn new<M: Into<Arc<Message>>>(
        model: impl Into<ModelName>,
        messages: impl IntoIterator<Item = M>,
    ) -> Self {
        Self::of(model, messages.into_iter().collect())
    }

    /// A request that continues a conversation.
    pub fn of(model: impl Into<ModelName>, conversation: Conversation) -> Self {
        Self {
            model: model.into(),
            preferred_provider: None,
            system: None,
            tools: Arc::default(),
            tool_choice: ToolChoice::Auto,
            conversation,
            volatile: None,
            output: OutputFormat::Text,
            delivery: Delivery::Streamed,
            thinking: ThinkingEffort::Off,
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            stop_sequences: Vec::new(),
        }
    }
}

/// Which tools a model may or must call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// It must not call any.
    None,
    /// It must call one.
    Required,
    /// It must call this one.
    Tool(ToolName),
}

/// How an answer arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Piece by piece, for somebody who watches.
    #[default]
    Streamed,
    /// In one piece, where the provider can: less work for the wire and for us.
    Whole,
}

/// The shape an answer must have.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum OutputFormat {
    /// Any text.
    #[default]
    Text,
    /// JSON that fits a schema, where the model supports it.
    JsonSchema {
        /// A name for the schema (letters, digits, `_`, `-`).
        name: Arc<str>,
        /// The JSON Schema.
        schema: Arc<Value>,
    },
}

/// How much a model shall reason before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingEffort {
    /// Not at all, or as little as the model can.
    #[default]
    Off,
    /// A little.
    Low,
    /// As the vendor recommends.
    Medium,
    /// As much as it likes.
    High,
}
