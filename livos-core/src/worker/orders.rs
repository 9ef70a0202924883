//! What the task of a run is told by others.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cancel::CancelSignal;
use crate::store::LeaseToken;

/// What the task of a run is told. Clones tell the same task.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    /// Which claim of the run the task holds.
    pub(super) token: LeaseToken,
    /// The run shall end.
    pub(super) cancel: CancelSignal,
    /// The run shall be left where it is.
    pub(super) leave: CancellationToken,
    /// The lease shall be renewed now, since something may have happened.
    pub(super) look: Arc<Notify>,
}

impl Orders {
    pub(super) fn new(token: LeaseToken, leaving: &CancellationToken) -> Self {
        let (cancel, look) = (CancelSignal::new(), Arc::default());
        Self { token, cancel, leave: leaving.child_token(), look }
    }
}
