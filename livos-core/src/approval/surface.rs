//! Where people see what waits for them.

use std::fmt;

use crate::store::ApprovalRecord;

/// A place where people see what waits for them: a channel, a desktop notice.
///
/// Register it with [`ApprovalManagerBuilder::surface`](crate::ApprovalManagerBuilder::surface); it is told of
/// requests that the agents of this process make, and of decisions that are taken in it or that its agents waited
/// for. It collects answers however it likes (buttons, replies) and hands each to
/// [`ApprovalManager::decide`](crate::ApprovalManager::decide), whose error tells who was faster.
///
/// Both methods are called in the task that drives a run or answers a request: they must return at once, and
/// send from a task of their own. After a start,
/// [`ApprovalManager::list`](crate::ApprovalManager::list) has what was asked before.
pub trait ApprovalSurface: fmt::Debug + Send + Sync + 'static {
    /// Somebody is asked.
    fn requested(&self, approval: &ApprovalRecord);

    /// It was decided: take buttons away. May be told twice.
    fn resolved(&self, approval: &ApprovalRecord) {
        let _ = approval;
    }
}
