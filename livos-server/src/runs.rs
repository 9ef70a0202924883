//! The runs of this server: admitted here, driven by the worker, watched by many.
//!
//! A message is in the store before it is acknowledged; the [`Worker`] takes it from there.
//! What a run does is shown in the *feed*; whoever wants to watch *follows* it there, on
//! whichever server the run is driven.

mod observer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::StreamExt;
use livos_core::Admission;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::AtEnd;
use livos_core::CancelRequest;
use livos_core::Cancellation;
use livos_core::Clock;
use livos_core::CompactError;
use livos_core::CompactionReport;
use livos_core::CompactionRequest;
use livos_core::ContextReport;
use livos_core::DeliverySettings;
use livos_core::DeliveryWorker;
use livos_core::EventFeed;
use livos_core::EventKind;
use livos_core::IdempotencyKey;
use livos_core::Journal;
use livos_core::MemoryExtraction;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::NewRun;
use livos_core::Origin;
use livos_core::Overloaded;
use livos_core::QueueMode;
use livos_core::Redactor;
use livos_core::ReplyAddress;
use livos_core::ReplySink;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunState;
use livos_core::ScheduleManager;
use livos_core::ScheduleWorker;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::Worker;
use livos_core::WorkerSettings;
use tokio_util::sync::CancellationToken;

use self::observer::Observer;
use crate::metrics::Metrics;

/// How long a session's runs may take to stop when it is deleted.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many unfinished runs of a session are stopped at a time; more than can wait in one.
const CLOSE_BATCH: usize = 128;

/// The runs of this server. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Runs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    agent: AgentLoop,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    feed: Arc<dyn EventFeed>,
    worker: Worker,
    deliveries: DeliveryWorker,
    schedules: ScheduleWorker,
    extraction: Option<MemoryExtraction>,
    /// No message is taken in after this.
    stopping: CancellationToken,
}

/// What runs are driven with.
#[derive(Debug)]
pub(crate) struct RunsParts {
    pub(crate) agent: AgentLoop,
    pub(crate) store: Arc<dyn Store>,
    /// Shows to all who share the store what happens.
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Takes secrets out of messages before they are kept.
    pub(crate) redactor: Redactor,
    pub(crate) worker: WorkerSettings,
    pub(crate) sinks: Vec<Arc<dyn ReplySink>>,
    pub(crate) schedules: ScheduleManager,
    /// Finds what is worth remembering in what users say; none where nothing does.
    pub(crate) extraction: Option<MemoryExtraction>,
}

/// A message for a session.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) message: Message,
    pub(crate) mode: QueueMode,
    pub(crate) model: Option<ModelName>,
    pub(crate) origin: Origin,
    /// The same key again gets the same answer and no second run.
    pub(crate) idempotency_key: Option<String>,
    /// Where the reply is owed besides the session itself.
    pub(crate) reply_to: Option<ReplyAddress>,
    /// Whose words it has.
    pub(crate) speaker: Speaker,
}

/// Whose words a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// Its user's own.
    User,
    /// A program's, which speaks for them: not to be remembered as theirs.
    Program,
}

