//! How runs and tool calls end.

use serde::Deserialize;
use serde::Serialize;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// The model said it is done.
    Completed,
    /// It could not go on; the error says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its budget is used up; the text is what it could say in its last turn.
    Exhausted,
}

/// Why a run did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct RunError {
    /// The kind in one word: a [`ProviderError::kind`](crate::ProviderError::kind), `tool_failed`,
    /// `no_progress`, `journal_failed`, or a [`BudgetLimit`](crate::BudgetLimit).
    pub kind: String,
    /// What happened, for people.
    pub message: String,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It did what was asked.
    Ok,
    /// It failed, or its arguments did not fit; the model was told.
    Error,
    /// It was not allowed.
    Denied,
    /// It took longer than it may.
    TimedOut,
    /// The run was stopped.
    Cancelled,
    /// The process died during the call; nobody knows whether it took effect.
    Unknown,
}
