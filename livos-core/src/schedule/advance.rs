//! What a due schedule does next, decided without IO: the same record at the same time always
//! comes to the same step.

use std::sync::Arc;
use std::time::Duration;

use super::Misfire;
use super::Overlap;
use super::Recurrence;
use super::ScheduleFault;
use super::health::HealthProblem;
use super::recurrence::Timetable;
use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::id::ModelName;
use crate::id::RunId;
use crate::message::Message;
use crate::message::MicroUsd;
use crate::origin::Trigger;
use crate::store::Alarm;
use crate::store::DaySpending;
use crate::store::FiringReason;
use crate::store::FiringRecord;
use crate::store::FiringStatus;
use crate::store::IdempotencyKey;
use crate::store::NewRun;
use crate::store::OpenFiring;
use crate::store::QueueMode;
use crate::store::RunRecord;
use crate::store::ScheduleChange;
use crate::store::ScheduleRecord;
use crate::store::ScheduleStatus;
use crate::subagent::AgentDefinition;

/// How late a firing may be and still count as in time.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// How long something wrong that was told is not told again.
const TOLD_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the interval of a failing loop is doubled at most.
const MAX_DOUBLINGS: u32 = 6;
const MICROS_A_DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl ScheduleRecord {
    pub(super) fn timetable(&self) -> Result<Timetable, ScheduleFault> {
        self.plan.timetable(self.created_at)
    }

    /// Sets what is due next, after a time.
    pub(super) fn plan_after(&mut self, timetable: &Timetable, after: Timestamp) {
        let next = timetable.next_after(self.plan.not_before(after));
        let next = next.filter(|slot| self.plan.ends_at.is_none_or(|end| *slot <= end));
        self.progress.next_slot = next.filter(|_| !self.is_spent());
        self.progress.next_at = self.progress.next_slot.map(|slot| self.due_at(slot));
        if self.progress.next_slot.is_none() {
            self.progress.status = ScheduleStatus::Ended;
            self.progress.reason = None;
        }
    }

    /// Whether it fired as often as it may.
    fn is_spent(&self) -> bool {
        self.plan.max_firings.is_some_and(|most| self.progress.fired >= most)
    }

    /// When a slot fires: it and a part of the jitter that is the same whoever asks.
    pub(super) fn due_at(&self, slot: Timestamp) -> Timestamp {
        let jitter = u64::try_from(self.plan.jitter.as_micros()).unwrap_or(u64::MAX);
        if jitter == 0 {
            return slot;
        }
        let id = self.id.as_u128();
        let folded = (id ^ (id >> 64)) & u128::from(u64::MAX);
        let seed =
            u64::try_from(folded).unwrap_or_default() ^ slot.as_unix_micros().cast_unsigned();
        slot.saturating_add(Duration::from_micros(scattered(seed) % jitter))
    }

    /// Stops it until somebody lets it go on.
    pub(super) fn pause(&mut self, reason: impl Into<String>) {
        self.progress.status = ScheduleStatus::Paused;
        self.progress.reason = Some(reason.into());
        self.progress.next_slot = None;
        self.progress.next_at = None;
    }

    /// The change that makes a record of the version before into this one.
    pub(super) fn into_change(mut self, firings: Vec<FiringRecord>) -> ScheduleChange {
        self.version = self.version.saturating_add(1);
        ScheduleChange { schedule: self, firings, run: None }
    }

    /// Takes note of a run that is over. Gives its firing, to be written down.
    fn close(&mut self, firing: OpenFiring, run: &RunRecord, now: Timestamp) -> FiringRecord {
        let status = FiringStatus::from(run.state);
        match status {
            FiringStatus::Completed => self.progress.failures = 0,
            FiringStatus::Failed | FiringStatus::Exhausted => {
                self.progress.failures = self.progress.failures.saturating_add(1);
                self.back_off();
            }
            _ => {}
        }
        let at = run.finished_at.unwrap_or(now);
        let day = day_of(at);
        if day > self.progress.spent.day {
            self.progress.spent = DaySpending { day, cost: MicroUsd::default() };
        }
        if day == self.progress.spent.day
            && let Some(cost) = run.cost_micro_usd
        {
            self.progress.spent.cost = self.progress.spent.cost + cost;
        }
        let is_by_hand = !self.is_slot(firing.slot);
        FiringRecord {
            slot: firing.slot,
            at: run.admitted_at,
            run_id: Some(firing.run_id),
            status,
            reason: is_by_hand.then_some(FiringReason::ByHand),
            slots: 1,
        }
    }

    /// Whether the timetable may have this time: all but a single one are whole seconds.
    fn is_slot(&self, slot: Timestamp) -> bool {
        match self.plan.recurrence {
            Recurrence::At { time } => slot == time,
            _ => slot.as_unix_micros().rem_euclid(1_000_000) == 0,
        }
    }

    /// Puts a loop that fails off: twice its interval after the first failure, and so on.
    fn back_off(&mut self) {
        let (Some(next), Some(last), Recurrence::Every { seconds }) =
            (self.progress.next_slot, self.progress.last_slot, &self.plan.recurrence)
        else {
            return;
        };
        let pause = seconds.saturating_mul(1 << self.progress.failures.min(MAX_DOUBLINGS));
        let earliest = last.saturating_add(Duration::from_secs(pause));
        if earliest > next
            && let Ok(timetable) = self.timetable()
        {
            self.plan_after(&timetable, earliest.saturating_sub(Duration::from_micros(1)));
        }
    }
}

