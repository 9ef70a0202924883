//! What 100,000 schedules cost: a look when nothing is due, a look that finds one, and firing a
//! thousand that are due at once, in memory and in SQLite.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures::StreamExt;
use futures::stream;
use livos_core::Clock;
use livos_core::MemoryStore;
use livos_core::NewSchedule;
use livos_core::Origin;
use livos_core::Recurrence;
use livos_core::RunFilter;
use livos_core::ScheduleManager;
use livos_core::SchedulePlan;
use livos_core::ScheduleSettings;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_core::Timestamp;
use livos_core::testing::ManualClock;

const SCHEDULES: u64 = 100_000;
/// How many are due in the first minute; all others are a day later or more.
const DUE: u64 = 1_000;
const LOOKS: u32 = 1_000;
const AT: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);
const DAY: u64 = 24 * 60 * 60;

/// The longest that a look may take at which nothing is due.
const LOOK_TARGET: Duration = Duration::from_micros(200);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    let home = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sqlite = Arc::new(SqliteStore::open(home.path().join("schedules.db"))?);
    let mut met = runtime.block_on(measure("memory", Arc::new(MemoryStore::new())))?;
    met &= runtime.block_on(measure("SQLite", sqlite))?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(name: &str, store: Arc<dyn Store>) -> Result<bool, Failure> {
    let clock = Arc::new(ManualClock::at(AT));
    let schedules = ScheduleManager::new(
        Arc::clone(&store),
        Arc::clone(&clock) as Arc<dyn Clock>,
        ScheduleSettings::default(),
    );
    let began = Instant::now();
    let made = stream::iter(0..SCHEDULES).map(|number| {
        let seconds = if number < DUE { 60 } else { DAY + number % DAY };
        let plan = SchedulePlan::new("bench", "Look in.", Recurrence::Every { seconds });
        schedules.create(NewSchedule { plan, session_id: None, origin: Origin::default() })
    });
    let mut made = made.buffer_unordered(256);
    while let Some(made) = made.next().await {
        made?;
    }
    drop(made);
    let making = began.elapsed();
    let began = Instant::now();
    for _ in 0..LOOKS {
        schedules.tick().await?;
    }
    let look = began.elapsed() / LOOKS;
    clock.advance(Duration::from_secs(60));
    let began = Instant::now();
    let tick = schedules.tick().await?;
    let firing = began.elapsed();
    let mut runs = 0;
    let mut filter = RunFilter::default();
    loop {
        let page = store.runs(filter.clone(), 1_000).await?;
        runs += page.items.len() as u64;
        filter.before = page.items.last().map(|run| run.id);
        if !page.has_more {
            break;
        }
    }
    let each = firing / u32::try_from(DUE)?;
    println!(
        "{name}, {SCHEDULES} schedules: made in {making:.1?}, a look {look:.1?}, \
         {DUE} due at once fired in {firing:.1?} ({each:.1?} each)"
    );
    Ok(look <= LOOK_TARGET && tick.fired as u64 == DUE && runs == DUE)
}
