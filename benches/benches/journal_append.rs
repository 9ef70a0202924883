//! What it costs to write a fact down: in memory, in SQLite and in a Redis on this machine, each
//! at both levels of durability.
//!
//! First one entry after the other, each waited for: the middle of 500. Then 100 sessions at once, as
//! 100 runs would, each waiting for its entry before it writes the next; SQLite commits such
//! entries in groups, and Redis gets them over one connection. Every second entry is an answer whose words
//! are made findable in the same transaction. The rate of the strict SQLite store is
//! gated: the best of three, each with a file of its own.

use std::process::ExitCode;
use std::time::Instant;

use livos_benches::durable::Backend;
use livos_benches::durable::Opened;
use livos_benches::durable::answer;
use livos_benches::durable::append_at_once;
use livos_benches::probe::Failure;
use livos_benches::report::Report;
use livos_benches::report::median;
use livos_core::Append;
use livos_core::SessionId;

const ONE_BY_ONE: u32 = 500;
const SESSIONS: u32 = 100;
const ENTRIES: u32 = 200;
const REPEATS: u32 = 3;
/// The least durable entries a second.
const LEAST_RATE: f64 = 5_000.0;

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::absolute("journal_append: one entry, microseconds");
    for backend in Backend::ALL {
        report.note(&backend.to_string(), runtime.block_on(alone(backend))?);
    }
    let mut report = Report::absolute("journal_append: entries a second, 100 sessions at once");
    for backend in Backend::ALL {
        let mut best = 0.0_f64;
        for _ in 0..REPEATS {
            best = best.max(runtime.block_on(together(backend))?);
        }
        match backend {
            Backend::SqliteStrict => report.at_least(&backend.to_string(), best, LEAST_RATE),
            _ => report.note(&backend.to_string(), best),
        }
    }
    Ok(report.finish())
}

async fn alone(backend: Backend) -> Result<f64, Failure> {
    let opened = Opened::new(backend).await?;
    let session = SessionId::generate();
    let mut times = Vec::new();
    for number in 0..ONE_BY_ONE {
        let append = Append::new(session, vec![answer(number)]);
        let began = Instant::now();
        opened.store.append(append).await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

async fn together(backend: Backend) -> Result<f64, Failure> {
    let opened = Opened::new(backend).await?;
    let began = Instant::now();
    append_at_once(&*opened.store, SESSIONS, ENTRIES).await?;
    Ok(f64::from(SESSIONS * ENTRIES) / began.elapsed().as_secs_f64())
}