/// Mixes the bits of a number, so that neighbours differ.
fn scattered(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

pub(super) fn day_of(time: Timestamp) -> i64 {
    time.as_unix_micros().div_euclid(MICROS_A_DAY)
}

/// Notes which open runs are over. `found` has the record of each; one that has none is gone.
pub(super) fn fold(
    record: &mut ScheduleRecord,
    found: &[(OpenFiring, Option<RunRecord>)],
    now: Timestamp,
) -> Vec<FiringRecord> {
    let mut noted = Vec::new();
    for (firing, run) in found {
        let is_open = run.as_ref().is_some_and(|run| !run.state.is_final());
        if is_open {
            continue;
        }
        record.progress.open.retain(|open| open.run_id != firing.run_id);
        if let Some(run) = run {
            noted.push(record.close(*firing, run, now));
        }
    }
    let failures = record.progress.failures;
    if failures >= record.plan.pause_after && record.progress.status == ScheduleStatus::Active {
        record.pause(format!("{failures} runs failed, one after the other"));
    }
    noted
}

/// What a due schedule does next.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) change: ScheduleChange,
    /// Runs that are to be cancelled before.
    pub(super) replaces: Vec<RunId>,
}

/// What is known when a step is decided.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub(super) now: Timestamp,
    /// What the runs that are not over cost so far.
    pub(super) open_cost: MicroUsd,
    /// What a run may spend that has no budget of its own.
    pub(super) usual_budget: Budget,
    /// The model of its session.
    pub(super) session_model: Option<ModelName>,
    /// The named agent that does it, if one is named and there.
    pub(super) agent: Option<AgentDefinition>,
    /// What is wrong with the system; none when nobody asked.
    pub(super) problems: Option<&'a [HealthProblem]>,
}

/// Decides what becomes of the next slot. `noted` is what was learned of earlier ones.
///
/// None when nothing is due.
pub(super) fn advance(
    mut record: ScheduleRecord,
    noted: Vec<FiringRecord>,
    facts: &Facts<'_>,
) -> Result<Option<Step>, ScheduleFault> {
    let now = facts.now;
    let (Some(slot), Some(due)) = (record.progress.next_slot, record.progress.next_at) else {
        return Ok(None);
    };
    if due > now {
        return Ok(None);
    }
    let timetable = record.timetable()?;
    check_agent(&record, facts)?;
    if record.is_spent() {
        record.plan_after(&timetable, slot);
        return Ok(Some(step(record, noted)));
    }
    let missed = missed(&record, &timetable, slot, now);
    let mut firings = noted;
    let slot = match missed {
        Missed::None => slot,
        Missed::LeftOut { newest, count } => {
            firings.push(left_out(newest, now, FiringReason::Missed, count));
            record.progress.last_slot = Some(newest);
            record.plan_after(&timetable, newest);
            return Ok(Some(step(record, firings)));
        }
        Missed::AllBut { newest, before, count } => {
            firings.push(left_out(before, now, FiringReason::Missed, count));
            newest
        }
    };
    record.progress.last_slot = Some(slot);
    if let Err(reason) = may_fire(&mut record, facts) {
        record.plan_after(&timetable, slot);
        firings.push(left_out(slot, now, reason, 1));
        return Ok(Some(step(record, firings)));
    }
    let replaces = match record.plan.overlap {
        Overlap::Replace => record.progress.open.iter().map(|open| open.run_id).collect(),
        Overlap::Skip | Overlap::Queue => Vec::new(),
    };
    let run = run_for(&record, slot, facts);
    note_start(&mut record, slot, run.run_id);
    record.plan_after(&timetable, slot);
    firings.push(started(slot, now, run.run_id, None));
    let mut step = Step { replaces, ..step(record, firings) };
    step.change.run = Some(run);
    Ok(Some(step))
}

