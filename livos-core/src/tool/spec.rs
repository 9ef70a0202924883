//! What a model and the executor know about a tool.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::id::ToolName;

/// What a tool does to the world: decides recovery, approval and concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    ReadOnly,
    /// Changes something, but twice is the same as once.
    Idempotent,
    /// Changes something; twice is not once.
    Mutating,
    /// Destroys, sends, spends: what cannot be taken back.
    Destructive,
}

impl Effect {
    /// Whether a call whose outcome is unknown may simply be made again.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Idempotent)
    }
}

/// Whether calls of one turn may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// Only when the effect is [`Effect::ReadOnly`].
    #[default]
    ByEffect,
    /// Always: the tool takes care of itself.
    Safe,
}

/// A right that not every run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Right {
    /// To start other agents.
    Spawn,
}

/// When a model is told about a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Disclosure {
    /// In every request, as far as the model's window is large enough for all that are.
    #[default]
    Always,
    /// When all tools together take little room, or once it was found by a search. Called by its
    /// right name, it works before as well.
    WhenFound,
    /// Only while others are withheld: it is what finds them.
    ToFind,
}

impl Disclosure {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_always(&self) -> bool {
        *self == Self::Always
    }
}

/// What a model and the executor know about a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolSpec {
    /// The name a model calls it by.
    pub name: ToolName,
    /// What it does, for the model.
    pub description: Arc<str>,
    /// JSON Schema (draft 2020-12) of the arguments, an object.
    pub input_schema: Arc<Value>,
    /// What it does to the world.
    pub effect: Effect,
    /// Whether it may run beside others.
    pub concurrency: Concurrency,
    /// The right that a run needs to see and call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Right>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How many bytes of text a result may bring into the conversation.
    pub output_limit: usize,
    /// When a model is told about it.
    #[serde(default, skip_serializing_if = "Disclosure::is_always")]
    pub disclosure: Disclosure,
}

impl ToolSpec {
    /// How long a call may take unless the tool says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
    /// How many bytes of text a result may have unless the tool says otherwise: about 8,000 tokens.
    pub const DEFAULT_OUTPUT_LIMIT: usize = 32 * 1024;

    /// A tool with the default limits.
    pub fn new(
        name: impl Into<ToolName>,
        description: impl Into<Arc<str>>,
        input_schema: impl Into<Arc<Value>>,
        effect: Effect,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            input_schema: input_schema.into(),
            effect,
            concurrency: Concurrency::ByEffect,
            requires: None,
            timeout: Self::DEFAULT_TIMEOUT,
            output_limit: Self::DEFAULT_OUTPUT_LIMIT,
            disclosure: Disclosure::Always,
        }
    }

    /// Sets how long one call may take.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many bytes of text a result may have.
    pub fn with_output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Hides the tool from runs that lack a right.
    pub fn requiring(mut self, right: Right) -> Self {
        self.requires = Some(right);
        self
    }

    /// Sets when a model is told about it.
    pub fn with_disclosure(mut self, disclosure: Disclosure) -> Self {
        self.disclosure = disclosure;
        self
    }

    /// Declares that calls may run at the same time as any other.
    pub fn concurrency_safe(mut self) -> Self {
        self.concurrency = Concurrency::Safe;
        self
    }

    /// Whether calls may run beside others of the same turn.
    pub fn runs_concurrently(&self) -> bool {
        self.concurrency == Concurrency::Safe || self.effect == Effect::ReadOnly
    }
}
