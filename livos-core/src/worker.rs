//! The worker: takes runs out of the queue and drives them, many beside each other.
//!
//! It looks when the store signals something, and not otherwise; an idle worker does nothing.
//! Each run has a task of its own that renews the lease, and drops the run where it is once
//! the lease is lost. What a dead worker left is taken over as [`AgentLoop`](crate::AgentLoop) resumes it.

mod dispatcher;
mod drive;
mod gate;
mod heartbeat;
mod orders;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::gate::Overloaded;
pub use self::gate::ResourceGate;

use self::dispatcher::Dispatcher;
use crate::agent::AgentLoop;
use crate::agent::Places;
use crate::event::AgentEvent;
use crate::id::RunId;
use crate::id::WorkerId;
use crate::store::Store;

/// How long a lease lasts unless it is renewed: a dead worker's runs are taken over after this.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(15);
/// How many runs one worker drives at a time unless it is told otherwise.
pub const DEFAULT_CONCURRENT_RUNS: usize = 64;

/// How many runs of a worker may wait for people without taking a place.
pub const MAX_ASIDE: usize = 1_000;

/// Sees what the runs of a worker do.
///
/// It is called in the task that drives the run, in the order things happen, after journal entries were
/// written and before they are acted on; so it must return at once and not block.
pub trait RunObserver: fmt::Debug + Send + Sync + 'static {
    /// Something happened in a run that this worker drives.
    fn observe(&self, event: AgentEvent);

    /// Nothing more comes of a run from this worker: it ended, or was left where it is.
    fn released(&self, run_id: RunId) {
        let _ = run_id;
    }
}

/// How a worker works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerSettings {
    /// Its name in leases; unique among the processes that share the store.
    pub id: WorkerId,
    /// How many runs it drives at a time, at least 1. Those that only wait for a person do not count, up to
    /// [`MAX_ASIDE`].
    pub max_concurrent_runs: usize,
    /// How long a lease lasts; it is renewed after a third of this. At most
    /// [`MAX_LEASE`](crate::MAX_LEASE).
    pub lease: Duration,
    /// What becomes of leases that were given before it started.
    pub take_over: TakeOver,
    /// Whether the machine can take one more in the background.
    pub gate: Option<Arc<dyn ResourceGate>>,
}

/// When a worker takes over what others have a lease for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakeOver {
    /// When the lease expired: others may share the store.
    #[default]
    WhenExpired,
    /// Once, at the start: nobody else can have the store open, so whoever had a lease is dead.
    AtStart,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            id: WorkerId::new(RunId::generate().to_string()),
            max_concurrent_runs: DEFAULT_CONCURRENT_RUNS,
            lease: DEFAULT_LEASE,
            take_over: TakeOver::default(),
            gate: None,
        }
    }
}

impl WorkerSettings {
    /// Sets how many runs are driven at a time.
    #[must_use]
    pub fn with_max_concurrent_runs(mut self, runs: usize) -> Self {
        self.max_concurrent_runs = runs;
        self
    }

    /// Sets how long a lease lasts.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Lets runs in the background begin only while the machine can take them.
    #[must_use]
    pub fn with_gate(mut self, gate: Arc<dyn ResourceGate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Sets what becomes of leases that were given before the start.
    #[must_use]
    pub fn with_take_over(mut self, take_over: TakeOver) -> Self {
        self.take_over = take_over;
        self
    }
}

/// A worker at work. Dropping it stops it where it is: its leases expire, and others go on with its runs.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// One task, the dispatcher; it is aborted when the set is dropped.
    dispatcher: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    agent: AgentLoop,
    store: Arc<dyn Store>,
    observer: Arc<dyn RunObserver>,
    settings: WorkerSettings,
    driving: AtomicUsize,
    /// How many of them only wait for people.
    aside: AtomicUsize,
    /// Told when one steps aside.
    place_free: Notify,
    /// No run is claimed after this.
    stopping: CancellationToken,
    /// Runs are left where they are, and their leases given back.
    leaving: CancellationToken,
}

impl Worker {
    /// Begins to take runs out of the store's queue. The agent's journal must be the same store.
    ///
    /// Needs a tokio runtime, in which it stays.
    pub fn start(
        agent: AgentLoop,
        store: Arc<dyn Store>,
        observer: Arc<dyn RunObserver>,
        settings: WorkerSettings,
    ) -> Self {
        let shared = Arc::new(Shared {
            agent,
            store,
            observer,
            settings,
            driving: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
            place_free: Notify::new(),
            stopping: CancellationToken::new(),
            leaving: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Dispatcher::new(Arc::clone(&shared)).run());
        Self { shared, dispatcher: Mutex::new(tasks) }
    }

    /// How many runs it drives now.
    pub fn driving(&self) -> usize {
        self.shared.driving.load(Ordering::Relaxed)
    }

    /// Why no run in the background begins here just now, if none does.
    pub fn overloaded(&self) -> Option<Overloaded> {
        self.shared.settings.gate.as_ref()?.admits().err()
    }

    /// Claims no more, lets runs finish for as long as given, leaves the others where they are for
    /// another worker to go on with at once, and returns when every task has ended.
    ///
    /// Cancellation safe; stopping again waits for the same end.
    pub async fn stop(&self, patience: Duration) {
        self.shared.stopping.cancel();
        let mut tasks = self.dispatcher.lock().await;
        if tokio::time::timeout(patience, join(&mut tasks)).await.is_err() {
            tracing::warn!(runs = self.driving(), "leaving unfinished runs to another worker");
            self.shared.leaving.cancel();
            join(&mut tasks).await;
        }
    }
}

impl Places for Shared {
    fn step_aside(&self) {
        self.aside.fetch_add(1, Ordering::AcqRel);
        self.place_free.notify_one();
    }

    fn step_back(&self) {
        self.aside.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn join(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "the worker failed");
        }
    }
}
