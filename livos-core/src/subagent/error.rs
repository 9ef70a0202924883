//! Why an agent was not started, defined or reached.

use crate::id::AgentName;
use crate::id::SessionId;
use crate::id::ToolName;
use crate::store::StoreError;

/// Why an agent was not started, defined or reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubagentError {
    /// The run was started by another and has no right to start more.
    #[error("this run may not start other agents: it is a sub-agent itself; do the work here")]
    MayNotSpawn,
    /// A value cannot be used.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The parent does not have that tool.
    #[error("tools: there is no tool '{tool}' to pass on; there are {known}")]
    UnknownTool {
        /// The tool.
        tool: ToolName,
        /// The tools there are.
        known: String,
    },
    /// More than there is to give.
    #[error("budget.{field}: {asked} is more than the {limit} there are to give")]
    OverBudget {
        /// Which limit.
        field: &'static str,
        /// What was asked for.
        asked: u64,
        /// What there is.
        limit: u64,
    },
    /// There is an agent of that name.
    #[error("id: there is an agent '{0}' already; change that one, or take another name")]
    Taken(AgentName),
    /// Nobody has defined such an agent.
    #[error("agent: there is no agent '{0}'; define it first, or leave the agent out")]
    UnknownAgent(AgentName),
    /// The session is not one that this one started.
    #[error("session_id: session {0} was not started from here")]
    ForeignSession(SessionId),
    /// The child is over, and its result was given.
    #[error("session_id: session {0} is finished and takes no more messages; start another")]
    Finished(SessionId),
    /// A session has as many children as it may.
    #[error("this session has started {limit} agents, no more are taken; delete some")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SubagentError {
    pub(super) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }

    /// Whether the one who asked can mend it; else the store is at fault.
    pub fn is_callers_fault(&self) -> bool {
        !matches!(self, Self::Store(_))
    }
}
