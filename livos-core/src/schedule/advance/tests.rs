use proptest::prelude::*;

use super::super::Condition;
use super::super::SchedulePlan;
use super::*;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::store::RunState;
use crate::store::ScheduleProgress;
use crate::store::ScheduleSession;

const START: i64 = 1_767_225_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros((START + seconds) * 1_000_000)
}

fn facts(now: Timestamp) -> Facts<'static> {
    Facts {
        now,
        open_cost: MicroUsd::default(),
        usual_budget: Budget::default(),
        session_model: None,
        agent: None,
        problems: None,
    }
}

/// Every minute from the start.
fn minutely(change: impl FnOnce(&mut SchedulePlan)) -> ScheduleRecord {
    let mut plan = SchedulePlan::new("t", "do", Recurrence::every(Duration::from_secs(60)));
    change(&mut plan);
    let mut record = ScheduleRecord {
        id: ScheduleId::from_u128(7),
        version: 1,
        plan,
        session_id: SessionId::from_u128(1),
        session: ScheduleSession::Own,
        origin: Origin::default(),
        created_at: at(0),
        updated_at: at(0),
        progress: ScheduleProgress::default(),
    };
    let timetable = record.timetable().unwrap();
    record.plan_after(&timetable, at(0));
    record
}

/// All steps that are due at a time, as `+slot` for a run and `-slot*count reason` for what was left out.
fn steps(record: &mut ScheduleRecord, now: i64) -> Vec<String> {
    let mut said = Vec::new();
    while let Some(step) = advance(record.clone(), Vec::new(), &facts(at(now))).unwrap() {
        for firing in &step.change.firings {
            let slot = firing.slot.since(at(0)).as_secs();
            said.push(match firing.reason {
                None => format!("+{slot}"),
                Some(reason) => format!("-{slot}*{} {reason:?}", firing.slots),
            });
        }
        *record = step.change.schedule;
        record.progress.open.clear();
    }
    said
}

#[test]
fn a_slot_fires_in_its_time() {
    let mut record = minutely(|_| {});
    assert!(steps(&mut record, 59).is_empty());
    assert_eq!(steps(&mut record, 60), ["+60"]);
    assert_eq!(steps(&mut record, 180), ["+120", "+180"], "within a minute nothing is missed");
}

#[test]
fn what_was_missed_is_treated_as_asked() {
    let after_downtime = |misfire: Misfire| {
        let mut record = minutely(|plan| {
            plan.misfire = misfire;
            plan.overlap = Overlap::Queue;
        });
        steps(&mut record, 610)
    };
    assert_eq!(after_downtime(Misfire::Skip), ["-540*9 Missed", "+600"]);
    assert_eq!(after_downtime(Misfire::Once), ["-540*9 Missed", "+600"]);
    assert_eq!(
        after_downtime(Misfire::All { within: Duration::from_secs(200) }),
        ["-360*6 Missed", "+420", "+480", "+540", "+600"]
    );
    let mut hourly =
        minutely(|plan| plan.recurrence = Recurrence::every(Duration::from_secs(3600)));
    assert_eq!(steps(&mut hourly, 3 * 3600 + 900), ["-7200*2 Missed", "+10800"]);
    let mut skipping = minutely(|plan| {
        plan.recurrence = Recurrence::every(Duration::from_secs(3600));
        plan.misfire = Misfire::Skip;
    });
    assert_eq!(steps(&mut skipping, 3 * 3600 + 900), ["-10800*3 Missed"]);
    assert_eq!(steps(&mut skipping, 4 * 3600), ["+14400"]);
}

#[test]
fn a_single_time_that_was_missed_fires_or_ends() {
    let once = |misfire| {
        let mut record = minutely(|plan| {
            plan.recurrence = Recurrence::at(at(60));
            plan.misfire = misfire;
        });
        let steps = steps(&mut record, 5000);
        (steps, record.progress.status)
    };
    assert_eq!(once(Misfire::Once), (vec!["+60".to_owned()], ScheduleStatus::Ended));
    assert_eq!(once(Misfire::Skip), (vec!["-60*1 Missed".to_owned()], ScheduleStatus::Ended));
}

