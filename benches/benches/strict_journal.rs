//! What a journal that survives a power cut adds to a run: five tool rounds and an answer from a
//! model that takes 20 ms for each, journalled in memory and in SQLite at its strict level.
//!
//! The model is the mock over loopback, asked by the chat-completions provider, in this process on a
//! current-thread runtime. Both kinds take turns, each with a session and a file of its own; the
//! figure is the least of 15, so that what else the machine does is in neither.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use livos_benches::durable::Backend;
use livos_benches::durable::Opened;
use livos_benches::mock::MockModel;
use livos_benches::mock::Script;
use livos_benches::ours;
use livos_benches::probe::Failure;
use livos_benches::report::Report;
use livos_benches::report::least;
use livos_benches::wire::Wire;
use livos_core::Delivery;

const SCRIPT: Script =
    Script { rounds: 5, deltas: 5, wait: Duration::from_millis(20), pace: Duration::ZERO };
const REPEATS: u32 = 15;
/// How much longer a run may take.
const LIMIT: f64 = 1.10;

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mock = MockModel::start()?;
    let url = format!("{}/{SCRIPT}", mock.origin());
    let (mut memory, mut strict) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        memory.push(runtime.block_on(run(&url, Backend::Memory))?);
        strict.push(runtime.block_on(run(&url, Backend::SqliteStrict))?);
    }
    let (memory, strict) = (least(memory), least(strict));
    let mut report = Report::absolute("strict_journal: a run of five rounds, 20 ms answers");
    report.note("journal in memory, ms", memory);
    report.note("journal in SQLite, strict, ms", strict);
    report.limit("SQLite against memory", strict / memory, LIMIT);
    Ok(report.finish())
}

async fn run(url: &str, backend: Backend) -> Result<f64, Failure> {
    let opened = Opened::new(backend).await?;
    let provider = Wire::OpenAi.provider(url)?;
    let agent = ours::agent_with(provider, Delivery::Streamed, Arc::clone(&opened.store) as _)?;
    let began = Instant::now();
    ours::run(&agent).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
