//! What breaks into waiting: a cancel, or the end of the time allowed.

use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

use futures::task::AtomicWaker;

use crate::cancel::CancelSignal;

/// Why waiting was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    Cancelled,
    TimeUp,
}

/// Waits for `work`, but no longer than `time_left` and only until `cancel`.
///
/// Whoever waits drops the work then. Work that is woken often, as by
/// the pieces of a streamed answer, does not pay for the two it seldom meets:
/// they are looked at only when one of them rings.
pub(super) async fn interruptible<T>(
    cancel: &CancelSignal,
    time_left: Option<Duration>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Interruption> {
    let mut interruption = pin!(interruption(cancel, time_left));
    let mut bell = None;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        let (bell, waker) = bell.get_or_insert_with(Bell::hang);
        if !bell.has_rung(context) {
            return Poll::Pending;
        }
        interruption.as_mut().poll(&mut Context::from_waker(waker)).map(Err)
    })
    .await
}

async fn interruption(cancel: &CancelSignal, time_left: Option<Duration>) -> Interruption {
    let time_up = async {
        match time_left {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Interruption::Cancelled,
        () = time_up => Interruption::TimeUp,
    }
}

/// A waker that remembers that it was used, and passes it on.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    sleeper: AtomicWaker,
}

impl Bell {
    /// A bell that has just rung, so that what is to ring it is asked a first time.
    fn hang() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self { rung: AtomicBool::new(true), sleeper: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&bell));
        (bell, waker)
    }

    fn has_rung(&self, context: &Context<'_>) -> bool {
        // In this order: who rings after the look finds the waker.
        self.sleeper.register(context.waker());
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.sleeper.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(3600));

    #[tokio::test]
    async fn a_cancel_breaks_into_work_that_never_ends() {
        let cancel = CancelSignal::new();
        let work = pin!(std::future::pending::<()>());
        let waiting = interruptible(&cancel, LONG, work);
        let (ended, ()) = tokio::join!(waiting, async { cancel.cancel() });
        assert_eq!(ended, Err(Interruption::Cancelled));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_woken_again_and_again_runs_out_of_time() {
        let cancel = CancelSignal::new();
        let busy = async {
            loop {
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        };
        let ended: Result<(), _> =
            interruptible(&cancel, Some(Duration::from_secs(1)), pin!(busy)).await;
        assert_eq!(ended, Err(Interruption::TimeUp));
    }

    #[tokio::test]
    async fn work_that_is_done_wins() {
        let cancel = CancelSignal::new();
        cancel.cancel();
        assert_eq!(interruptible(&cancel, LONG, pin!(std::future::ready(7))).await, Ok(7));
    }
}
