//! Schedules: what is to be done at its time.
//!
//! A firing is named by its schedule and its slot, the time of the timetable. That name is the
//! idempotency key of its run, and the step that admits the run is the one that moves the schedule to its next
//! slot: one transaction. So a slot fires once, whoever looks, however often, and whatever the clock
//! does. A run of a schedule is a run like any other; a [`Worker`](crate::Worker) drives it.

mod advance;
mod fault;
mod health;
mod plan;
mod recurrence;
mod rewind;
mod ticker;
mod validate;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::advance::Facts;
use self::validate::Probe;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::origin::Origin;
use crate::origin::Trust;
use crate::store::FiringRecord;
use crate::store::FiringStatus;
use crate::store::OpenFiring;
use crate::store::Page;
use crate::store::RunRecord;
use crate::store::ScheduleChange;
use crate::store::ScheduleFilter;
use crate::store::ScheduleProgress;
use crate::store::ScheduleRecord;
use crate::store::ScheduleSession;
use crate::store::ScheduleStatus;
use crate::store::SessionRecord;
use crate::store::Store;
use crate::store::StoreError;
use crate::subagent;

pub use self::fault::ScheduleError;
pub use self::fault::ScheduleFault;
pub use self::health::HealthProbe;
pub use self::health::HealthProblem;
pub use self::plan::Condition;
pub use self::plan::Misfire;
pub use self::plan::Overlap;
pub use self::plan::PAUSE_AFTER;
pub use self::plan::SchedulePlan;
pub use self::recurrence::Recurrence;
pub use self::ticker::ScheduleWorker;
pub use self::ticker::Tick;

/// The shortest time between two firings unless told otherwise.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);
/// How many of the next times are told of a schedule.
pub const NEXT_TIMES: usize = 5;
/// How often a change is thought out again because somebody else was faster.
const ATTEMPTS: u32 = 8;
/// How many schedules are read at a time when all are looked through.
const PAGE: usize = 256;
/// How long the probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How schedules are treated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScheduleSettings {
    /// The shortest time between two firings.
    pub min_interval: Duration,
    /// The time zone of cron expressions that name none; an IANA name.
    pub time_zone: String,
    /// What the agent's runs may spend: a schedule with a daily limit but no budget gets this with a cap on money.
    pub budget: Budget,
}

impl Default for ScheduleSettings {
    /// At most once in [`MIN_INTERVAL`]; UTC; the budget of an agent that was given none.
    fn default() -> Self {
        Self { min_interval: MIN_INTERVAL, time_zone: "UTC".to_owned(), budget: Budget::default() }
    }
}

impl ScheduleSettings {
    /// Sets the shortest time between two firings.
    #[must_use]
    pub fn with_min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    /// Sets the time zone of cron expressions that name none.
    #[must_use]
    pub fn with_time_zone(mut self, zone: impl Into<String>) -> Self {
        self.time_zone = zone.into();
        self
    }

    /// Sets what the agent's runs may spend.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

/// A schedule to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    /// What it does, and when.
    pub plan: SchedulePlan,
    /// Where its runs happen; a session of its own where absent.
    pub session_id: Option<SessionId>,
    /// Who makes it.
    pub origin: Origin,
}

/// A change of a schedule; what is absent stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScheduleUpdate {
    /// A new plan, whole.
    pub plan: Option<SchedulePlan>,
    /// Whether it goes on.
    pub switch: Option<Switch>,
}

/// Whether a schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It fires no more until somebody lets it.
    Pause,
    /// It goes on with the next time from now; what was missed meanwhile is left out.
    Resume,
}

/// Makes schedules and lets them fire. Clones are the same.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use livos_core::{
///     MemoryStore, NewSchedule, Origin, Recurrence, ScheduleManager, SchedulePlan, ScheduleSettings, SystemClock,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryStore::new());
/// let schedules = ScheduleManager::new(store, Arc::new(SystemClock), ScheduleSettings::default());
/// let plan = SchedulePlan::new("Look in", "Is all well?", Recurrence::every(Duration::from_secs(3600)));
/// let made = schedules
///     .create(NewSchedule { plan, session_id: None, origin: Origin::default() })
///     .await?;
/// assert_eq!(schedules.next_times(&made).len(), 5);
/// let worker = schedules.start(); // admits runs when they are due; a `Worker` drives them
/// # worker.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScheduleManager(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: ScheduleSettings,
    probe: Option<Arc<dyn HealthProbe>>,
}

