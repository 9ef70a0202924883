//! What a model can do.

use serde::Deserialize;
use serde::Serialize;

use crate::id::ModelName;
use crate::id::ProviderId;

/// How a model calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolSupport {
    /// The wire has tool calls and the model makes them.
    Native,
    /// It has none; tools are offered as JSON in text.
    JsonInText,
}

/// What a model can do, as far as it is known.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an ability of its own; none excludes another"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Capabilities {
    /// How it calls tools.
    pub tools: ToolSupport,
    /// Whether it can be held to a JSON Schema.
    pub structured_output: bool,
    /// Whether it sees images.
    pub images: bool,
    /// Whether it reads documents.
    pub documents: bool,
    /// Whether it can be asked to reason first.
    pub thinking: bool,
    /// How many tokens of prompt and answer fit.
    pub context_window: Option<u64>,
    /// How many tokens an answer may have at most.
    pub max_output_tokens: Option<u64>,
}

impl Default for Capabilities {
    /// Native tools and text; nothing else is assumed.
    fn default() -> Self {
        Self {
            tools: ToolSupport::Native,
            structured_output: false,
            images: false,
            documents: false,
            thinking: false,
            context_window: None,
            max_output_tokens: None,
        }
    }
}

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The provider that serves it.
    pub provider: ProviderId,
    /// Its name there.
    pub model: ModelName,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl ModelInfo {
    /// A model of a provider.
    pub fn new(provider: ProviderId, model: ModelName, capabilities: Capabilities) -> Self {
        Self { provider, model, capabilities }
    }
}
