//! Why an answer did not count.

use super::MAX_RULES;
use crate::id::ApprovalId;
use crate::id::RuleId;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::StoreError;

/// Why an answer did not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// There is no such request; list what there is.
    #[error("no approval with id {0}")]
    NotFound(ApprovalId),
    /// Somebody was faster.
    #[error("approval {id} was {} already, by {by} via {via}", .state.name())]
    Decided {
        /// The request.
        id: ApprovalId,
        /// How it was decided.
        state: ApprovalState,
        /// By whom.
        by: String,
        /// On which surface.
        via: String,
    },
    /// Its time is over; ask the agent again.
    #[error("approval {0} has expired; ask for the work again")]
    Expired(ApprovalId),
    /// Its run is over; nothing waits for it any more.
    #[error("approval {0} is void since its run has ended")]
    RunEnded(ApprovalId),
    /// The answer does not fit the request.
    #[error("{field}: {message}")]
    Invalid {
        /// The part of the answer that is wrong.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// There is no such rule.
    #[error("no rule with id {0}")]
    UnknownRule(RuleId),
    /// There are too many; remove some.
    #[error("there are {MAX_RULES} rules already; remove some before you add another")]
    TooManyRules,
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with deciding this, if it was decided.
pub(super) fn already(record: &ApprovalRecord) -> Option<ApprovalError> {
    let resolution = &record.resolved.as_ref()?.resolution;
    let (id, state) = (record.id(), record.state());
    Some(match state {
        ApprovalState::Abandoned => ApprovalError::RunEnded(id),
        ApprovalState::Expired => ApprovalError::Expired(id),
        ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Denied => {
            let (by, via) = (resolution.by.to_string(), resolution.via.to_string());
            ApprovalError::Decided { id, state, by, via }
        }
    })
}
