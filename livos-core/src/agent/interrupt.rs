//! What breaks into waiting: a cancel, or the end of the time allowed.

use std::time::Duration;

use crate::cancel::CancelSignal;

/// Why waiting was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// Somebody stopped the run.
    Cancelled,
    /// The time allowed is over.
    TimeUp,
}

/// Waits for work, but not longer than allowed and not past a cancel.
pub(super) async fn interruptible<T>(
    cancel: &CancelSignal,
    time_left: Option<Duration>,
    work: impl Future<Output = T>,
) -> Result<T, Interruption> {
    let time_up = async {
        match time_left {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = cancel.cancelled() => Err(Interruption::Cancelled),
        () = time_up => Err(Interruption::TimeUp),
    }
}