/// Fails if the agent is gone that a plan names.
pub(super) fn check_agent(record: &ScheduleRecord, facts: &Facts<'_>) -> Result<(), ScheduleFault> {
    match &record.plan.agent {
        Some(name) if facts.agent.is_none() => {
            Err(ScheduleFault::UnknownAgent { name: name.clone() })
        }
        _ => Ok(()),
    }
}

/// Leaves the next slot out because the session takes no more.
pub(super) fn too_busy(
    mut record: ScheduleRecord,
    mut firings: Vec<FiringRecord>,
    now: Timestamp,
) -> Result<ScheduleChange, ScheduleFault> {
    if let Some(slot) = record.progress.next_slot {
        let timetable = record.timetable()?;
        record.progress.last_slot = Some(slot);
        record.plan_after(&timetable, slot);
        firings.push(left_out(slot, now, FiringReason::Busy, 1));
    }
    Ok(record.into_change(firings))
}

/// A firing that somebody asks for, whatever the timetable says.
pub(super) fn fire_by_hand(
    mut record: ScheduleRecord,
    mut firings: Vec<FiringRecord>,
    facts: &Facts<'_>,
) -> ScheduleChange {
    // Not a whole second after any anchor, so that no slot is like it.
    let mut slot = facts.now;
    while record.is_slot(slot) {
        slot = slot.saturating_add(Duration::from_micros(1));
    }
    let run = run_for(&record, slot, facts);
    note_start(&mut record, slot, run.run_id);
    if record.is_spent() {
        record.progress.status = ScheduleStatus::Ended;
        (record.progress.next_slot, record.progress.next_at) = (None, None);
    }
    firings.push(started(slot, facts.now, run.run_id, Some(FiringReason::ByHand)));
    let mut change = record.into_change(firings);
    change.run = Some(run);
    change
}

fn note_start(record: &mut ScheduleRecord, slot: Timestamp, run_id: RunId) {
    record.progress.fired = record.progress.fired.saturating_add(1);
    record.progress.open.push(OpenFiring { slot, run_id });
}

fn step(record: ScheduleRecord, firings: Vec<FiringRecord>) -> Step {
    Step { change: record.into_change(firings), replaces: Vec::new() }
}

pub(super) fn started(
    slot: Timestamp,
    at: Timestamp,
    run_id: RunId,
    reason: Option<FiringReason>,
) -> FiringRecord {
    FiringRecord { slot, at, run_id: Some(run_id), status: FiringStatus::Started, reason, slots: 1 }
}

fn left_out(slot: Timestamp, at: Timestamp, reason: FiringReason, slots: u32) -> FiringRecord {
    let (status, reason) = (FiringStatus::Skipped, Some(reason));
    FiringRecord { slot, at, run_id: None, status, reason, slots }
}

/// Which slots are too late.
enum Missed {
    None,
    /// All up to this one.
    LeftOut {
        newest: Timestamp,
        count: u32,
    },
    /// All up to `before`; the newest fires.
    AllBut {
        newest: Timestamp,
        before: Timestamp,
        count: u32,
    },
}

