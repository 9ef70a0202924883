//! What durable runs cost in SQLite at its strict level, where each answer has reached the disk:
//! entries a second of 100 sessions at once, how long an admission takes meanwhile, and how
//! long a session of 10,000 messages takes to open and to list.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures::future::join_all;
use livos_core::Append;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::Message;
use livos_core::NewEntry;
use livos_core::NewRun;
use livos_core::RunId;
use livos_core::RunQueue;
use livos_core::SessionId;
use livos_core::SessionQuery;
use livos_core::SessionStore;
use livos_core::SqliteStore;
use livos_core::StopReason;
use livos_core::StoreError;
use livos_core::Timestamp;
use livos_core::Usage;

const SESSIONS: u32 = 100;
const ENTRIES: u32 = 300;
const ADMISSIONS: usize = 300;
const MESSAGES: usize = 10_000;
const AT: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// The least entries a second.
const APPENDS_TARGET: f64 = 5_000.0;
/// The longest that 99 of 100 admissions may take.
const ADMISSION_TARGET: Duration = Duration::from_millis(20);
/// The longest that opening or listing may take.
const OPEN_TARGET: Duration = Duration::from_millis(50);

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let home = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut met = runtime.block_on(appends(&home.path().join("appends.db")))?;
    met &= runtime.block_on(admissions(&home.path().join("admissions.db")))?;
    met &= runtime.block_on(long_session(&home.path().join("long.db")))?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn appends(path: &Path) -> Result<bool, StoreError> {
    let store = Arc::new(SqliteStore::open(path)?);
    let began = Instant::now();
    join_all((0..SESSIONS).map(|_| write(&store, ENTRIES))).await;
    let rate = f64::from(SESSIONS * ENTRIES) / began.elapsed().as_secs_f64();
    println!("durable entries a second, {SESSIONS} sessions at once: {rate:.0}");
    Ok(rate >= APPENDS_TARGET)
}

async fn admissions(path: &Path) -> Result<bool, StoreError> {
    let store = Arc::new(SqliteStore::open(path)?);
    let load = tokio::spawn({
        let store = Arc::clone(&store);
        async move { join_all((0..SESSIONS).map(|_| write(&store, ENTRIES))).await }
    });
    let mut times = Vec::new();
    for number in 0..ADMISSIONS {
        let message = Message::user(format!("message {number}"));
        let run = NewRun::new(SessionId::generate(), message, AT);
        let began = Instant::now();
        store.admit(run).await?;
        times.push(began.elapsed());
    }
    load.abort();
    times.sort();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    let p50 = times.get(times.len() / 2).copied().unwrap_or_default();
    println!("an admission meanwhile: {p50:?} (middle), {p99:?} (99 %)");
    Ok(p99 <= ADMISSION_TARGET)
}

async fn long_session(path: &Path) -> Result<bool, StoreError> {
    let store = SqliteStore::open(path)?;
    let session = SessionId::generate();
    for _ in 0..MESSAGES / 100 {
        let entries = (0..100).map(answer).collect();
        store.append(Append::new(session, entries)).await?;
    }
    drop(store);
    let began = Instant::now();
    let store = SqliteStore::open(path)?;
    let last = store.last_seq(session).await?;
    let page = store.read(session, last.saturating_sub(100), 100).await?;
    let opened = began.elapsed();
    let began = Instant::now();
    let sessions = store.sessions(SessionQuery::default(), 50).await?;
    let listed = began.elapsed();
    let began = Instant::now();
    let text = Some("sun lisb".to_owned());
    let found = store.sessions(SessionQuery { text, after: None }, 50).await?;
    let searched = began.elapsed();
    println!(
        "{MESSAGES} messages: opened in {opened:?}, listed in {listed:?}, found in {searched:?}"
    );
    let whole = (last, page.len(), sessions.items.len(), found.items.len());
    Ok(whole == (MESSAGES as u64, 100, 1, 1) && opened.max(listed).max(searched) <= OPEN_TARGET)
}

async fn write(store: &SqliteStore, entries: u32) -> Result<(), StoreError> {
    let session = SessionId::generate();
    for number in 0..entries {
        let entry = match number % 2 {
            0 => NewEntry {
                run_id: RunId::generate(),
                at: AT,
                kind: EventKind::TurnStarted { turn: 1 },
            },
            _ => answer(number),
        };
        store.append(Append::new(session, vec![entry])).await?;
    }
    Ok(())
}

fn answer(number: u32) -> NewEntry {
    let text =
        format!("Answer {number}: it is sunny in Lisbon today, with a light wind from the north.");
    let kind = EventKind::AssistantMessage {
        turn: 1,
        message: Arc::new(Message::assistant(text)),
        usage: Usage::default(),
        cost_micro_usd: None,
        provider: "scripted".into(),
        model: "scripted".into(),
        stop_reason: StopReason::EndTurn,
        time_to_first_token_ms: 1,
        duration_ms: 2,
    };
    NewEntry { run_id: RunId::generate(), at: AT, kind }
}
