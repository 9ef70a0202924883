//! What came of a sub-agent.

use crate::event::EventKind;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolCallId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::tool::Spent;

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

impl SubagentOutcome {
    /// What it takes of its parent's budget.
    pub fn spent(&self) -> Spent {
        Spent { usage: self.usage, cost_micro_usd: self.cost }
    }

    /// The entry that tells of it.
    pub(super) fn event(&self, call_id: &ToolCallId) -> EventKind {
        let status = match self.state {
            RunState::Completed => RunStatus::Completed,
            RunState::Cancelled => RunStatus::Cancelled,
            RunState::Exhausted => RunStatus::Exhausted,
            _ => RunStatus::Failed,
        };
        EventKind::SubagentFinished {
            call_id: call_id.clone(),
            child_session_id: self.session_id,
            child_run_id: self.run_id,
            status,
            text: self.text.clone(),
            usage: self.usage,
        }
    }
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
