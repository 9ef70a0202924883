//! The runs of this process: one at a time in a session, many beside each other.
//!
//! Each session with work has a *lane*: one task that owns the running run and
//! those that wait. Everybody else talks to it by commands. What a run does is
//! published in the session's *hub*; whoever wants to watch *follows* it.

mod accepted_keys;
mod follow;
mod hub;
mod lane;
mod partial;
mod record;

pub(crate) use self::follow::AtEnd;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use livos_core::AgentLoop;
use livos_core::Clock;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::Origin;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunState;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::StoreError;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::accepted_keys::AcceptedKeys;
use self::hub::Hub;
use self::lane::Command;
use self::lane::Lane;
use crate::metrics::Metrics;

/// How many commands a lane may have waiting; more are refused.
const LANE_BACKLOG: usize = 64;
/// How many unfinished runs of an earlier process are taken up again.
const MAX_RECOVERED: usize = 1_000;
/// How long a session's runs may take to stop when it is deleted.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The runs of this process. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Runs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    agent: AgentLoop,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// No run begins after this.
    stopping: CancellationToken,
    /// Runs are left where they are; the next start takes them up.
    abandoned: CancellationToken,
    sessions: Mutex<Sessions>,
    keys: Mutex<AcceptedKeys>,
}

#[derive(Debug, Default)]
struct Sessions {
    lanes: HashMap<SessionId, mpsc::Sender<Command>>,
    hubs: HashMap<SessionId, Weak<Hub>>,
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
}

/// What happens to a message that arrives during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueMode {
    /// It joins the run at its next turn.
    #[default]
    Steer,
    /// It gets a run of its own, next.
    Queue,
    /// It stops the run and gets one of its own.
    Interrupt,
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
    #[error("too much is waiting in this session")]
    Busy,
    #[error("the runs of this session did not stop in time")]
    StillRunning,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runs {
    pub(crate) fn new(
        agent: AgentLoop,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        max_concurrent: usize,
    ) -> Self {
        Self(Arc::new(Shared {
            agent,
            store,
            metrics,
            clock,
            places: Arc::new(Semaphore::new(max_concurrent.min(Semaphore::MAX_PERMITS))),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            sessions: Mutex::default(),
            keys: Mutex::default(),
        }))
    }

    /// Takes a message in. When this returns it is in the journal, or with a run that will write it there.
    pub(crate) async fn submit(
        &self,
        session: SessionId,
        submission: Submission,
    ) -> Result<Accepted, RunsError> {
        let key = submission.idempotency_key.clone();
        let answered = |key: &String| self.keys().find(session, key);
        if let Some(accepted) = key.as_ref().and_then(answered) {
            return Ok(accepted);
        }
        // The lane remembers the key itself, before it takes the next command.
        self.ask(session, |reply| Command::Submit(Box::new(submission), reply)).await?
    }

    /// Asks a run to stop, queued or running. A run that ended already stays as it is.
    pub(crate) async fn cancel(&self, session: SessionId, run: RunId) -> Result<(), RunsError> {
        self.ask(session, |reply| Command::Cancel(run, reply)).await?
    }

    /// Stops everything in a session and waits until it stopped.
    pub(crate) async fn close(&self, session: SessionId) -> Result<(), RunsError> {
        if !self.sessions().lanes.contains_key(&session) {
            return Ok(());
        }
        let closed = self.ask(session, Command::Close);
        match tokio::time::timeout(CLOSE_TIMEOUT, closed).await {
            Ok(closed) => closed,
            Err(_) => Err(RunsError::StillRunning),
        }
    }

    /// Takes up what an earlier process left unfinished.
    pub(crate) async fn recover(&self) -> Result<usize, StoreError> {
        let mut unfinished = Vec::new();
        for state in [RunState::Running, RunState::Queued] {
            let filter = RunFilter { state: Some(state), ..RunFilter::default() };
            unfinished.extend(self.0.store.runs(filter, MAX_RECOVERED).await?.items);
        }
        unfinished.sort_by_key(|run| run.id);
        for run in &unfinished {
            tracing::info!(run_id = %run.id, session_id = %run.session_id, "taking up an unfinished run");
            if let Err(error) =
                self.ask(run.session_id, |reply| Command::Resume(run.id, reply)).await
            {
                tracing::warn!(%error, run_id = %run.id, "an unfinished run could not be taken up");
            }
        }
        Ok(unfinished.len())
    }

    /// Lets runs finish for as long as given, then leaves them to the next start.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(patience, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(lanes = self.0.tasks.len(), "leaving unfinished runs to the next start");
            self.0.abandoned.cancel();
            self.0.tasks.wait().await;
        }
    }

    /// The hub of a session, made if nobody watches or runs yet.
    fn hub(&self, session: SessionId) -> Arc<Hub> {
        self.sessions().hub(session)
    }

    /// Sends a command to the session's lane, and starts one if there is none.
    async fn ask<T>(
        &self,
        session: SessionId,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, RunsError> {
        let (reply, answer) = oneshot::channel();
        self.send(session, command(reply))?;
        answer.await.map_err(|_| RunsError::Stopping)
    }

    fn send(&self, session: SessionId, command: Command) -> Result<(), RunsError> {
        if self.0.stopping.is_cancelled() {
            return Err(RunsError::Stopping);
        }
        // A lane ends only while it holds this lock, so a command sent under it is seen.
        let mut sessions = self.sessions();
        if let Some(lane) = sessions.lanes.get(&session) {
            return lane.try_send(command).map_err(|_| RunsError::Busy);
        }
        let (commands, inbox) = mpsc::channel(LANE_BACKLOG);
        commands.try_send(command).map_err(|_| RunsError::Busy)?;
        let hub = sessions.hub(session);
        sessions.lanes.insert(session, commands);
        drop(sessions);
        self.0.tasks.spawn(Lane::new(self.clone(), session, hub, inbox).run());
        Ok(())
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, AcceptedKeys> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn hub(&mut self, session: SessionId) -> Arc<Hub> {
        if let Some(hub) = self.hubs.get(&session).and_then(Weak::upgrade) {
            return hub;
        }
        self.hubs.retain(|_, hub| hub.strong_count() > 0);
        let hub = Arc::new(Hub::default());
        self.hubs.insert(session, Arc::downgrade(&hub));
        hub
    }
}