impl ScheduleManager {
    /// Schedules of a store, without anybody who looks after the health of the system.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, settings: ScheduleSettings) -> Self {
        Self(Arc::new(Shared { store, clock, settings, probe: None }))
    }

    /// Schedules of a store, with a probe for those that depend on the health of the system.
    pub fn with_probe(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: ScheduleSettings,
        probe: Arc<dyn HealthProbe>,
    ) -> Self {
        Self(Arc::new(Shared { store, clock, settings, probe: Some(probe) }))
    }

    /// Begins to admit runs when they are due. Several may do so for one store, in one process or many.
    ///
    /// Needs a tokio runtime, in which it stays.
    pub fn start(&self) -> ScheduleWorker {
        ScheduleWorker::start(self.clone())
    }

    /// How schedules are treated.
    pub fn settings(&self) -> &ScheduleSettings {
        &self.0.settings
    }

    /// The times that a plan would fire next, at most [`NEXT_TIMES`], jitter left aside. Nothing is kept.
    ///
    /// # Errors
    /// [`ScheduleFault`] when the plan cannot be used.
    pub fn preview(&self, plan: SchedulePlan) -> Result<Vec<Timestamp>, ScheduleFault> {
        let now = self.now();
        let plan = self.checked(plan, now)?;
        let last = plan.ends_at;
        let most = plan.max_firings.unwrap_or(u64::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(NEXT_TIMES);
        let timetable = plan.timetable(now)?;
        let slots = timetable.slots(plan.not_before(now), most);
        Ok(slots.take_while(|slot| last.is_none_or(|last| *slot <= last)).collect())
    }

    /// The times that a schedule fires next, at most [`NEXT_TIMES`], jitter left aside.
    pub fn next_times(&self, schedule: &ScheduleRecord) -> Vec<Timestamp> {
        let Some(first) = schedule.progress.next_slot else { return Vec::new() };
        let Ok(timetable) = schedule.timetable() else { return Vec::new() };
        let left =
            schedule.plan.max_firings.map(|most| most.saturating_sub(schedule.progress.fired));
        let left = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let last = schedule.plan.ends_at;
        let slots = std::iter::once(first).chain(timetable.slots(first, NEXT_TIMES - 1));
        slots.take(left).take_while(|slot| last.is_none_or(|last| *slot <= last)).collect()
    }

    /// Makes a schedule.
    ///
    /// # Errors
    /// [`ScheduleError::Invalid`] names the field that cannot be used, [`ScheduleError::NotAllowed`] when the
    /// origin is trusted less than somebody the owner let in. Nothing is kept then.
    pub async fn create(&self, new: NewSchedule) -> Result<ScheduleRecord, ScheduleError> {
        let NewSchedule { plan, session_id, origin } = new;
        if origin.trust < Trust::Paired {
            return Err(ScheduleError::NotAllowed);
        }
        let now = self.now();
        let plan = self.checked(plan, now)?;
        self.agent_of(&plan).await?;
        let id = ScheduleId::generate();
        let own = session_id.is_none().then(|| {
            let mut session = SessionRecord::new(SessionId::generate(), now);
            session.title = Some(plan.title.clone());
            session
        });
        let mut schedule = ScheduleRecord {
            id,
            version: 1,
            session_id: own
                .as_ref()
                .map(|own| own.id)
                .or(session_id)
                .unwrap_or_else(SessionId::generate),
            session: if own.is_some() { ScheduleSession::Own } else { ScheduleSession::Given },
            plan,
            origin,
            created_at: now,
            updated_at: now,
            progress: ScheduleProgress::default(),
        };
        let timetable = schedule.timetable()?;
        schedule.plan_after(&timetable, now);
        self.0.store.create_schedule(schedule.clone(), own).await?;
        Ok(schedule)
    }

    /// One schedule.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when the store cannot be read.
    pub async fn get(&self, id: ScheduleId) -> Result<ScheduleRecord, ScheduleError> {
        let found = self.0.store.schedule(id).await?;
        found.ok_or_else(|| StoreError::not_found("schedule", &id).into())
    }

    /// Schedules that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        filter: ScheduleFilter,
        limit: usize,
    ) -> Result<Page<ScheduleRecord>, ScheduleError> {
        Ok(self.0.store.schedules(filter, limit).await?)
    }

    /// What came of the slots of a schedule before one, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such schedule, or when the store cannot be read.
    pub async fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Page<FiringRecord>, ScheduleError> {
        self.get(id).await?;
        let mut page = self.0.store.firings(id, before, limit).await?;
        for firing in &mut page.items {
            // Nobody may have taken note of its end yet.
            if let (FiringStatus::Started, Some(run_id)) = (firing.status, firing.run_id)
                && let Some(run) = self.0.store.run(run_id).await?
                && run.state.is_final()
            {
                firing.status = run.state.into();
            }
        }
        Ok(page)
    }

    /// Changes a schedule. A new time counts from now; whatever else changes leaves the next time as it is.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`ScheduleError::Ended`] when one that is over is to go on.
    pub async fn update(
        &self,
        id: ScheduleId,
        update: ScheduleUpdate,
    ) -> Result<ScheduleRecord, ScheduleError> {
        let now = self.now();
        if let Some(plan) = &update.plan {
            self.agent_of(plan).await?;
        }
        self.change(id, |mut record| {
            if let Some(plan) = update.plan.clone() {
                let plan = self.checked_change(plan, &record.plan, now)?;
                record.updated_at = now;
                replan(&mut record, plan, now)?;
            }
            match update.switch {
                Some(Switch::Pause) if record.progress.status != ScheduleStatus::Ended => {
                    record.pause("somebody paused it");
                }
                Some(Switch::Resume) if record.progress.status == ScheduleStatus::Paused => {
                    resume(&mut record, now)?;
                }
                Some(Switch::Resume) if record.progress.status == ScheduleStatus::Ended => {
                    return Err(ScheduleError::Ended(id));
                }
                _ => {}
            }
            Ok(record.into_change(Vec::new()))
        })
        .await
    }

    /// Deletes a schedule. Runs that were admitted go on. Its own session stays if anything happened in it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when it could not be written.
    pub async fn delete(&self, id: ScheduleId) -> Result<(), ScheduleError> {
        let schedule = self.get(id).await?;
        match delete(&*self.0.store, &schedule).await? {
            true => Ok(()),
            false => Err(StoreError::not_found("schedule", &id).into()),
        }
    }

    /// Fires a schedule now, whatever its timetable, policies and pause say, and gives the run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Busy`] when too much waits in its
    /// session, or when it could not be written.
    pub async fn run_now(&self, id: ScheduleId) -> Result<RunId, ScheduleError> {
        let problems = self.problems_if_wanted(&self.get(id).await?).await;
        let mut run_id = None;
        for _ in 0..ATTEMPTS {
            let record = self.get(id).await?;
            let (record, noted, facts) = self.folded(record, problems.as_deref()).await?;
            advance::check_agent(&record, &facts)?;
            let change = advance::fire_by_hand(record, noted, &facts);
            run_id = change.run.as_ref().map(|run| run.run_id).or(run_id);
            match (self.0.store.change_schedule(change).await, run_id) {
                (Ok(_), Some(run_id)) => return Ok(run_id),
                (Err(error), _) if !matches!(error, StoreError::Conflict { .. }) => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Err(contended(id))
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn checked(&self, plan: SchedulePlan, now: Timestamp) -> Result<SchedulePlan, ScheduleFault> {
        let plan = validate::checked(self.zoned(plan), now, self.probe())?;
        validate::check_times(&plan, now, self.0.settings.min_interval)?;
        Ok(plan)
    }

    /// A plan that is changed may keep times that have passed.
    fn checked_change(
        &self,
        plan: SchedulePlan,
        old: &SchedulePlan,
        now: Timestamp,
    ) -> Result<SchedulePlan, ScheduleFault> {
        let plan = validate::checked(self.zoned(plan), now, self.probe())?;
        if !plan.has_times_of(old) {
            validate::check_times(&plan, now, self.0.settings.min_interval)?;
        }
        Ok(plan)
    }

    /// Fails unless the agent is there that a plan names.
    async fn agent_of(&self, plan: &SchedulePlan) -> Result<(), ScheduleError> {
        let Some(name) = &plan.agent else { return Ok(()) };
        match subagent::definition(&*self.0.store, name).await? {
            Some(_) => Ok(()),
            None => Err(ScheduleFault::UnknownAgent { name: name.clone() }.into()),
        }
    }

    fn probe(&self) -> Probe {
        if self.0.probe.is_some() { Probe::Present } else { Probe::Absent }
    }

    /// Writes the usual time zone into a cron expression that names none, so that a later change of the
    /// setting moves nothing.
    fn zoned(&self, mut plan: SchedulePlan) -> SchedulePlan {
        if let Recurrence::Cron { time_zone: zone @ None, .. } = &mut plan.recurrence {
            *zone = Some(self.0.settings.time_zone.clone());
        }
        plan
    }

    /// Thinks a change out until nobody was faster.
    async fn change(
        &self,
        id: ScheduleId,
        change: impl Fn(ScheduleRecord) -> Result<ScheduleChange, ScheduleError>,
    ) -> Result<ScheduleRecord, ScheduleError> {
        for _ in 0..ATTEMPTS {
            let wanted = change(self.get(id).await?)?;
            let changed = wanted.schedule.clone();
            match self.0.store.change_schedule(wanted).await {
                Ok(_) => return Ok(changed),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended(id))
    }

    /// The record with what became of its open runs, and what is known for its next step.
    async fn folded<'a>(
        &self,
        mut record: ScheduleRecord,
        problems: Option<&'a [HealthProblem]>,
    ) -> Result<(ScheduleRecord, Vec<FiringRecord>, Facts<'a>), StoreError> {
        let now = self.now();
        let mut found: Vec<(OpenFiring, Option<RunRecord>)> = Vec::new();
        for open in record.progress.open.clone() {
            found.push((open, self.0.store.run(open.run_id).await?));
        }
        let noted = advance::fold(&mut record, &found, now);
        let open = found.iter().filter_map(|(_, run)| run.as_ref());
        let open_cost = open
            .filter(|run| !run.state.is_final())
            .filter_map(|run| run.cost_micro_usd)
            .fold(MicroUsd::default(), |sum, cost| sum + cost);
        let usual_budget = self.0.settings.budget;
        let session_model = self.session_model(&record).await?;
        let agent = match &record.plan.agent {
            Some(name) => subagent::definition(&*self.0.store, name).await?,
            None => None,
        };
        let facts = Facts { now, open_cost, usual_budget, session_model, agent, problems };
        Ok((record, noted, facts))
    }

    /// The model of a session that was there before.
    async fn session_model(
        &self,
        record: &ScheduleRecord,
    ) -> Result<Option<ModelName>, StoreError> {
        if record.plan.model.is_some() || record.session == ScheduleSession::Own {
            return Ok(None);
        }
        let session = self.0.store.session(record.session_id).await?;
        Ok(session.and_then(|session| session.model))
    }

    async fn problems_if_wanted(&self, record: &ScheduleRecord) -> Option<Vec<HealthProblem>> {
        let probe =
            self.0.probe.as_ref().filter(|_| record.plan.condition == Condition::SystemUnwell)?;
        match tokio::time::timeout(PROBE_TIMEOUT, probe.problems()).await {
            Ok(problems) => Some(problems),
            Err(_) => Some(vec![HealthProblem {
                name: "probe".to_owned(),
                detail: format!("it did not answer within {} seconds", PROBE_TIMEOUT.as_secs()),
            }]),
        }
    }
}

impl fmt::Debug for ScheduleManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleManager")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// Deletes a schedule, and its own session if nothing happened in it. False when there was none.
async fn delete(store: &dyn Store, schedule: &ScheduleRecord) -> Result<bool, StoreError> {
    if !store.delete_schedule(schedule.id).await? {
        return Ok(false);
    }
    let session = schedule.session_id;
    if schedule.session == ScheduleSession::Own && store.last_seq(session).await? == 0 {
        store.delete_session(session).await?;
    }
    Ok(true)
}

/// Deletes the schedules of an agent that is about to be forgotten, and tells how many there were.
pub(crate) async fn delete_of_agent(
    store: &dyn Store,
    agent: &AgentName,
) -> Result<usize, StoreError> {
    let (mut filter, mut deleted) = (ScheduleFilter::default(), 0);
    loop {
        let page = store.schedules(filter.clone(), PAGE).await?;
        filter.before = page.items.last().map(|schedule| schedule.id);
        let of_agent = |schedule: &&ScheduleRecord| schedule.plan.agent.as_ref() == Some(agent);
        for schedule in page.items.iter().filter(of_agent) {
            deleted += usize::from(delete(store, schedule).await?);
        }
        if !page.has_more {
            return Ok(deleted);
        }
    }
}

fn contended(id: ScheduleId) -> ScheduleError {
    StoreError::conflict("schedule", &id, "it changes all the time").into()
}

/// Gives a record another plan, and another next time if that says so.
fn replan(
    record: &mut ScheduleRecord,
    plan: SchedulePlan,
    now: Timestamp,
) -> Result<(), ScheduleError> {
    let old = std::mem::replace(&mut record.plan, plan);
    if record.plan.has_times_of(&old) || record.progress.status == ScheduleStatus::Paused {
        return Ok(());
    }
    record.progress.status = ScheduleStatus::Active;
    let timetable = record.timetable()?;
    record.plan_after(&timetable, now);
    Ok(())
}

fn resume(record: &mut ScheduleRecord, now: Timestamp) -> Result<(), ScheduleError> {
    record.progress.status = ScheduleStatus::Active;
    record.progress.reason = None;
    record.progress.failures = 0;
    let timetable = record.timetable()?;
    record.plan_after(&timetable, now);
    match record.progress.status {
        ScheduleStatus::Ended => Err(ScheduleError::Ended(record.id)),
        _ => Ok(()),
    }
}
