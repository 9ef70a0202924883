//! The signals of a store that is in this process.

use futures::StreamExt;
use futures::stream;
use futures::stream::BoxStream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::WorkSignal;

/// How many signals a worker may be behind before it is told to look at everything.
const BACKLOG: usize = 256;

#[derive(Debug)]
pub(super) struct Signals(broadcast::Sender<WorkSignal>);

impl Signals {
    pub(super) fn send(&self, signal: WorkSignal) {
        // Fails when nobody listens, and then nobody misses it.
        self.0.send(signal).ok();
    }

    pub(super) fn stream(&self) -> BoxStream<'static, WorkSignal> {
        stream::unfold(self.0.subscribe(), async |mut signals| {
            let signal = match signals.recv().await {
                Ok(signal) => signal,
                Err(RecvError::Lagged(_)) => WorkSignal::Missed,
                Err(RecvError::Closed) => return None,
            };
            Some((signal, signals))
        })
        .boxed()
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}
