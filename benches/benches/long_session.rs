//! What a session of 10,000 messages takes: to open (the store, and the page of it that is shown
//! first), to list, to find by its words, and to continue, up to the first event of a model's turn.
//!
//! The file is written once, in SQLite at its strict level; each figure is the middle of nine, each with the
//! store opened anew. Beside it the memory that opening, paging, listing and searching leave
//! resident with 1,000 and with 50,000 messages: it must not grow with what lies in the store.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use livos_benches::durable::answer;
use livos_benches::in_process::InProcess;
use livos_benches::mock::Script;
use livos_benches::probe::Failure;
use livos_benches::process;
use livos_benches::report::Report;
use livos_benches::report::median;
use livos_core::AgentLoop;
use livos_core::Append;
use livos_core::CompactionPolicy;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::SessionQuery;
use livos_core::SessionStore;
use livos_core::SqliteStore;
use livos_core::StoreError;

const MESSAGES: u32 = 10_000;
const REPEATS: u32 = 9;
/// The longest that each of them may take, in milliseconds.
const LIMIT: f64 = 50.0;
/// How much more may be resident with 50 times as many messages, in MiB.
const GROWTH_LIMIT: f64 = 4.0;
const PAGE: u32 = 100;

fn main() -> Result<ExitCode, Failure> {
    if let Some(messages) = std::env::args().nth(1).and_then(|word| word.parse().ok()) {
        return resident(messages);
    }
    let home = tempfile::tempdir()?;
    let path = home.path().join("long.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let session = runtime.block_on(fill(&path, MESSAGES))?;
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..REPEATS {
        let times = runtime.block_on(use_it(&path, session))?;
        for (figure, time) in figures.iter_mut().zip(times) {
            figure.push(time);
        }
    }
    let mut report = Report::absolute("long_session: 10,000 messages, milliseconds");
    for (name, figure) in ["open", "list", "search", "continue"].iter().zip(figures) {
        report.limit(name, median(figure), LIMIT);
    }
    let mut memory = Report::absolute("long_session: resident memory, MiB");
    let (few, many) = (grown_in_child(1_000)?, grown_in_child(50_000)?);
    memory.note("opened, paged, listed, searched: 1,000", few);
    memory.note("the same: 50,000", many);
    memory.limit("more", many - few, GROWTH_LIMIT);
    let met = report.finish() == ExitCode::SUCCESS && memory.finish() == ExitCode::SUCCESS;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn fill(path: &Path, messages: u32) -> Result<SessionId, StoreError> {
    let store = SqliteStore::open(path)?;
    let session = SessionId::generate();
    for page in 0..messages / PAGE {
        let entries = (page * PAGE..(page + 1) * PAGE).map(answer).collect();
        store.append(Append::new(session, entries)).await?;
    }
    Ok(session)
}

async fn use_it(path: &Path, session: SessionId) -> Result<[f64; 4], Failure> {
    let began = Instant::now();
    let store = Arc::new(SqliteStore::open(path)?);
    let page = newest_page(&store, session).await?;
    let opened = millis(began);
    let began = Instant::now();
    let listed = store.sessions(SessionQuery::default(), 50).await?.items.len();
    let list = millis(began);
    let began = Instant::now();
    let found = store.sessions(search(), 50).await?.items.len();
    let searched = millis(began);
    if (page, listed, found) != (PAGE as usize, 1, 1) {
        return Err("the session is not what was written".into());
    }
    let model = InProcess::new(Script { deltas: 1, ..Script::default() });
    let agent = AgentLoop::builder(model).journal(store).compaction(never()).build();
    let began = Instant::now();
    let mut run = agent.run(RunRequest::new("And now?").in_session(session));
    while let Some(event) = run.next().await {
        if let EventKind::TurnStarted { .. } = event.kind {
            return Ok([opened, list, searched, millis(began)]);
        }
    }
    Err("the run ended before its turn".into())
}

/// What is measured is the store and the loop, and not a summary that a model writes.
fn never() -> CompactionPolicy {
    CompactionPolicy::default().with_threshold_tokens(u64::MAX)
}

fn search() -> SessionQuery {
    SessionQuery { text: Some("sun lisb".to_owned()), ..SessionQuery::default() }
}

async fn newest_page(store: &SqliteStore, session: SessionId) -> Result<usize, StoreError> {
    let last = store.last_seq(session).await?;
    Ok(store.read(session, last.saturating_sub(PAGE.into()), PAGE as usize).await?.len())
}

fn millis(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Memory is measured in a process that did not write the session.
fn grown_in_child(messages: u32) -> Result<f64, Failure> {
    let program = std::env::current_exe()?;
    let output = std::process::Command::new(program).arg(messages.to_string()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8(output.stdout)?;
    told.trim().parse().map_err(|_| format!("the child failed: {errors}").into())
}

fn resident(messages: u32) -> Result<ExitCode, Failure> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("memory.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // In a process of its own again: what writing took is not given back to the system.
    let program = std::env::current_exe()?;
    let session = match std::env::args().nth(2) {
        Some(path) => {
            let session = runtime.block_on(fill(Path::new(&path), messages))?;
            println!("{session}");
            return Ok(ExitCode::SUCCESS);
        }
        None => {
            let mut writer = std::process::Command::new(program);
            let output = writer.arg(messages.to_string()).arg(&path).output()?;
            String::from_utf8(output.stdout)?.trim().parse::<SessionId>()?
        }
    };
    let before = process::resident_kib()?;
    runtime.block_on(async {
        let store = SqliteStore::open(&path)?;
        let last = store.last_seq(session).await?;
        for page in (0..last).step_by(PAGE as usize) {
            store.read(session, page, PAGE as usize).await?;
        }
        store.sessions(SessionQuery::default(), 50).await?;
        store.sessions(search(), 50).await?;
        Ok::<_, StoreError>(())
    })?;
    let grown = process::peak_resident_kib()?.saturating_sub(before);
    println!("{}", f64::from(u32::try_from(grown)?) / 1024.0);
    Ok(ExitCode::SUCCESS)
}
