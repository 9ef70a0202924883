//! Delivers the replies that are owed, until there is a receipt.
//!
//! A [`ReplySink`] knows one kind of address. The [`DeliveryWorker`] claims what is due, hands it to
//! the sink, and writes down what became of it: sent again with growing pauses as long as that
//! says nothing twice, and given up visibly. Channels and the server bring the sinks.

mod address_queue;
mod attempt;
mod dispatcher;
mod sink;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::sink::DeliveryAttempt;
pub use self::sink::Repetition;
pub use self::sink::ReplySink;
pub use self::sink::SinkAnswer;

use self::dispatcher::Dispatcher;
use crate::clock::Clock;
use crate::id::RunId;
use crate::id::WorkerId;
use crate::store::Store;

/// How often a delivery is attempted before it is given up.
pub const MAX_ATTEMPTS: u32 = 20;
/// How long after the end of its run a reply is given up.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one attempt may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a worker has for what it claimed; after its death others wait that long.
const LEASE: Duration = Duration::from_secs(30);

/// How a delivery worker works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeliverySettings {
    /// Its name in leases; unique among the processes that share the store.
    pub id: WorkerId,
    /// How many addresses it sends to at a time, at least 1. Replies to one address go one by one.
    pub max_concurrent: usize,
    /// The pause after the first failure; it doubles with each further one, up to
    /// [`longest_pause`](Self::longest_pause), unless the sink was told how long to wait.
    pub first_pause: Duration,
    /// The longest pause of our own choosing.
    pub longest_pause: Duration,
    /// How often a delivery is attempted before it is given up.
    pub max_attempts: u32,
}

impl Default for DeliverySettings {
    /// 8 addresses at a time; pauses from 1 second to 1 hour; 20 attempts.
    fn default() -> Self {
        Self {
            id: WorkerId::new(RunId::generate().to_string()),
            max_concurrent: 8,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60 * 60),
            max_attempts: MAX_ATTEMPTS,
        }
    }
}

impl DeliverySettings {
    /// Sets the pause after the first failure.
    #[must_use]
    pub fn with_first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Sets how often a delivery is attempted before it is given up.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }
}

/// A delivery worker at work. Dropping it stops it where it is; what was in flight may have been
/// sent, and is looked at again when its lease expired.
#[derive(Debug)]
pub struct DeliveryWorker {
    stopping: CancellationToken,
    /// One task, the dispatcher; it is aborted when the set is dropped.
    dispatcher: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    sinks: HashMap<String, Arc<dyn ReplySink>>,
    clock: Arc<dyn Clock>,
    settings: DeliverySettings,
    stopping: CancellationToken,
}

impl DeliveryWorker {
    /// Begins to deliver. Of two sinks of one kind the later one counts; a reply to an address that no
    /// sink understands is dead at once.
    ///
    /// Needs a tokio runtime, in which it stays.
    pub fn start(
        store: Arc<dyn Store>,
        sinks: Vec<Arc<dyn ReplySink>>,
        clock: Arc<dyn Clock>,
        settings: DeliverySettings,
    ) -> Self {
        let stopping = CancellationToken::new();
        let sinks = sinks.into_iter().map(|sink| (sink.kind().to_owned(), sink)).collect();
        let shared = Shared { store, sinks, clock, settings, stopping: stopping.clone() };
        let mut tasks = JoinSet::new();
        tasks.spawn(Dispatcher::new(Arc::new(shared)).run());
        Self { stopping, dispatcher: Mutex::new(tasks) }
    }

    /// Claims no more, and returns when the attempts under way have ended, each within
    /// [`ATTEMPT_TIMEOUT`]. Cancellation safe.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let mut tasks = self.dispatcher.lock().await;
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the delivery worker failed");
            }
        }
    }
}
