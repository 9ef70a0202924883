//! What came of a sub-agent.

use crate::event::RunError;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::RunRecord;
use crate::store::RunState;

/// What came of a sub-agent's run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubagentOutcome {
    /// Its session.
    pub session_id: SessionId,
    /// Its run.
    pub run_id: RunId,
    /// How it ended.
    pub state: RunState,
    /// What it said last.
    pub text: String,
    /// Why it did not complete.
    pub error: Option<RunError>,
    /// What its model calls used.
    pub usage: Usage,
    /// What they cost, where prices are known.
    pub cost: Option<MicroUsd>,
}

impl From<RunRecord> for SubagentOutcome {
    fn from(run: RunRecord) -> Self {
        Self {
            session_id: run.session_id,
            run_id: run.id,
            state: run.state,
            text: run.text.unwrap_or_default(),
            error: run.error,
            usage: run.usage,
            cost: run.cost_micro_usd,
        }
    }
}
