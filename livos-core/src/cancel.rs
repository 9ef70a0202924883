//! Asking work to stop, and learning that it was asked.

use tokio_util::sync::CancellationToken;

/// A request to stop that reaches everything below it: a run's signal reaches
/// its model call and each of its tool calls. Clones are the same signal.
#[derive(Debug, Clone, Default)]
pub struct CancelSignal(CancellationToken);

impl CancelSignal {
    /// A signal of its own, not yet given.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that is given when this one is, and can be given alone.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Gives the signal. Giving it again changes nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is given. Cancellation safe: dropping the wait loses nothing.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
