//! Ends of finished answers that are still on their way.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::MAX_IDLE_CONNECTIONS;

/// How long the end of a finished answer may take to come.
pub(crate) const TAIL_TIMEOUT: Duration = Duration::from_secs(1);

/// How many ends are read at once: more connections than the pool keeps need not be saved.
const MAX_TAILS: usize = MAX_IDLE_CONNECTIONS;

/// Reads the ends of finished answers, so that their connections can be used again: one that is
/// not read to its end is closed.
///
/// It belongs to the pool that the connections go back to. With its last clone go the tasks that
/// read, and the connections they hold.
#[derive(Clone, Default)]
pub(crate) struct Tails(Arc<Mutex<JoinSet<()>>>);

impl Tails {
    /// Reads what is left of a body, for at most [`TAIL_TIMEOUT`]. Outside a runtime, or where
    /// too many are read already, the connection is closed instead.
    pub(crate) fn read(
        &self,
        mut bytes: impl Stream<Item = reqwest::Result<Bytes>> + Send + Unpin + 'static,
    ) {
        let Ok(runtime) = Handle::try_current() else { return };
        // A panic cannot leave the set half-changed.
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while reading.try_join_next().is_some() {}
        if reading.len() < MAX_TAILS {
            let rest = async move { while let Some(Ok(_)) = bytes.next().await {} };
            let rest = async { drop(tokio::time::timeout(TAIL_TIMEOUT, rest).await) };
            reading.spawn_on(rest, &runtime);
        }
    }

    /// Waits until everything that was to be read is read or given up.
    #[cfg(test)]
    pub(crate) async fn finish(&self) {
        let reading = std::mem::take(&mut *self.0.lock().unwrap());
        reading.join_all().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::oneshot;
    use futures::stream;
    use tokio::time::Instant;

    use super::*;

    /// A body whose end never comes, and what resolves when it is dropped.
    fn endless()
    -> (impl Stream<Item = reqwest::Result<Bytes>> + Send + Unpin, oneshot::Receiver<()>) {
        let (held, dropped) = oneshot::channel();
        let bytes = stream::pending().inspect(move |_| assert!(!held.is_canceled()));
        (bytes, dropped)
    }

    #[tokio::test]
    async fn they_go_with_their_pool() {
        let tails = Tails::default();
        let (bytes, dropped) = endless();
        tails.read(bytes);
        let started = std::time::Instant::now();
        drop(tails);
        assert!(dropped.await.is_err());
        assert!(started.elapsed() < TAIL_TIMEOUT, "not because of the time that passed");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_is_given_up() {
        let tails = Tails::default();
        let (bytes, dropped) = endless();
        let started = Instant::now();
        tails.read(bytes);
        assert!(dropped.await.is_err());
        assert_eq!(started.elapsed(), TAIL_TIMEOUT);
    }

    #[tokio::test]
    async fn they_are_bounded() {
        let tails = Tails::default();
        for _ in 0..MAX_TAILS {
            tails.read(endless().0);
        }
        let (bytes, mut dropped) = endless();
        tails.read(bytes);
        assert!(dropped.try_recv().is_err(), "its connection is closed");
    }

    #[test]
    fn outside_a_runtime_the_connection_is_closed() {
        let (bytes, mut dropped) = endless();
        Tails::default().read(bytes);
        assert!(dropped.try_recv().is_err());
    }
}
