//! Work at its time, each slot once: a schedule admits runs, a worker drives them, and nothing is asked in between.
//!
//! ```sh
//! cargo run -p livos-examples --example schedule
//! ```
//!
//! Offline, with a scripted model. With `SqliteStore` or `RedisStore` the schedule survives a restart, and
//! several processes may start a `ScheduleWorker` and a `Worker` on one store.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AgentEvent, AgentLoop, EventKind, Journal, MemoryStore, NewSchedule, Origin, Recurrence,
    RunObserver, ScheduleManager, SchedulePlan, ScheduleSettings, Store, SystemClock, Worker,
    WorkerSettings,
};
use tokio::sync::mpsc;

/// Hears the answers of all runs.
#[derive(Debug)]
struct Answers(mpsc::UnboundedSender<String>);

impl RunObserver for Answers {
    fn observe(&self, event: AgentEvent) {
        if let EventKind::RunFinished { text, .. } = event.kind {
            self.0.send(text).ok();
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new());
    let settings = ScheduleSettings::default().with_min_interval(Duration::from_secs(1));
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let schedules = ScheduleManager::new(Arc::clone(&shared), Arc::new(SystemClock), settings);

    let workdays = Recurrence::cron_in("0 9 * * MON-FRI", "Europe/Berlin");
    println!("a cron expression with its next times:");
    for time in schedules.preview(SchedulePlan::new("news", "Read the news.", workdays))? {
        println!("  {time}");
    }
    let wrong = SchedulePlan::new("never", "Do it.", Recurrence::cron("0 0 30 2 *"));
    if let Err(fault) = schedules.preview(wrong) {
        println!("one that is refused: {fault}");
    }

    let (heard, mut answers) = mpsc::unbounded_channel();
    let model = ScriptedProvider::new("scripted", ["Tick.", "Tock."].map(Script::text));
    let agent = AgentLoop::builder(model).journal(store as Arc<dyn Journal>).build();
    let worker = Worker::start(agent, shared, Arc::new(Answers(heard)), WorkerSettings::default());
    let timer = schedules.start();

    let mut plan = SchedulePlan::new("clock", "Say something.", Recurrence::Every { seconds: 1 });
    plan.max_firings = Some(2);
    let new = NewSchedule { plan, session_id: None, origin: Origin::default() };
    let clock = schedules.create(new).await?;
    for _ in 0..2 {
        println!("{}", answers.recv().await.ok_or("the worker stopped")?);
    }
    timer.stop().await;
    worker.stop(Duration::from_secs(1)).await;
    let ended = schedules.get(clock.id).await?;
    println!("it fired {} times and is {}", ended.progress.fired, ended.progress.status.name());
    Ok(())
}