fn missed(
    record: &ScheduleRecord,
    timetable: &Timetable,
    slot: Timestamp,
    now: Timestamp,
) -> Missed {
    if now.since(record.due_at(slot)) <= GRACE {
        return Missed::None;
    }
    match record.plan.misfire {
        Misfire::Skip => {
            let (newest, before) = timetable.newest_up_to(slot, now.saturating_sub(GRACE));
            Missed::LeftOut { newest, count: before.saturating_add(1) }
        }
        Misfire::Once => {
            let last = record.plan.ends_at.map_or(now, |end| end.min(now));
            match timetable.newest_up_to(slot, last) {
                (_, 0) => Missed::None,
                (newest, count) => {
                    let before = Timestamp::from_unix_micros(newest.as_unix_micros() - 1);
                    let (before, _) = timetable.newest_up_to(slot, before);
                    Missed::AllBut { newest, before, count }
                }
            }
        }
        Misfire::All { within } => {
            let oldest = now.saturating_sub(within);
            if slot >= oldest {
                return Missed::None;
            }
            let (newest, before) =
                timetable.newest_up_to(slot, oldest.saturating_sub(Duration::from_micros(1)));
            Missed::LeftOut { newest, count: before.saturating_add(1) }
        }
    }
}

/// Whether the slot may fire; else why not.
fn may_fire(record: &mut ScheduleRecord, facts: &Facts<'_>) -> Result<(), FiringReason> {
    if record.plan.overlap == Overlap::Skip && !record.progress.open.is_empty() {
        return Err(FiringReason::Overlap);
    }
    if left_today(record, facts).is_some_and(|left| left.0 == 0) {
        return Err(FiringReason::DailyLimit);
    }
    let Some(problems) = facts.problems else { return Ok(()) };
    if problems.is_empty() {
        record.progress.alarm = None;
        return Err(FiringReason::AllWell);
    }
    let mut names: Vec<String> = problems.iter().map(|problem| problem.name.clone()).collect();
    names.sort_unstable();
    let was_told = record
        .progress
        .alarm
        .as_ref()
        .is_some_and(|alarm| alarm.problems == names && facts.now.since(alarm.at) < TOLD_FOR);
    if was_told {
        return Err(FiringReason::ToldAlready);
    }
    record.progress.alarm = Some(Alarm { problems: names, at: facts.now });
    Ok(())
}

/// What may still be spent today, if that is limited.
fn left_today(record: &ScheduleRecord, facts: &Facts<'_>) -> Option<MicroUsd> {
    let limit = record.plan.daily_limit?;
    let spent = match record.progress.spent {
        DaySpending { day, cost } if day == day_of(facts.now) => cost,
        _ => MicroUsd::default(),
    };
    Some(MicroUsd(limit.0.saturating_sub(spent.0).saturating_sub(facts.open_cost.0)))
}

fn run_for(record: &ScheduleRecord, slot: Timestamp, facts: &Facts<'_>) -> NewRun {
    let mut task = record.plan.task.clone();
    if let Some(problems) = facts.problems.filter(|problems| !problems.is_empty()) {
        task.push_str("\n\nThe system reports:\n");
        for HealthProblem { name, detail } in problems {
            task.extend(["- ", name, ": ", detail, "\n"]);
        }
    }
    let mut run = NewRun::new(record.session_id, Message::user(task), facts.now);
    run.trigger = Trigger::Schedule;
    run.origin = record.origin.clone();
    let agent = facts.agent.as_ref();
    run.profile = agent.map(|agent| Arc::new(agent.profile()));
    let model = record.plan.model.as_ref();
    let model = model.or_else(|| agent.and_then(|agent| agent.model.as_ref()));
    run.model = model.or(facts.session_model.as_ref()).cloned();
    // A cap on money holds for a run as well; its other limits are then the usual ones.
    let own_budget = record.plan.budget.or_else(|| agent.and_then(|agent| agent.budget));
    run.budget = match (own_budget, left_today(record, facts)) {
        (budget, None) => budget,
        (budget, Some(left)) => {
            let budget = budget.unwrap_or(facts.usual_budget);
            let cost = budget.cost.map_or(left, |cost| MicroUsd(cost.0.min(left.0)));
            Some(budget.with_cost(cost))
        }
    };
    run.mode = QueueMode::Queue;
    run.key = Some(firing_key(record, slot));
    run.reply_to.clone_from(&record.plan.reply_to);
    run
}

/// The name of a firing: the schedule and the slot.
fn firing_key(record: &ScheduleRecord, slot: Timestamp) -> IdempotencyKey {
    IdempotencyKey::new(format!("schedule:{}", record.id), slot.to_string())
}

#[cfg(test)]
mod tests;
