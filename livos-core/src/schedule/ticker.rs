//! The one task that looks for what is due.
//!
//! It looks when the store says that a schedule changed and when the next one is due, and not otherwise. While
//! there is a next one it also reads the clock once a minute: the system's own timers stand still while
//! a machine sleeps, and know nothing of a clock that was set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use futures::stream::BoxStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ScheduleError;
use super::ScheduleManager;
use super::advance;
use super::advance::Step;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::id::RunId;
use crate::origin::Trigger;
use crate::pause::Pauses;
use crate::store::Admission;
use crate::store::CancelRequest;
use crate::store::ScheduleFilter;
use crate::store::ScheduleRecord;
use crate::store::ScheduleStatus;
use crate::store::StoreError;
use crate::store::WorkSignal;

/// How many due schedules are looked up at a time.
const BATCH: usize = 64;
/// How many of them are dealt with beside each other, so that their writes share a commit.
const TOGETHER: usize = 16;
/// How long the clock is trusted while a schedule waits.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// A step back by less than this is the clock being corrected, and changes nothing.
const SET_BACK: Duration = Duration::from_secs(60);

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tick {
    /// How many runs were admitted.
    pub fired: usize,
    /// How many steps were taken that admitted none: slots left out, schedules paused.
    pub left_out: usize,
    /// When the next schedule is due, if one is.
    pub look_again_at: Option<Timestamp>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    Fired,
    LeftOut,
    /// Somebody else was faster, or it is not due any more.
    Not,
}

impl ScheduleManager {
    /// Fires everything that is due, once. A [`ScheduleWorker`] does so by itself.
    ///
    /// # Errors
    /// When the store fails; what was not dealt with is due still.
    pub async fn tick(&self) -> Result<Tick, ScheduleError> {
        let mut tick = Tick::default();
        loop {
            let now = self.now();
            let due = self.0.store.due_schedules(now, BATCH).await?;
            if due.due.is_empty() {
                return Ok(Tick { look_again_at: due.look_again_at, ..tick });
            }
            let count = due.due.len();
            let steps = stream::iter(due.due.into_iter().map(|record| self.step(record)));
            let mut steps = steps.buffer_unordered(TOGETHER);
            let mut idle = 0;
            while let Some(step) = steps.next().await {
                match step? {
                    Stepped::Fired => tick.fired += 1,
                    Stepped::LeftOut => tick.left_out += 1,
                    Stepped::Not => idle += 1,
                }
            }
            if idle == count {
                // Another deals with these now.
                return Ok(Tick { look_again_at: Some(now), ..tick });
            }
        }
    }

    async fn step(&self, record: ScheduleRecord) -> Result<Stepped, ScheduleError> {
        let (id, version) = (record.id, record.version);
        let was = record.progress.status;
        let problems = self.problems_if_wanted(&record).await;
        let (record, noted, facts) = self.folded(record, problems.as_deref()).await?;
        let change = match advance::advance(record.clone(), noted.clone(), &facts) {
            Ok(Some(Step { change, replaces })) => {
                self.cancel_all(replaces).await?;
                change
            }
            Ok(None) if noted.is_empty() && record.progress.status == was => {
                return Ok(Stepped::Not);
            }
            Ok(None) => record.clone().into_change(noted.clone()),
            Err(fault) => {
                let mut record = record.clone();
                record.pause(fault.to_string());
                record.into_change(noted.clone())
            }
        };
        let (status, reason) = (change.schedule.progress.status, &change.schedule.progress.reason);
        if status == ScheduleStatus::Paused {
            let reason = reason.as_deref().unwrap_or_default();
            tracing::warn!(schedule = %id, reason, "the schedule is paused");
        }
        let fired = change.run.as_ref().map(|run| run.run_id);
        CrashPoint::SlotDue.pass();
        match self.0.store.change_schedule(change).await {
            Ok(Some(Admission::Known { run_id, .. })) => {
                self.correct(id, fired, run_id).await?;
                Ok(Stepped::LeftOut)
            }
            Ok(Some(_)) => {
                CrashPoint::SlotFired.pass();
                tracing::debug!(schedule = %id, version, "the schedule fired");
                Ok(Stepped::Fired)
            }
            Ok(None) => Ok(Stepped::LeftOut),
            Err(StoreError::Busy { .. }) => {
                let change = advance::too_busy(record, noted, facts.now)?;
                done(self.0.store.change_schedule(change).await.map(|_| Stepped::LeftOut))
            }
            Err(error) => done(Err(error)),
        }
    }

