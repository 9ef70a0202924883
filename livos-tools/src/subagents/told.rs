//! What the manager answers, in words for a model.

use livos_core::RunState;
use livos_core::SessionId;
use livos_core::SubagentError;
use livos_core::SubagentOutcome;
use livos_core::ToolError;

/// A refusal that the model can act on, or what is wrong with the store.
pub(super) fn failed(error: &SubagentError) -> ToolError {
    if error.is_callers_fault() {
        return ToolError::model(error.to_string());
    }
    tracing::warn!(%error, "the store did not answer a sub-agent's tool");
    ToolError::model(format!("{error}; try again later"))
}

/// The id of a session, or what is wrong with it.
pub(super) fn session_id(text: &str) -> Result<SessionId, ToolError> {
    text.parse().map_err(|error| ToolError::model(format!("session_id: {error}")))
}

/// How a run stands, in one word.
pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Waiting => "waiting",
        RunState::Completed => "completed",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Exhausted => "exhausted",
    }
}

/// What came of a sub-agent.
pub(super) fn outcome(outcome: &SubagentOutcome) -> String {
    let state = match outcome.state {
        RunState::Completed => String::new(),
        other => format!("[the agent {}]\n", state(other)),
    };
    let why = match &outcome.error {
        Some(error) => format!("[{}: {}]\n", error.kind, error.message),
        None => String::new(),
    };
    let said = match outcome.text.trim() {
        "" => "(it said nothing)",
        _ => &outcome.text,
    };
    [state.as_str(), &why, said].concat()
}