/// A message that is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) run_id: RunId,
    /// Events after this number tell what comes of it.
    pub(crate) seq: u64,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunsError {
    #[error("the server is shutting down")]
    Stopping,
    #[error("the runs of this session did not stop in time")]
    StillRunning,
    #[error("run {0} of the session is not over; wait for it or cancel it")]
    UnderWay(RunId),
    #[error(transparent)]
    Compaction(CompactError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runs {
    /// Begins to drive what the store has queued, and to deliver what it owes.
    pub(crate) fn start(parts: RunsParts) -> Self {
        let RunsParts { agent, store, feed, metrics, clock, redactor, worker, .. } = parts;
        let RunsParts { mut sinks, schedules, extraction, .. } = parts;
        sinks.extend(extraction.iter().flat_map(MemoryExtraction::sinks));
        let observer = Arc::new(Observer { metrics, feed: Arc::clone(&feed) });
        let worker = Worker::start(agent.clone(), Arc::clone(&store), observer, worker);
        let deliveries = DeliveryWorker::start(
            Arc::clone(&store),
            sinks,
            Arc::clone(&clock),
            DeliverySettings::default(),
        );
        let schedules = schedules.start();
        let stopping = CancellationToken::new();
        Self(Arc::new(Shared {
            agent,
            store,
            clock,
            redactor,
            feed,
            worker,
            deliveries,
            schedules,
            extraction,
            stopping,
        }))
    }

    /// Takes a message in. When this returns it is in the store.
    pub(crate) async fn submit(
        &self,
        session: SessionId,
        submission: Submission,
    ) -> Result<Accepted, RunsError> {
        if self.0.stopping.is_cancelled() {
            return Err(RunsError::Stopping);
        }
        let message = self.0.redactor.cleaned(submission.message);
        let mut run = NewRun::new(session, message, self.0.clock.now());
        run.origin = submission.origin;
        run.model = submission.model;
        run.mode = submission.mode;
        run.reply_to = submission.reply_to;
        // Keys are the caller's own, and callers name them within a session.
        let key = |key| IdempotencyKey::new(format!("api:{session}"), key);
        run.key = submission.idempotency_key.map(key);
        if let Some(extraction) = &self.0.extraction
            && submission.speaker == Speaker::User
        {
            run = extraction.follow(run);
        }
        let run_id = run.run_id;
        match self.0.store.admit(run).await? {
            Admission::Admitted { seq } => {
                self.0.feed.grown(session, seq);
                Ok(Accepted { run_id, seq })
            }
            Admission::Known { run_id, seq } | Admission::Joined { run_id, seq } => {
                Ok(Accepted { run_id, seq })
            }
        }
    }

    /// Asks a run to stop, queued or running. A run that ended already stays as it is.
    pub(crate) async fn cancel(&self, session: SessionId, run_id: RunId) -> Result<(), RunsError> {
        let cancel = CancelRequest { run_id, at: self.0.clock.now() };
        if let Cancellation::Ended { seq } = self.0.store.request_cancel(cancel).await? {
            self.0.feed.grown(session, seq);
        }
        Ok(())
    }

    /// Sums up the older messages of a session in which nothing is going on.
    pub(crate) async fn compact(
        &self,
        session: SessionId,
        request: CompactionRequest,
    ) -> Result<CompactionReport, RunsError> {
        if self.0.stopping.is_cancelled() {
            return Err(RunsError::Stopping);
        }
        // The journal does not show runs that wait.
        if let Some(run_id) = self.unfinished(session).await?.into_iter().next() {
            return Err(RunsError::UnderWay(run_id));
        }
        match self.0.agent.compact(session, request).await {
            Ok(report) => {
                if let Some(seq) = report.seq {
                    self.0.feed.grown(session, seq);
                }
                Ok(report)
            }
            Err(CompactError::Busy { run_id }) => Err(RunsError::UnderWay(run_id)),
            Err(CompactError::Store(error)) => Err(error.into()),
            Err(error) => {
                let spent = error.usage().to_vec();
                if let Err(problem) = self.0.store.record_usage(spent).await {
                    tracing::warn!(error = %problem, "a summary for nothing is not accounted for");
                }
                Err(RunsError::Compaction(error))
            }
        }
    }

    /// What every request to a model takes of its window.
    pub(crate) fn context_report(&self, model: &ModelName) -> ContextReport {
        self.0.agent.context_report(model)
    }

    /// Stops everything in a session and waits until it stopped.
    pub(crate) async fn close(&self, session: SessionId) -> Result<(), RunsError> {
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, self.end_all(session)).await;
        let closed = closed.map_err(|_| RunsError::StillRunning)?;
        // A session that is made anew under the same id must not remember this one.
        self.0.agent.forget(session);
        closed
    }

    async fn end_all(&self, session: SessionId) -> Result<(), RunsError> {
        loop {
            let after = self.0.store.last_seq(session).await?;
            let mut open = self.unfinished(session).await?;
            if open.is_empty() {
                return Ok(());
            }
            let events = self.follow(session, after, AtEnd::Wait).await?;
            for run_id in open.clone() {
                match self.cancel(session, run_id).await {
                    // It ended meanwhile, or waits for nothing: the session goes with it.
                    Ok(()) | Err(RunsError::Store(StoreError::NotFound { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
            let mut events = std::pin::pin!(events);
            while !open.is_empty() {
                let Some(event) = events.next().await else { break };
                let event = event?;
                if matches!(event.kind, EventKind::RunFinished { .. }) {
                    open.remove(&event.run_id);
                }
            }
        }
    }

    async fn unfinished(&self, session: SessionId) -> Result<HashSet<RunId>, StoreError> {
        let mut open = HashSet::new();
        for state in [RunState::Queued, RunState::Running, RunState::Waiting] {
            let filter =
                RunFilter { session_id: Some(session), state: Some(state), ..RunFilter::default() };
            let runs = self.0.store.runs(filter, CLOSE_BATCH).await?.items;
            open.extend(runs.into_iter().map(|run| run.id));
        }
        Ok(open)
    }

    /// Lets runs finish for as long as given, then leaves them to the next start.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.0.stopping.cancel();
        self.0.schedules.stop().await;
        self.0.worker.stop(patience).await;
        self.0.deliveries.stop().await;
    }

    /// The events of a session after a number, as [`livos_core::follow`] gives them.
    pub(crate) async fn follow(
        &self,
        session: SessionId,
        after: u64,
        at_end: AtEnd,
    ) -> Result<
        impl Stream<Item = Result<AgentEvent, StoreError>> + Send + 'static + use<>,
        StoreError,
    > {
        let journal = Arc::clone(&self.0.store) as Arc<dyn Journal>;
        livos_core::follow(journal, &*self.0.feed, session, after, at_end).await
    }

    /// How many runs are driven here.
    pub(crate) fn driving(&self) -> usize {
        self.0.worker.driving()
    }

    /// Why work in the background does not begin here just now, if it does not.
    pub(crate) fn overloaded(&self) -> Option<Overloaded> {
        self.0.worker.overloaded()
    }

    /// Tells those who watch a session of an entry that no worker wrote.
    pub(crate) fn grown(&self, session: SessionId, seq: u64) {
        self.0.feed.grown(session, seq);
    }
}
