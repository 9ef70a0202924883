//! A whole answer.

use serde::Deserialize;
use serde::Serialize;

use crate::id::ModelName;
use crate::id::ProviderId;
use crate::message::Message;
use crate::message::MicroUsd;
use crate::message::Usage;

/// A model's whole answer to one request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChatResponse {
    /// What it said and which tools it asks for.
    pub message: Message,
    /// Why it stopped.
    pub stop_reason: StopReason,
    /// What the call used.
    pub usage: Usage,
    /// What the call cost, where the price is known.
    pub cost: Option<MicroUsd>,
    /// Who answered.
    pub provider: ProviderId,
    /// The model that answered, as the provider names it.
    pub model: ModelName,
}

impl ChatResponse {
    /// An answer with no usage told and an ordinary end.
    pub fn new(provider: ProviderId, model: ModelName, message: Message) -> Self {
        let stop_reason = match message.tool_calls().next() {
            Some(_) => StopReason::ToolUse,
            None => StopReason::EndTurn,
        };
        Self { message, stop_reason, usage: Usage::default(), cost: None, provider, model }
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// It said what it had to say.
    EndTurn,
    /// It waits for tools.
    ToolUse,
    /// The answer was cut at the output limit.
    MaxTokens,
    /// A stop sequence was met.
    StopSequence,
    /// It, or a filter of the provider, declined.
    Refusal,
    /// The run was stopped in the middle of the answer; what had arrived was kept.
    Cancelled,
    /// The provider paused a long turn and wants to be asked to go on.
    Paused,
    /// A reason of the provider's own.
    Other(String),
}
