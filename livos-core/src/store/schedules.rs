//! Schedules: what is due, and what fired.

use std::fmt;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::message::MicroUsd;
use crate::origin::Origin;
use crate::schedule::SchedulePlan;
use crate::store::Admission;
use crate::store::NewRun;
use crate::store::Page;
use crate::store::RunState;
use crate::store::SessionRecord;
use crate::store::StoreError;

/// How many firings of a schedule are kept, the newest.
pub const FIRINGS_KEPT: usize = 100;

/// The schedules there are.
///
/// # For implementors
/// - Each method is one transaction; dropping a returned future may leave the whole effect or none of it.
/// - A schedule belongs to its session and goes with it when that is deleted, with its firings.
/// - Looking for what is due costs no more with many schedules than with few.
/// - Whatever may change the next due time raises [`WorkSignal::ScheduleChanged`](super::WorkSignal::ScheduleChanged),
///   but for a change that admits a run or only tells what came of one.
/// - Of the firings of a schedule the newest [`FIRINGS_KEPT`] are kept.
/// - Times come from the caller; a store asks no clock.
#[async_trait]
pub trait ScheduleStore: fmt::Debug + Send + Sync + 'static {
    /// Adds a schedule, with its session if that is given.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is one of that id, [`StoreError::NotFound`] when no session is
    /// given and there is none, or when it could not be written.
    async fn create_schedule(
        &self,
        schedule: ScheduleRecord,
        session: Option<SessionRecord>,
    ) -> Result<(), StoreError>;

    /// Changes a schedule that has the version before, notes firings and admits a run, all or nothing.
    ///
    /// The answer is what became of the run; a key that was given before admits none, and the rest is written.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Conflict`] when it has another version,
    /// as [`admit`](super::RunQueue::admit), or when it could not be written.
    async fn change_schedule(
        &self,
        change: ScheduleChange,
    ) -> Result<Option<Admission>, StoreError>;

    /// Deletes a schedule with its firings; its session stays. False when there was none.
    ///
    /// # Errors
    /// When it could not be written.
    async fn delete_schedule(&self, id: ScheduleId) -> Result<bool, StoreError>;

    /// One schedule.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn schedule(&self, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError>;

    /// Schedules that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn schedules(
        &self,
        filter: ScheduleFilter,
        limit: usize,
    ) -> Result<Page<ScheduleRecord>, StoreError>;

    /// The schedules due at a time, those due longest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn due_schedules(&self, now: Timestamp, limit: usize)
    -> Result<DueSchedules, StoreError>;

    /// The firings of a schedule before a slot, newest first. There are none of an unknown schedule.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Page<FiringRecord>, StoreError>;
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRecord {
    /// Its id.
    pub id: ScheduleId,
    /// 1, and one more for each change.
    pub version: u64,
    /// What it does, and when.
    pub plan: SchedulePlan,
    /// The session of its runs.
    pub session_id: SessionId,
    /// Whether the session is its own.
    pub session: ScheduleSession,
    /// Who made it; its runs act for them, and are trusted as far.
    pub origin: Origin,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its plan was last changed.
    pub updated_at: Timestamp,
    /// How far it is.
    pub progress: ScheduleProgress,
}

/// Whether the session of a schedule is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSession {
    /// It was made for it.
    Own,
    /// It was there before.
    Given,
}

/// How far a schedule is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScheduleProgress {
    /// Where it stands.
    pub status: ScheduleStatus,
    /// Why it stands there, in words, if somebody may want to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of its timetable that is next; none unless it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_slot: Option<Timestamp>,
    /// When that fires, jitter included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The newest slot that was dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_slot: Option<Timestamp>,
    /// How often a run of it was admitted.
    #[serde(default)]
    pub fired: u64,
    /// How many of its newest runs failed, one after the other.
    #[serde(default)]
    pub failures: u32,
    /// Its runs that are not known to be over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenFiring>,
    /// What its runs of a day cost that are over.
    #[serde(default)]
    pub spent: DaySpending,
    /// What was found wrong and told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
}

