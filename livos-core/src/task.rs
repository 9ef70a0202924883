//! Tasks: work in the background that somebody asks for and looks at later (PARA-01..04).
//!
//! A task is a run in a session of its own, in the queue with all others. What makes it a task is
//! only how it is admitted: to its user's lane, with a priority, and within a share of a budget.

mod error;
mod new_task;
mod progress;

use std::sync::Arc;

use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;

pub use self::error::TaskError;
pub use self::new_task::NewTask;
pub use self::progress::TaskProgress;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::message::MicroUsd;
use crate::origin::Trigger;
use crate::store::Admission;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::Lane;
use crate::store::Page;
use crate::store::QueueMode;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::SessionPatch;
use crate::store::Store;
use crate::store::StoreError;

/// How many tasks of one user go at a time unless somebody says otherwise.
const DEFAULT_PER_USER: u32 = 4;

/// How many of several tasks are written down at a time.
const TOGETHER: usize = 32;

/// Starts tasks, and tells how they are. Clones are the same manager.
///
/// A [`Worker`](crate::Worker) on the same store drives them, at most as many at a time as it is told;
/// of one user at most [`per_user`](Self::with_per_user); and users take turns.
///
/// ```
/// use std::sync::Arc;
/// use livos_core::{MemoryStore, NewTask, RunState, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), livos_core::TaskError> {
/// let tasks = TaskManager::new(Arc::new(MemoryStore::new()));
/// let started = tasks.start(NewTask::new("Sort the inbox")).await?;
/// assert_eq!(tasks.task(started.id).await?.state, RunState::Queued);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TaskManager {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    per_user: u32,
}

/// A task that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedTask {
    /// Its id: that of its run.
    pub id: RunId,
    /// Its session, where everything it does can be watched.
    pub session_id: SessionId,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Only those that stand here.
    pub state: Option<RunState>,
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those that came before this one.
    pub before: Option<RunId>,
}

impl TaskManager {
    /// A manager over a store; 4 tasks of one user go at a time.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, clock: Arc::new(SystemClock), per_user: DEFAULT_PER_USER }
    }

    /// The same with another number of tasks that go at a time for one user.
    #[must_use]
    pub fn with_per_user(mut self, tasks: u32) -> Self {
        self.per_user = tasks;
        self
    }

    /// How many tasks of one user go at a time.
    pub fn per_user(&self) -> u32 {
        self.per_user
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes a task in. When this returns it is in the store and will be done. With a key that was
    /// given before, the answer is the task that it named then.
    ///
    /// # Errors
    /// [`TaskError::Invalid`] names the field; or when it could not be written.
    pub async fn start(&self, task: NewTask) -> Result<StartedTask, TaskError> {
        task.check()?;
        let title = task.title();
        let mut run = task.into_run(SessionId::generate(), self.clock.now());
        let lane = format!("tasks:{}", run.origin.user);
        run.lane = Some(Lane::new(lane, self.per_user));
        run.mode = QueueMode::Queue;
        let (id, session_id, at) = (run.run_id, run.session_id, run.at);
        match self.store.admit(run).await? {
            Admission::Admitted { .. } => {
                let patch = SessionPatch { title: Some(title), at: Some(at), model: None };
                self.store.update_session(session_id, patch).await?;
                Ok(StartedTask { id, session_id })
            }
            Admission::Known { run_id, .. } | Admission::Joined { run_id, .. } => {
                let session_id = self.task(run_id).await?.session_id;
                Ok(StartedTask { id: run_id, session_id })
            }
        }
    }

    /// Takes several tasks in, all of which are checked before the first is kept. Where they share a
    /// budget each gets an equal part of its tokens and money, and what one leaves over is not passed
    /// on; without one each has the agent's own.
    ///
    /// # Errors
    /// [`TaskError::Invalid`] for a task that is none, and for a budget that does not give each task
    /// something; then none was taken in. When one could not be written others may be in the store.
    pub async fn start_all(
        &self,
        tasks: Vec<NewTask>,
        shared: impl Into<Option<Budget>>,
    ) -> Result<Vec<StartedTask>, TaskError> {
        tasks.iter().try_for_each(NewTask::check)?;
        let count = u64::try_from(tasks.len()).unwrap_or(u64::MAX).max(1);
        let part = shared.into().map(|shared| part_of(shared, count)).transpose()?;
        let starts = stream::iter(tasks).map(|mut task| {
            task.budget = part.or(task.budget);
            self.start(task)
        });
        // In their order, and many in one transaction of a store that joins those that come together.
        starts.buffered(TOGETHER).try_collect().await
    }

    /// The tasks that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tasks(
        &self,
        filter: TaskFilter,
        limit: usize,
    ) -> Result<Page<RunRecord>, TaskError> {
        let mut wanted = RunFilter {
            trigger: Some(Trigger::Task),
            state: filter.state,
            before: filter.before,
            ..RunFilter::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.store.runs(wanted.clone(), limit).await?;
            wanted.before = page.items.last().map(|run| run.id);
            let is_wanted =
                |run: &RunRecord| filter.user.as_ref().is_none_or(|user| *user == run.origin.user);
            found.extend(page.items.into_iter().filter(is_wanted));
            if found.len() > limit || !page.has_more {
                return Ok(Page::cut_at(found, limit, page.has_more));
            }
        }
    }

    /// One task, as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or the store cannot be read.
    pub async fn task(&self, id: RunId) -> Result<RunRecord, TaskError> {
        let found = self.store.run(id).await?.filter(|run| run.trigger == Trigger::Task);
        found.ok_or_else(|| StoreError::not_found("task", &id).into())
    }

    /// Asks a task to stop, with everything it started. One that ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or it could not be written.
    pub async fn cancel(&self, id: RunId) -> Result<Cancellation, TaskError> {
        self.task(id).await?;
        let cancel = CancelRequest { run_id: id, at: self.clock.now() };
        Ok(self.store.request_cancel(cancel).await?)
    }
}

/// What each of so many tasks gets of a budget.
fn part_of(shared: Budget, count: u64) -> Result<Budget, TaskError> {
    let too_few = |field, what: String| {
        let problem = format!("{what} are too few for {count} tasks");
        Err(TaskError::Invalid { field, problem })
    };
    if shared.turns == 0 {
        return too_few("budget.turns", "0 turns".to_owned());
    }
    if shared.tokens < count {
        return too_few("budget.tokens", format!("{} tokens", shared.tokens));
    }
    match shared.cost {
        Some(cost) if cost.0 < count => {
            too_few("budget.cost", format!("{} millionths of a US dollar", cost.0))
        }
        cost => Ok(Budget {
            tokens: shared.tokens / count,
            cost: cost.map(|cost| MicroUsd(cost.0 / count)),
            ..shared
        }),
    }
}
