//! Several managers on one store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::ClaimRequest;
use livos_core::ClaimScope;
use livos_core::Claimed;
use livos_core::Clock;
use livos_core::NewSchedule;
use livos_core::Origin;
use livos_core::Recurrence;
use livos_core::RunFilter;
use livos_core::ScheduleManager;
use livos_core::SchedulePlan;
use livos_core::ScheduleRecord;
use livos_core::ScheduleSettings;
use livos_core::ScheduleStatus;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_core::SystemClock;
use livos_core::WorkSignal;
use livos_core::testing::ManualClock;

use super::Day;
use super::PATIENCE;
use crate::redis_store::RedisServer;

/// Fires everything that is due with several managers at once, and gives how many each fired.
async fn race(stores: &[Arc<dyn Store>], clock: &Arc<ManualClock>) -> Vec<usize> {
    let ticks = stores.iter().map(|store| {
        let schedules = ScheduleManager::new(
            Arc::clone(store),
            Arc::clone(clock) as Arc<dyn Clock>,
            ScheduleSettings::default(),
        );
        let clock = Arc::clone(clock);
        async move {
            let mut fired = 0;
            loop {
                let tick = schedules.tick().await.unwrap();
                fired += tick.fired;
                // Their next times are a day later.
                if tick.look_again_at.is_none_or(|at| at > clock.now()) {
                    return fired;
                }
            }
        }
    });
    futures::future::join_all(ticks).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_redis_fire_a_thousand_slots_of_one_minute_once_each() {
    const SCHEDULES: usize = 1_000;
    let server = RedisServer::start();
    let connect = async || {
        let store = livos_core::RedisStore::connect(server.config()).await.unwrap();
        Arc::new(store) as Arc<dyn Store>
    };
    let stores = [connect().await, connect().await];
    let day = Day::on(Arc::clone(&stores[0]), "2026-01-01T00:00:00Z");
    let plan = SchedulePlan::new("daily", "do", Recurrence::cron("1 0 * * *"));
    let makers = futures::stream::iter((0..SCHEDULES).map(|_| day.make(plan.clone())));
    let made: Vec<ScheduleRecord> = makers.buffer_unordered(32).collect().await;
    day.clock.advance(Duration::from_secs(90));
    let fired = race(&stores, &day.clock).await;
    assert_eq!(fired.iter().sum::<usize>(), SCHEDULES, "{fired:?}");
    assert!(fired.iter().all(|fired| *fired > 0), "both take part: {fired:?}");
    let mut admitted = HashMap::new();
    let mut filter = RunFilter::default();
    loop {
        let page = stores[1].runs(filter.clone(), 200).await.unwrap();
        for run in &page.items {
            *admitted.entry(run.session_id).or_insert(0) += 1;
        }
        filter.before = page.items.last().map(|run| run.id);
        if !page.has_more {
            break;
        }
    }
    assert_eq!(admitted.len(), SCHEDULES);
    assert!(admitted.values().all(|count| *count == 1));
    assert!(made.iter().all(|schedule| admitted.contains_key(&schedule.session_id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_fire_by_themselves_and_sleep_until_then() {
    let home = tempfile::tempdir().unwrap();
    let store =
        Arc::new(SqliteStore::open(home.path().join("livos.db")).unwrap()) as Arc<dyn Store>;
    let settings = ScheduleSettings::default().with_min_interval(Duration::from_secs(1));
    let schedules = ScheduleManager::new(Arc::clone(&store), Arc::new(SystemClock), settings);
    let mut signals = store.signals();
    let workers = [schedules.start(), schedules.start()];
    let plan = SchedulePlan::new("soon", "do", Recurrence::after(Duration::from_secs(1)));
    let new = NewSchedule { plan, session_id: None, origin: Origin::default() };
    let made = schedules.create(new).await.unwrap();
    let ready = async { while signals.next().await != Some(WorkSignal::RunReady) {} };
    tokio::time::timeout(PATIENCE, ready).await.expect("it fires");
    let claim = ClaimRequest {
        worker: "w".into(),
        now: SystemClock.now(),
        lease_for: Duration::from_secs(10),
        scope: ClaimScope::All,
    };
    assert!(matches!(store.claim(claim.clone()).await.unwrap(), Claimed::Run(_)));
    assert!(matches!(store.claim(claim).await.unwrap(), Claimed::Nothing { .. }), "once");
    for worker in workers {
        worker.stop().await;
    }
    let ended = schedules.get(made.id).await.unwrap();
    assert_eq!(ended.progress.status, ScheduleStatus::Ended);
    assert_eq!(ended.progress.fired, 1);
}
