//! Schedules as those who embed them see them: a day by the clock, crashes, and several managers.

mod sharing;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Clock;
use livos_core::Condition;
use livos_core::FiringReason;
use livos_core::FiringRecord;
use livos_core::FiringStatus;
use livos_core::HealthProbe;
use livos_core::HealthProblem;
use livos_core::MemoryStore;
use livos_core::Misfire;
use livos_core::NewSchedule;
use livos_core::Origin;
use livos_core::Overlap;
use livos_core::Recurrence;
use livos_core::RunFilter;
use livos_core::RunObserver;
use livos_core::RunState;
use livos_core::ScheduleError;
use livos_core::ScheduleFault;
use livos_core::ScheduleFilter;
use livos_core::ScheduleManager;
use livos_core::SchedulePlan;
use livos_core::ScheduleRecord;
use livos_core::ScheduleSettings;
use livos_core::ScheduleStatus;
use livos_core::ScheduleUpdate;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::Switch;
use livos_core::Timestamp;
use livos_core::Trigger;
use livos_core::Trust;
use livos_core::Worker;
use livos_core::WorkerSettings;
use livos_core::testing::ManualClock;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(30);

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

/// A store, a clock that is moved by hand, and what drives runs.
struct Day {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    schedules: ScheduleManager,
}

impl Day {
    fn beginning(now: &str) -> Self {
        Self::on(Arc::new(MemoryStore::new()), now)
    }

    fn on(store: Arc<dyn Store>, now: &str) -> Self {
        let clock = Arc::new(ManualClock::at(time(now)));
        let schedules = ScheduleManager::new(
            Arc::clone(&store),
            Arc::clone(&clock) as Arc<dyn Clock>,
            ScheduleSettings::default(),
        );
        Self { store, clock, schedules }
    }

    async fn make(&self, plan: SchedulePlan) -> ScheduleRecord {
        let new = NewSchedule { plan, session_id: None, origin: Origin::default() };
        self.schedules.create(new).await.unwrap()
    }

    /// Moves the clock in steps, fires what is due and lets each run complete.
    async fn live(&self, until: &str, step: Duration) {
        let agent = AgentLoop::builder(ScriptedProvider::new(
            "s",
            (0..5000).map(|_| Script::text("Done.")),
        ))
        .journal(Arc::clone(&self.store) as Arc<dyn livos_core::Journal>)
        .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
        .build();
        while self.clock.now() < time(until) {
            self.clock.advance(step);
            self.schedules.tick().await.unwrap();
            self.drive(&agent).await;
        }
    }

    /// Drives all runs there are with a worker.
    async fn drive(&self, agent: &AgentLoop) {
        let open = self.open_runs().await;
        if open == 0 {
            return;
        }
        let worker = Worker::start(
            agent.clone(),
            Arc::clone(&self.store),
            Arc::new(Nobody),
            WorkerSettings::default(),
        );
        let over = async {
            while self.open_runs().await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, over).await.expect("all runs end");
        worker.stop(PATIENCE).await;
    }

    async fn open_runs(&self) -> usize {
        let mut open = 0;
        for state in [RunState::Queued, RunState::Running] {
            let filter = RunFilter { state: Some(state), ..RunFilter::default() };
            open += self.store.runs(filter, 1000).await.unwrap().items.len();
        }
        open
    }

    async fn firings(&self, schedule: &ScheduleRecord) -> Vec<FiringRecord> {
        let mut firings = self.schedules.firings(schedule.id, None, 1000).await.unwrap().items;
        firings.reverse();
        firings
    }

    /// The slots that had a run, by their time of day.
    async fn fired(&self, schedule: &ScheduleRecord) -> Vec<String> {
        let firings = self.firings(schedule).await;
        let fired = firings.into_iter().filter(|firing| firing.run_id.is_some());
        fired.map(|firing| firing.slot.to_string()[11..16].to_owned()).collect()
    }
}

