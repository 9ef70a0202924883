//! Hears what other processes tell.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use redis::aio::PubSub;
use tokio::task::JoinHandle;

use super::breaker::pause;
use super::connection::Connection;
use super::failure::store_error;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::signals::Signals;

/// How long it may be quiet before the connection is tried.
const QUIET: Duration = Duration::from_secs(10);
/// How long Redis has to answer that.
const PATIENCE: Duration = Duration::from_secs(2);

/// A task that hears for as long as this lives.
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    /// Begins to hear: from when this returns on, no signal is missed without [`WorkSignal::Missed`].
    pub(super) async fn start(
        connection: Arc<Connection>,
        channel: String,
        signals: Arc<Signals>,
    ) -> Result<Self, StoreError> {
        let first = connection.listen(&channel).await.map_err(store_error)?;
        Ok(Self(tokio::spawn(async move {
            hear(first, &signals).await;
            loop {
                let again = reconnect(&connection, &channel).await;
                connection.is_back();
                signals.send(WorkSignal::Missed);
                hear(again, &signals).await;
            }
        })))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes signals on until the connection is cut.
async fn hear(listening: PubSub, signals: &Signals) {
    let (mut sink, mut messages) = listening.split();
    loop {
        match tokio::time::timeout(QUIET, messages.next()).await {
            Ok(Some(message)) => {
                if let Some(signal) = signal(message.get_payload_bytes()) {
                    signals.send(signal);
                }
            }
            Ok(None) => return,
            Err(_) => {
                let answer = tokio::time::timeout(PATIENCE, sink.ping::<redis::Value>()).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

async fn reconnect(connection: &Connection, channel: &str) -> PubSub {
    let mut failures = 0;
    loop {
        match connection.listen(channel).await {
            Ok(listening) => return listening,
            Err(_) => {
                tokio::time::sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// What the scripts publish.
fn signal(message: &[u8]) -> Option<WorkSignal> {
    let message = std::str::from_utf8(message).ok()?;
    match message.split_once(':') {
        None if message == "ready" => Some(WorkSignal::RunReady),
        None if message == "due" => Some(WorkSignal::DeliveryDue),
        Some(("input", run)) => run.parse().ok().map(WorkSignal::InputArrived),
        Some(("cancel", run)) => run.parse().ok().map(WorkSignal::CancelRequested),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;

    #[test]
    fn signals_are_read() {
        let run = RunId::generate();
        assert_eq!(signal(b"ready"), Some(WorkSignal::RunReady));
        assert_eq!(signal(b"due"), Some(WorkSignal::DeliveryDue));
        assert_eq!(signal(format!("input:{run}").as_bytes()), Some(WorkSignal::InputArrived(run)));
        let cancel = Some(WorkSignal::CancelRequested(run));
        assert_eq!(signal(format!("cancel:{run}").as_bytes()), cancel);
        for nothing in ["", "input:", "later:1", "input:x"] {
            assert_eq!(signal(nothing.as_bytes()), None, "{nothing}");
        }
    }
}
