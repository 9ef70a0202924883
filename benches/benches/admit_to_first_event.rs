//! How soon a message is safe, and how soon its run begins: from the call that admits it to its
//! answer, and to the first event that an observer of the worker sees.
//!
//! In memory, in SQLite (strict) and in a Redis on this machine (`appendfsync always`), on a
//! machine that does nothing else, and while 100 sessions append as fast as the store takes it.
//! The model answers at once and from memory. What is gated is the longest that 99 of 100 admissions to
//! the busy SQLite store take; each figure is the best of three rounds of 300 messages.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use livos_benches::durable::Backend;
use livos_benches::durable::Opened;
use livos_benches::durable::append_at_once;
use livos_benches::in_process::InProcess;
use livos_benches::mock::Script;
use livos_benches::probe::Failure;
use livos_benches::report::Report;
use livos_benches::report::least;
use livos_benches::report::percentile;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Clock;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::SystemClock;
use livos_core::Worker;
use livos_core::WorkerSettings;
use tokio::sync::mpsc;

const MESSAGES: usize = 300;
const ROUNDS: usize = 3;
const SESSIONS: u32 = 100;
/// More than are written while the messages are admitted.
const ENTRIES: u32 = 100_000;
/// The longest that 99 of 100 admissions may take, in milliseconds.
const ADMISSION_LIMIT: f64 = 20.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    None,
    Appends,
}

/// Milliseconds from the call of each message.
#[derive(Debug, Default)]
struct Times {
    admitted: Vec<f64>,
    first_event: Vec<f64>,
}

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::absolute("admit_to_first_event: milliseconds");
    for backend in Backend::STRICT {
        for load in [Load::None, Load::Appends] {
            let rounds = (0..ROUNDS).map(|_| runtime.block_on(round(backend, load)));
            let rounds = rounds.collect::<Result<Vec<Times>, Failure>>()?;
            let best = |figure: fn(&Times) -> &Vec<f64>, percent| {
                least(rounds.iter().map(|it| percentile(figure(it).clone(), percent)).collect())
            };
            let name = match load {
                Load::None => format!("{backend}, idle"),
                Load::Appends => format!("{backend}, 100 sessions appending"),
            };
            report.note(&format!("{name}: admitted, middle"), best(|it| &it.admitted, 50));
            let slowest = best(|it| &it.admitted, 99);
            let title = format!("{name}: admitted, 99 %");
            match (backend, load) {
                (Backend::SqliteStrict, Load::Appends) => {
                    report.limit(&title, slowest, ADMISSION_LIMIT);
                }
                _ => report.note(&title, slowest),
            }
            report.note(&format!("{name}: first event, middle"), best(|it| &it.first_event, 50));
            report.note(&format!("{name}: first event, 99 %"), best(|it| &it.first_event, 99));
        }
    }
    Ok(report.finish())
}

async fn round(backend: Backend, load: Load) -> Result<Times, Failure> {
    let opened = Opened::new(backend).await?;
    let (seen, mut first_events) = mpsc::unbounded_channel();
    let model = InProcess::new(Script { deltas: 1, ..Script::default() });
    let agent = AgentLoop::builder(model).model("mock-1").journal(Arc::clone(&opened.store) as _);
    let worker = Worker::start(
        agent.build(),
        Arc::clone(&opened.store),
        Arc::new(Stopwatch(seen)),
        WorkerSettings::default(),
    );
    let load = (load == Load::Appends).then(|| {
        let store: Arc<dyn Store> = Arc::clone(&opened.store);
        tokio::spawn(async move { append_at_once(&*store, SESSIONS, ENTRIES).await })
    });
    let mut times = Times::default();
    for number in 0..MESSAGES {
        let message = Message::user(format!("message {number}"));
        let run = NewRun::new(SessionId::generate(), message, SystemClock.now());
        let run_id = run.run_id;
        let began = Instant::now();
        opened.store.admit(run).await?;
        times.admitted.push(millis(began, Instant::now()));
        let first = first_event(&mut first_events, run_id).await.ok_or("the worker ended")?;
        times.first_event.push(millis(began, first));
    }
    if let Some(load) = load {
        // It has the store busy to the end, or the figures are of something else.
        if load.is_finished() {
            return Err("the load ended before the messages did".into());
        }
        load.abort();
    }
    worker.stop(std::time::Duration::from_secs(5)).await;
    Ok(times)
}

async fn first_event(
    events: &mut mpsc::UnboundedReceiver<(RunId, Instant)>,
    wanted: RunId,
) -> Option<Instant> {
    loop {
        let (run_id, at) = events.recv().await?;
        if run_id == wanted {
            return Some(at);
        }
    }
}

fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

/// Tells when the events of a run are seen.
#[derive(Debug)]
struct Stopwatch(mpsc::UnboundedSender<(RunId, Instant)>);

impl RunObserver for Stopwatch {
    fn observe(&self, event: AgentEvent) {
        // Nobody looks any more once the bench is over.
        self.0.send((event.run_id, Instant::now())).ok();
    }
}