#[tokio::test]
async fn the_day_the_clocks_go_forward_has_every_slot_once() {
    // 2026-03-29, Berlin: 02:00 becomes 03:00, which is 01:00 UTC.
    let day = Day::beginning("2026-03-28T22:59:30Z");
    let cron = |expression: &str| Recurrence::cron_in(expression, "Europe/Berlin");
    let hourly = day.make(SchedulePlan::new("hourly", "do", cron("0 * * * *"))).await;
    let at_night = day.make(SchedulePlan::new("night", "do", cron("30 2 * * *"))).await;
    let work = day.make(SchedulePlan::new("work", "do", cron("0 9,17 * * *"))).await;
    day.live("2026-03-29T21:59:30Z", Duration::from_secs(30)).await;
    assert_eq!(day.fired(&hourly).await.len(), 23);
    assert_eq!(day.fired(&at_night).await, ["01:00"]);
    assert_eq!(day.fired(&work).await, ["07:00", "15:00"]);
    for schedule in [hourly, at_night, work] {
        let firings = day.firings(&schedule).await;
        assert!(
            firings.iter().all(|firing| firing.status == FiringStatus::Completed),
            "{firings:?}"
        );
    }
}

#[tokio::test]
async fn the_day_the_clocks_go_back_has_every_slot_once() {
    // 2026-10-25, Berlin: 03:00 becomes 02:00, which is 01:00 UTC.
    let day = Day::beginning("2026-10-24T21:59:30Z");
    let cron = |expression: &str| Recurrence::cron_in(expression, "Europe/Berlin");
    let hourly = day.make(SchedulePlan::new("hourly", "do", cron("0 * * * *"))).await;
    let at_night = day.make(SchedulePlan::new("night", "do", cron("30 2 * * *"))).await;
    day.live("2026-10-25T22:59:30Z", Duration::from_secs(30)).await;
    assert_eq!(day.fired(&hourly).await.len(), 25);
    assert_eq!(day.fired(&at_night).await, ["00:30"]);
}

#[tokio::test]
async fn after_a_night_without_a_process_what_was_missed_is_treated_as_asked() {
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let hourly = |change: fn(&mut SchedulePlan)| {
        let mut plan = SchedulePlan::new("hourly", "do", Recurrence::cron("0 * * * *"));
        change(&mut plan);
        day.make(plan)
    };
    let once = hourly(|_| {}).await;
    let none = hourly(|plan| plan.misfire = Misfire::Skip).await;
    let all = hourly(|plan| {
        plan.misfire = Misfire::All { within: Duration::from_secs(3 * 3600) };
        plan.overlap = Overlap::Queue;
    })
    .await;
    day.clock.set(time("2026-01-01T08:30:00Z"));
    day.live("2026-01-01T09:00:30Z", Duration::from_secs(60)).await;
    assert_eq!(day.fired(&once).await, ["08:00", "09:00"]);
    assert_eq!(day.fired(&none).await, ["09:00"]);
    assert_eq!(day.fired(&all).await, ["06:00", "07:00", "08:00", "09:00"]);
    let firings = day.firings(&none).await;
    let missed = firings.iter().map(|firing| (firing.reason, firing.slots)).next();
    assert_eq!(missed, Some((Some(FiringReason::Missed), 8)));
}

#[tokio::test]
async fn overlaps_skip_queue_or_replace() {
    use FiringStatus::{Cancelled, Skipped, Started};
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let minutely = |overlap| {
        let every = Recurrence::every(Duration::from_secs(60));
        day.make(SchedulePlan { overlap, ..SchedulePlan::new("minutely", "do", every) })
    };
    let (skip, queue, replace) = (
        minutely(Overlap::Skip).await,
        minutely(Overlap::Queue).await,
        minutely(Overlap::Replace).await,
    );
    // Nobody drives: the runs stay open.
    for _ in 0..3 {
        day.clock.advance(Duration::from_secs(60));
        day.schedules.tick().await.unwrap();
    }
    assert_eq!(day.fired(&skip).await, ["00:01"]);
    assert_eq!(day.fired(&queue).await, ["00:01", "00:02", "00:03"]);
    assert_eq!(day.fired(&replace).await, ["00:01", "00:02", "00:03"]);
    let statuses = |firings: Vec<FiringRecord>| -> Vec<FiringStatus> {
        firings.into_iter().map(|firing| firing.status).collect()
    };
    assert_eq!(statuses(day.firings(&skip).await), [Started, Skipped, Skipped]);
    assert_eq!(statuses(day.firings(&queue).await), [Started, Started, Started]);
    assert_eq!(statuses(day.firings(&replace).await), [Cancelled, Cancelled, Started]);
    assert_eq!(day.open_runs().await, 1 + 3 + 1);
}