#[test]
fn it_ends_when_it_was_told_to() {
    let mut record = minutely(|plan| plan.max_firings = Some(2));
    assert_eq!(steps(&mut record, 60), ["+60"]);
    assert_eq!(steps(&mut record, 120), ["+120"]);
    assert_eq!(record.progress.status, ScheduleStatus::Ended);
    assert_eq!(record.progress.next_at, None);
    let mut record = minutely(|plan| plan.ends_at = Some(at(150)));
    assert_eq!(steps(&mut record, 5000), ["-60*1 Missed", "+120"]);
    assert_eq!(record.progress.status, ScheduleStatus::Ended);
}

#[test]
fn overlaps_are_treated_as_asked() {
    let open = OpenFiring { slot: at(0), run_id: RunId::from_u128(9) };
    let with = |overlap| {
        let mut record = minutely(|plan| plan.overlap = overlap);
        record.progress.open = vec![open];
        advance(record, Vec::new(), &facts(at(60))).unwrap().unwrap()
    };
    let skipped = with(Overlap::Skip);
    assert!(skipped.change.run.is_none());
    assert_eq!(skipped.change.firings[0].reason, Some(FiringReason::Overlap));
    let queued = with(Overlap::Queue);
    assert_eq!(queued.change.run.as_ref().unwrap().mode, QueueMode::Queue);
    assert!(queued.replaces.is_empty());
    let replaced = with(Overlap::Replace);
    assert_eq!(replaced.replaces, [open.run_id]);
    assert!(replaced.change.run.is_some());
}

#[test]
fn the_day_has_a_limit() {
    let mut record = minutely(|plan| plan.daily_limit = Some(MicroUsd(100)));
    record.progress.spent = DaySpending { day: day_of(at(0)), cost: MicroUsd(60) };
    let step = |open_cost| {
        let facts = Facts { open_cost: MicroUsd(open_cost), ..facts(at(60)) };
        advance(record.clone(), Vec::new(), &facts).unwrap().unwrap().change
    };
    let run = step(10).run.unwrap();
    assert_eq!(run.budget.unwrap().cost, Some(MicroUsd(30)), "what is left of the day");
    assert_eq!(run.budget.unwrap().turns, Budget::default().turns);
    let refused = step(40);
    assert_eq!(refused.firings[0].reason, Some(FiringReason::DailyLimit));
    assert!(refused.run.is_none());
}

#[test]
fn a_heartbeat_is_silent_until_something_is_wrong() {
    let problem = |name: &str| HealthProblem { name: name.to_owned(), detail: "95 % used".into() };
    let mut record = minutely(|plan| plan.condition = Condition::SystemUnwell);
    let mut look = |second: i64, problems: &[HealthProblem]| {
        let facts = Facts { problems: Some(problems), ..facts(at(second)) };
        let change = advance(record.clone(), Vec::new(), &facts).unwrap().unwrap().change;
        record = change.schedule;
        record.progress.open.clear();
        (change.firings.last().unwrap().reason, change.run.map(|run| run.input.text()))
    };
    assert_eq!(look(60, &[]), (Some(FiringReason::AllWell), None));
    let (reason, task) = look(120, &[problem("disk")]);
    assert_eq!(reason, None);
    assert_eq!(task.unwrap(), "do\n\nThe system reports:\n- disk: 95 % used\n");
    assert_eq!(look(180, &[problem("disk")]), (Some(FiringReason::ToldAlready), None));
    assert!(look(240, &[problem("disk"), problem("memory")]).1.is_some(), "something new");
    assert_eq!(look(300, &[]), (Some(FiringReason::AllWell), None));
    assert!(look(360, &[problem("disk")]).1.is_some(), "it was well in between");
}

fn run_record(state: RunState, cost: u64) -> RunRecord {
    let run = NewRun::new(SessionId::from_u128(1), Message::user("do"), at(0));
    let event = crate::AgentEvent {
        session_id: run.session_id,
        run_id: run.run_id,
        position: crate::Position::Seq(1),
        at: at(0),
        kind: run.entry().kind,
    };
    let record = RunRecord::admitted(&event).unwrap();
    RunRecord { state, cost_micro_usd: Some(MicroUsd(cost)), ..record }
}