/// Where a schedule stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleStatus {
    /// It fires when it is due.
    #[default]
    Active,
    /// Somebody, or too many failures, stopped it for now.
    Paused,
    /// It fires no more.
    Ended,
}

impl ScheduleStatus {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }
}

/// A run that is not known to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFiring {
    /// The slot it was admitted for.
    pub slot: Timestamp,
    /// The run.
    pub run_id: RunId,
}

/// What was spent in a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DaySpending {
    /// The day, counted from the Unix epoch.
    pub day: i64,
    /// What was spent in it.
    pub cost: MicroUsd,
}

/// Something wrong that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What, by name.
    pub problems: Vec<String>,
    /// When it was told.
    pub at: Timestamp,
}

/// What came of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiringRecord {
    /// The slot; of each there is one firing.
    pub slot: Timestamp,
    /// When it was dealt with.
    pub at: Timestamp,
    /// The run, unless it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// What came of it.
    pub status: FiringStatus,
    /// Why it was left out, or asked for by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FiringReason>,
    /// How many slots this stands for: it and those just before it that were left out as well. Counted up to 1,000.
    #[serde(default = "one")]
    pub slots: u32,
}

fn one() -> u32 {
    1
}

/// What came of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiringStatus {
    /// Its run was admitted, and is not over.
    Started,
    /// Its run did what it was told.
    Completed,
    /// Its run could not go on.
    Failed,
    /// Somebody, or a later firing, stopped its run.
    Cancelled,
    /// Its run used up its budget.
    Exhausted,
    /// It was left out.
    Skipped,
}

impl From<RunState> for FiringStatus {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued | RunState::Running | RunState::Waiting => Self::Started,
            RunState::Completed => Self::Completed,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
            RunState::Exhausted => Self::Exhausted,
        }
    }
}

/// Why a slot was left out, or fired without being due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiringReason {
    /// Somebody asked for it.
    ByHand,
    /// It was missed, and the misfire policy leaves it out.
    Missed,
    /// The last run was not over.
    Overlap,
    /// What may be spent in a day is spent.
    DailyLimit,
    /// All was well, so nobody had to be asked.
    AllWell,
    /// What is wrong was told already.
    ToldAlready,
    /// Too much waits in the session.
    Busy,
}

/// A change of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleChange {
    /// What it becomes. Its version is one more than the one it must have before.
    pub schedule: ScheduleRecord,
    /// What came of its slots; a firing of a slot that is known replaces that.
    pub firings: Vec<FiringRecord>,
    /// The run to be admitted.
    pub run: Option<NewRun>,
}

impl ScheduleChange {
    /// Fails when the stored version is not the one before.
    pub(super) fn check(&self, version: u64) -> Result<(), StoreError> {
        if version.checked_add(1) == Some(self.schedule.version) {
            return Ok(());
        }
        let found = format!("it has version {version}");
        Err(StoreError::conflict("schedule", &self.schedule.id, found))
    }

    /// Whether those who wait for the next due time must look again.
    pub(super) fn moves(&self) -> bool {
        self.run.is_none() && self.firings.is_empty()
    }
}

/// Which schedules to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleFilter {
    /// Only those of this session.
    pub session_id: Option<SessionId>,
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those that stand here.
    pub status: Option<ScheduleStatus>,
    /// Only those made before this one.
    pub before: Option<ScheduleId>,
}

impl ScheduleFilter {
    /// Whether a schedule is to be listed.
    pub fn accepts(&self, schedule: &ScheduleRecord) -> bool {
        self.session_id.is_none_or(|id| id == schedule.session_id)
            && self.user.as_ref().is_none_or(|user| *user == schedule.origin.user)
            && self.status.is_none_or(|status| status == schedule.progress.status)
            && self.before.is_none_or(|id| schedule.id < id)
    }
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DueSchedules {
    /// The schedules, those due longest first.
    pub due: Vec<ScheduleRecord>,
    /// When the next of all others is due.
    pub look_again_at: Option<Timestamp>,
}