    async fn cancel_all(&self, runs: Vec<RunId>) -> Result<(), StoreError> {
        for run_id in runs {
            let cancel = CancelRequest { run_id, at: self.now() };
            match self.0.store.request_cancel(cancel).await {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Names the run of a slot that had one already, which a clock that was set back comes to again.
    async fn correct(
        &self,
        id: crate::id::ScheduleId,
        new: Option<RunId>,
        known: RunId,
    ) -> Result<(), ScheduleError> {
        let corrected = self.change(id, |mut record| {
            let opened = record.progress.open.iter().position(|open| Some(open.run_id) == new);
            let opened = opened.map(|index| record.progress.open.remove(index));
            record.progress.fired = record.progress.fired.saturating_sub(1);
            let firing = opened.map(|open| advance::started(open.slot, self.now(), known, None));
            Ok(record.into_change(firing.into_iter().collect()))
        });
        match corrected.await {
            Ok(_) | Err(ScheduleError::Store(StoreError::NotFound { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes note that a run of some schedule is over.
    async fn note_end(&self, run_id: RunId) -> Result<(), ScheduleError> {
        let Some(run) = self.0.store.run(run_id).await? else { return Ok(()) };
        let filter = ScheduleFilter { session_id: Some(run.session_id), ..Default::default() };
        let of_session = self.0.store.schedules(filter, BATCH).await?.items;
        let has_it =
            |record: &ScheduleRecord| record.progress.open.iter().any(|open| open.run_id == run_id);
        for record in of_session.into_iter().filter(has_it) {
            let id = record.id;
            let was = record.progress.status;
            let (record, noted, _) = self.folded(record, None).await?;
            if record.progress.status == ScheduleStatus::Paused && was != ScheduleStatus::Paused {
                let reason = record.progress.reason.as_deref().unwrap_or_default();
                tracing::warn!(schedule = %id, reason, "the schedule is paused");
            }
            // If somebody was faster, they or the next firing take note of it.
            done(
                self.0.store.change_schedule(record.into_change(noted)).await.map(|_| Stepped::Not),
            )?;
        }
        Ok(())
    }
}

/// What another did first, or took away, is nobody's error.
fn done(changed: Result<Stepped, StoreError>) -> Result<Stepped, ScheduleError> {
    match changed {
        Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => Ok(Stepped::Not),
        changed => changed.map_err(ScheduleError::Store),
    }
}

/// Admits the runs of schedules when they are due. Dropping it stops it where it is; what is due then is due
/// at the next start.
pub struct ScheduleWorker {
    stopping: CancellationToken,
    /// One task; it is aborted when the set is dropped.
    task: Mutex<JoinSet<()>>,
}

impl ScheduleWorker {
    pub(super) fn start(schedules: ScheduleManager) -> Self {
        let stopping = CancellationToken::new();
        let mut task = JoinSet::new();
        // Before the first look, so that nothing that comes after it is missed.
        let signals = schedules.0.store.signals();
        let ticker = Ticker {
            seen: schedules.now(),
            schedules: Arc::new(schedules),
            signals,
            look: Look::Now,
            pauses: Pauses::short(),
            stopping: stopping.clone(),
        };
        task.spawn(ticker.run());
        Self { stopping, task: Mutex::new(task) }
    }

    /// Looks no more, and returns when the step under way has ended. Cancellation safe.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let mut task = self.task.lock().await;
        while let Some(ended) = task.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the schedules' worker failed");
            }
        }
    }
}

impl fmt::Debug for ScheduleWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScheduleWorker")
    }
}

/// When to look for what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Now,
    /// By the clock.
    At(Timestamp),
    /// By the stopwatch, after a failure.
    Again(Instant),
    /// When a signal says so.
    WhenTold,
}

struct Ticker {
    schedules: Arc<ScheduleManager>,
    signals: BoxStream<'static, WorkSignal>,
    look: Look,
    pauses: Pauses,
    /// What the clock said last.
    seen: Timestamp,
    stopping: CancellationToken,
}

impl Ticker {
    async fn run(mut self) {
        let mut rewinds = true;
        while !self.stopping.is_cancelled() {
            rewinds |= self.was_set_back();
            if rewinds {
                rewinds = !self.rewind().await;
            }
            // Also when signals come without a pause.
            if self.is_time() {
                self.tick().await;
            }
            self.wait().await;
        }
    }

    fn is_time(&self) -> bool {
        match self.look {
            Look::Now => true,
            Look::At(at) => at <= self.schedules.now(),
            Look::Again(at) => at <= Instant::now(),
            Look::WhenTold => false,
        }
    }

    fn was_set_back(&mut self) -> bool {
        let now = self.schedules.now();
        let before = std::mem::replace(&mut self.seen, now);
        before.since(now) > SET_BACK
    }

    /// Whether it was done.
    async fn rewind(&mut self) -> bool {
        match self.schedules.rewind().await {
            Ok(0) => true,
            Ok(count) => {
                tracing::warn!(count, "the clock was set back; schedules are due earlier");
                self.look = Look::Now;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "schedules could not be looked through; trying again");
                false
            }
        }
    }

    async fn tick(&mut self) {
        match self.schedules.tick().await {
            Ok(tick) => {
                self.pauses = Pauses::short();
                self.look = tick.look_again_at.map_or(Look::WhenTold, Look::At);
                if tick.look_again_at.is_some_and(|at| at <= self.schedules.now()) {
                    // Others deal with what is due; they may fail to.
                    self.look = Look::Again(Instant::now() + self.pauses.next());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "schedules could not be looked at; trying again");
                self.look = Look::Again(Instant::now() + self.pauses.next());
            }
        }
    }

    async fn wait(&mut self) {
        let left = match self.look {
            Look::At(at) => Some(at.since(self.schedules.now()).min(LONGEST_SLEEP)),
            Look::Again(at) => Some(at.saturating_duration_since(Instant::now())),
            Look::Now => return,
            Look::WhenTold => None,
        };
        let time = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {}
            signal = self.signals.next() => self.obey(signal).await,
            () = time => {}
        }
    }

    async fn obey(&mut self, signal: Option<WorkSignal>) {
        match signal {
            Some(WorkSignal::ScheduleChanged | WorkSignal::Missed) => self.look = Look::Now,
            Some(WorkSignal::RunEnded(run_id, Trigger::Schedule)) => {
                if let Err(error) = self.schedules.note_end(run_id).await {
                    tracing::warn!(%error, %run_id, "the end of a scheduled run is noted later");
                }
            }
            Some(_) => {}
            None => self.signals = stream::pending().boxed(),
        }
    }
}