#[test]
fn a_failing_loop_backs_off_and_pauses() {
    let mut record = minutely(|_| {});
    let mut second = 60;
    let mut pauses = Vec::new();
    for _ in 0..2 {
        assert_eq!(advance_one(&mut record, second), Some(second));
        let open = record.progress.open[0];
        let failed = run_record(RunState::Failed, 5);
        fold(&mut record, &[(open, Some(failed))], at(second + 1));
        let next = record.progress.next_slot.unwrap().since(at(0)).as_secs().cast_signed();
        pauses.push(next - second);
        second = next;
    }
    assert_eq!(pauses, [120, 240]);
    assert_eq!(advance_one(&mut record, second), Some(second));
    let open = record.progress.open[0];
    let noted = fold(&mut record, &[(open, Some(run_record(RunState::Exhausted, 5)))], at(second));
    assert_eq!(noted[0].status, FiringStatus::Exhausted);
    assert_eq!(record.progress.status, ScheduleStatus::Paused);
    assert_eq!(record.progress.next_at, None);
    assert_eq!(record.progress.spent.cost, MicroUsd(15));
    assert!(record.progress.reason.unwrap().contains("3 runs failed"));
}

/// The slot of the one step that is due and fires.
fn advance_one(record: &mut ScheduleRecord, second: i64) -> Option<i64> {
    let step = advance(record.clone(), Vec::new(), &facts(at(second))).unwrap()?;
    *record = step.change.schedule;
    let slot = step.change.firings.last()?.slot;
    step.change.run.map(|_| slot.since(at(0)).as_secs().cast_signed())
}

#[test]
fn success_and_cancellation_are_no_failures() {
    let mut record = minutely(|_| {});
    record.progress.failures = 2;
    let open = OpenFiring { slot: at(0), run_id: RunId::from_u128(9) };
    record.progress.open = vec![open];
    fold(&mut record, &[(open, Some(run_record(RunState::Cancelled, 0)))], at(1));
    assert_eq!(record.progress.failures, 2);
    record.progress.open = vec![open];
    fold(&mut record, &[(open, Some(run_record(RunState::Running, 0)))], at(1));
    assert_eq!(record.progress.open, [open], "it is not over");
    fold(&mut record, &[(open, Some(run_record(RunState::Completed, 0)))], at(1));
    assert_eq!((record.progress.failures, record.progress.open.len()), (0, 0));
}

#[test]
fn a_firing_by_hand_takes_no_slot() {
    let record = minutely(|_| {});
    let next = record.progress.next_slot;
    let change = fire_by_hand(record, Vec::new(), &facts(at(60)));
    assert_eq!(change.schedule.progress.next_slot, next);
    assert_ne!(Some(change.firings[0].slot), next);
    assert_eq!(change.firings[0].reason, Some(FiringReason::ByHand));
}

proptest! {
    #[test]
    fn slots_fire_once_and_in_order_however_the_clock_goes(
        looks in prop::collection::vec(0_i64..200_000, 1..40),
        jitter in 0_u64..59,
        misfire in prop::sample::select(vec![
            Misfire::Skip, Misfire::Once, Misfire::All { within: Duration::from_secs(600) },
        ]),
    ) {
        let mut record = minutely(|plan| {
            plan.jitter = Duration::from_secs(jitter);
            plan.misfire = misfire;
            plan.overlap = Overlap::Queue;
        });
        let mut fired: Vec<Timestamp> = Vec::new();
        let mut keys = std::collections::HashSet::new();
        for now in looks {
            while let Some(step) = advance(record.clone(), Vec::new(), &facts(at(now))).unwrap() {
                if let Some(run) = &step.change.run {
                    let slot = step.change.firings.last().unwrap().slot;
                    prop_assert!(slot <= at(now), "{slot} fires at {}", at(now));
                    prop_assert!(fired.last().is_none_or(|last| *last < slot), "{slot} fires again");
                    prop_assert!(keys.insert(run.key.clone().unwrap()));
                    fired.push(slot);
                }
                let before = record.progress.next_slot.unwrap();
                record = step.change.schedule;
                record.progress.open.clear();
                prop_assert!(record.progress.next_slot.unwrap() > before, "it does not go on");
            }
        }
    }

    #[test]
    fn jitter_is_the_same_for_all_and_less_than_asked(
        id: u128, slot in 0_i64..4_000_000_000, jitter in 1_u64..86_400,
    ) {
        let mut record = minutely(|plan| plan.jitter = Duration::from_secs(jitter));
        record.id = ScheduleId::from_u128(id);
        let slot = Timestamp::from_unix_micros(slot * 1_000_000);
        let due = record.due_at(slot);
        prop_assert_eq!(due, record.clone().due_at(slot));
        prop_assert!(due >= slot && due.since(slot) < Duration::from_secs(jitter));
    }
}