#[tokio::test]
async fn a_clock_that_jumps_fires_no_slot_twice_and_silences_none() {
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let every = Recurrence::cron("0 * * * *");
    let mut plan = SchedulePlan::new("hourly", "do", every);
    plan.overlap = Overlap::Queue;
    let hourly = day.make(plan).await;
    day.live("2026-01-01T02:00:30Z", Duration::from_secs(600)).await;
    // A clock that is two days ahead, and is put right.
    day.clock.set(time("2026-01-03T05:10:00Z"));
    day.schedules.tick().await.unwrap();
    let ahead = day.schedules.get(hourly.id).await.unwrap();
    assert_eq!(ahead.progress.next_slot, Some(time("2026-01-03T06:00:00Z")));
    day.clock.set(time("2026-01-01T02:30:00Z"));
    let worker = day.schedules.start();
    let right = async {
        loop {
            let now = day.schedules.get(hourly.id).await.unwrap();
            if now.progress.next_slot == Some(time("2026-01-01T03:00:00Z")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, right).await.expect("the schedule is put right");
    worker.stop().await;
    day.live("2026-01-03T07:00:30Z", Duration::from_secs(600)).await;
    let runs = day.store.runs(RunFilter::default(), 1000).await.unwrap().items;
    // 01:00 on the first to 07:00 on the third, and each once: 05:00 on the third fired early.
    assert_eq!(runs.len(), 55);
    let current = day.schedules.get(hourly.id).await.unwrap();
    assert_eq!(current.progress.fired, 55);
    let early = day.firings(&hourly).await;
    let early = early.iter().find(|firing| firing.slot == time("2026-01-03T05:00:00Z")).unwrap();
    assert!(runs.iter().any(|run| Some(run.id) == early.run_id), "it names the run it had");
}

#[tokio::test]
async fn three_failures_pause_it_visibly_and_by_hand_it_goes_on() {
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let every = Recurrence::cron("* * * * *");
    let schedule = day.make(SchedulePlan::new("failing", "do", every)).await;
    // It has no answers.
    let failing = AgentLoop::builder(ScriptedProvider::new("failing", []))
        .journal(Arc::clone(&day.store) as Arc<dyn livos_core::Journal>)
        .clock(Arc::clone(&day.clock) as Arc<dyn Clock>)
        .build();
    // The worker of the schedules notes each end as it happens.
    let worker = day.schedules.start();
    for _ in 0..3 {
        day.clock.advance(Duration::from_secs(60));
        day.schedules.tick().await.unwrap();
        day.drive(&failing).await;
    }
    let paused = async {
        loop {
            let now = day.schedules.get(schedule.id).await.unwrap();
            if now.progress.status == ScheduleStatus::Paused {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    let paused = tokio::time::timeout(PATIENCE, paused).await.expect("it is paused at once");
    worker.stop().await;
    assert!(paused.progress.reason.unwrap().contains("3 runs failed"));
    assert_eq!(paused.progress.next_at, None);
    day.clock.advance(Duration::from_secs(600));
    assert_eq!(day.schedules.tick().await.unwrap().fired, 0);
    let resume = ScheduleUpdate { plan: None, switch: Some(Switch::Resume) };
    let resumed = day.schedules.update(schedule.id, resume).await.unwrap();
    assert_eq!(resumed.progress.next_slot, Some(time("2026-01-01T00:14:00Z")));
    assert_eq!(resumed.progress.failures, 0);
}

#[tokio::test]
async fn an_idle_system_asks_no_model() {
    #[derive(Debug, Default)]
    struct Machine(Mutex<Vec<HealthProblem>>);
    #[async_trait]
    impl HealthProbe for Machine {
        async fn problems(&self) -> Vec<HealthProblem> {
            self.0.lock().unwrap().clone()
        }
    }
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let machine = Arc::new(Machine::default());
    let schedules = ScheduleManager::with_probe(
        Arc::clone(&day.store),
        Arc::clone(&day.clock) as Arc<dyn Clock>,
        ScheduleSettings::default(),
        Arc::clone(&machine) as Arc<dyn HealthProbe>,
    );
    let mut plan = SchedulePlan::new("heartbeat", "look", Recurrence::cron("*/30 * * * *"));
    plan.condition = Condition::SystemUnwell;
    let refused = day.schedules.preview(plan.clone());
    assert_eq!(refused, Err(ScheduleFault::NoProbe), "nobody would ever look");
    let new = NewSchedule { plan, session_id: None, origin: Origin::default() };
    let heartbeat = schedules.create(new).await.unwrap();
    let mut fired = 0;
    for _ in 0..48 {
        day.clock.advance(Duration::from_secs(1800));
        fired += schedules.tick().await.unwrap().fired;
    }
    assert_eq!((fired, day.open_runs().await), (0, 0));
    let problem = HealthProblem { name: "disk".into(), detail: "97 % full".into() };
    machine.0.lock().unwrap().push(problem);
    for _ in 0..4 {
        day.clock.advance(Duration::from_secs(1800));
        fired += schedules.tick().await.unwrap().fired;
    }
    assert_eq!(fired, 1, "told once while it lasts");
    let asked_for = schedules.run_now(heartbeat.id).await.unwrap();
    let run = day.store.run(asked_for).await.unwrap().unwrap();
    assert_eq!(run.trigger, Trigger::Schedule);
}

/// Plans that cannot be used, each with the field that is wrong.
fn wrong_plans() -> Vec<(&'static str, SchedulePlan)> {
    let every = || Recurrence::every(Duration::from_secs(3600));
    vec![
        ("title", SchedulePlan::new(" ", "do", every())),
        ("task", SchedulePlan::new("t", "x".repeat(20_000), every())),
        ("recurrence.expression", SchedulePlan::new("t", "do", Recurrence::cron("61 * * * *"))),
        ("recurrence.expression", SchedulePlan::new("t", "do", Recurrence::cron("0 0 31 2 *"))),
        (
            "recurrence.time_zone",
            SchedulePlan::new("t", "do", Recurrence::cron_in("0 0 * * *", "Mars/Base")),
        ),
        ("recurrence", SchedulePlan::new("t", "do", Recurrence::every(Duration::from_secs(59)))),
        ("recurrence", SchedulePlan::new("t", "do", Recurrence::cron("*/10 * * * * *"))),
        ("recurrence.seconds", SchedulePlan::new("t", "do", Recurrence::Every { seconds: 0 })),
        (
            "recurrence.seconds",
            SchedulePlan::new("t", "do", Recurrence::Every { seconds: u64::MAX }),
        ),
        (
            "recurrence.time",
            SchedulePlan::new("t", "do", Recurrence::at(time("2025-01-01T00:00:00Z"))),
        ),
        (
            "ends_at",
            SchedulePlan {
                ends_at: Some(time("2026-01-01T00:30:00Z")),
                ..SchedulePlan::new("t", "do", every())
            },
        ),
        (
            "ends_at",
            SchedulePlan {
                starts_at: Some(time("2026-02-01T00:00:00Z")),
                ends_at: Some(time("2026-01-15T00:00:00Z")),
                ..SchedulePlan::new("t", "do", every())
            },
        ),
        (
            "jitter_seconds",
            SchedulePlan {
                jitter: Duration::from_secs(3600),
                ..SchedulePlan::new("t", "do", every())
            },
        ),
        (
            "misfire",
            SchedulePlan {
                misfire: Misfire::All { within: Duration::from_secs(60) },
                ..SchedulePlan::new("t", "do", every())
            },
        ),
        ("pause_after", SchedulePlan { pause_after: 0, ..SchedulePlan::new("t", "do", every()) }),
        (
            "max_firings",
            SchedulePlan { max_firings: Some(0), ..SchedulePlan::new("t", "do", every()) },
        ),
    ]
}

#[tokio::test]
async fn a_plan_that_cannot_be_used_is_refused_whole() {
    let day = Day::beginning("2026-01-01T00:00:00Z");
    for (field, plan) in wrong_plans() {
        let fault = day.schedules.preview(plan.clone()).unwrap_err();
        assert_eq!(fault.field(), field, "{fault}");
        let new = NewSchedule { plan, session_id: None, origin: Origin::default() };
        let error = day.schedules.create(new).await.unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
    let plan = SchedulePlan::new("t", "do", Recurrence::every(Duration::from_secs(3600)));
    for trust in [Trust::Untrusted, Trust::Group] {
        let origin = Origin { trust, ..Origin::default() };
        let new = NewSchedule { plan: plan.clone(), session_id: None, origin };
        let refused = day.schedules.create(new).await;
        assert!(matches!(refused, Err(ScheduleError::NotAllowed)), "{refused:?}");
    }
    let nowhere = NewSchedule {
        plan: plan.clone(),
        session_id: Some(SessionId::generate()),
        origin: Origin::default(),
    };
    let refused = day.schedules.create(nowhere).await;
    assert!(
        matches!(refused, Err(ScheduleError::Store(StoreError::NotFound { .. }))),
        "{refused:?}"
    );
    let kept = day.schedules.list(ScheduleFilter::default(), 10).await.unwrap();
    assert!(kept.items.is_empty(), "nothing is half stored: {kept:?}");
    let next = day.schedules.preview(plan).unwrap();
    let next: Vec<_> = next.iter().map(|slot| slot.to_string()[11..16].to_owned()).collect();
    assert_eq!(next, ["01:00", "02:00", "03:00", "04:00", "05:00"]);
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let day = Day::beginning("2026-01-01T00:00:00Z");
    let every = Recurrence::every(Duration::from_secs(3600));
    let made = day.make(SchedulePlan::new("t", "do", every)).await;
    day.clock.advance(Duration::from_secs(1800));
    let renamed = SchedulePlan { title: "renamed".into(), ..made.plan.clone() };
    let update = |plan| ScheduleUpdate { plan: Some(plan), switch: None };
    let changed = day.schedules.update(made.id, update(renamed.clone())).await.unwrap();
    assert_eq!(changed.progress.next_at, made.progress.next_at);
    assert_eq!((changed.version, changed.plan.title.as_str()), (2, "renamed"));
    let recurrence = Recurrence::cron("45 * * * *");
    let moved = SchedulePlan { recurrence, ..renamed };
    let changed = day.schedules.update(made.id, update(moved)).await.unwrap();
    assert_eq!(changed.progress.next_at, Some(time("2026-01-01T00:45:00Z")));
    let past = Recurrence::at(time("2025-01-01T00:00:00Z"));
    let refused = day
        .schedules
        .update(made.id, update(SchedulePlan { recurrence: past, ..changed.plan.clone() }));
    let refused = refused.await.unwrap_err();
    assert!(refused.to_string().starts_with("recurrence.time: "), "{refused}");
    let once = Recurrence::after(Duration::from_secs(60));
    let once = day.make(SchedulePlan::new("once", "do", once)).await;
    day.clock.advance(Duration::from_secs(90));
    assert_eq!(day.schedules.tick().await.unwrap().fired, 1);
    let renamed = SchedulePlan { title: "renamed".into(), ..once.plan.clone() };
    let renamed = day.schedules.update(once.id, update(renamed)).await.unwrap();
    assert_eq!(renamed.progress.status, ScheduleStatus::Ended, "its time has passed, and may");
    day.schedules.delete(made.id).await.unwrap();
    assert!(day.store.session(made.session_id).await.unwrap().is_none(), "nothing happened in it");
    let gone = day.schedules.run_now(made.id).await;
    assert!(matches!(gone, Err(ScheduleError::Store(StoreError::NotFound { .. }))), "{gone:?}");
}
