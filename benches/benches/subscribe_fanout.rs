//! One run, 1,000 observers: what it takes until all of them have seen a streamed answer.
//!
//! The feed of one process and the feed over a Redis on this machine. A writer shows 1,000
//! pieces of text, 200 at a time, so that nobody is behind by more than a watcher may be; each
//! of the 1,000 tasks counts the text that arrives, since a feed may join pieces that wait. A figure is the
//! least of five. All of it must reach every observer: a bench that loses some fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use livos_benches::durable::AT;
use livos_benches::durable::Backend;
use livos_benches::durable::Opened;
use livos_benches::probe::Failure;
use livos_benches::process;
use livos_benches::report::Report;
use livos_benches::report::least;
use livos_core::AgentEvent;
use livos_core::EventKind;
use livos_core::Position;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::Shown;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const OBSERVERS: u32 = 1_000;
const PIECES: u32 = 1_000;
const AT_A_TIME: u32 = 200;
const PIECE: &str = " word";
const REPEATS: u32 = 5;

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::absolute("subscribe_fanout: one writer, 1,000 observers");
    for (name, backend) in [("one process", Backend::Memory), ("Redis", Backend::RedisRelaxed)] {
        let (mut seconds, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            let (time, kib) = runtime.block_on(show(backend))?;
            seconds.push(time);
            memory.push(kib);
        }
        let each = least(seconds) / f64::from(PIECES * OBSERVERS);
        report.note(&format!("{name}: a piece at an observer, ns"), each * 1e9);
        report.note(&format!("{name}: pieces seen a second"), 1.0 / each);
        report.note(&format!("{name}: memory an observer, KiB"), least(memory));
    }
    Ok(report.finish())
}

async fn show(backend: Backend) -> Result<(f64, f64), Failure> {
    let opened = Opened::new(backend).await?;
    let (session_id, run_id) = (SessionId::generate(), RunId::generate());
    let caught_up = Arc::new(Barrier::new(OBSERVERS as usize + 1));
    let before = process::resident_kib()?;
    let mut observers = JoinSet::new();
    for _ in 0..OBSERVERS {
        let mut watch = opened.feed.watch(session_id).await?;
        let caught_up = Arc::clone(&caught_up);
        observers.spawn(async move {
            for _ in 0..PIECES / AT_A_TIME {
                let mut missing = PIECE.len() * AT_A_TIME as usize;
                while missing > 0 {
                    let shown = watch.live.next().await;
                    let text = text(shown.as_ref()).ok_or_else(|| format!("saw {shown:?}"))?;
                    missing = missing.checked_sub(text.len()).ok_or("saw a piece twice")?;
                }
                caught_up.wait().await;
            }
            Ok(())
        });
    }
    let resident = process::resident_kib()?.saturating_sub(before);
    let began = Instant::now();
    for _ in 0..PIECES / AT_A_TIME {
        for _ in 0..AT_A_TIME {
            let kind = EventKind::TextDelta { text: PIECE.to_owned() };
            let position = Position::After(1);
            opened.feed.show(AgentEvent { session_id, run_id, position, at: AT, kind });
        }
        tokio::select! {
            _ = caught_up.wait() => {}
            Some(Ok(Err(lost))) = observers.join_next() => {
                return Err(format!("an observer {lost}").into());
            }
        }
    }
    while let Some(observer) = observers.join_next().await {
        observer?.map_err(|lost: String| format!("an observer {lost}"))?;
    }
    let kib = f64::from(u32::try_from(resident)?) / f64::from(OBSERVERS);
    Ok((began.elapsed().as_secs_f64(), kib))
}

fn text(shown: Option<&Shown>) -> Option<&str> {
    match shown {
        Some(Shown::Event(event)) => match &event.kind {
            EventKind::TextDelta { text } => Some(text),
            _ => None,
        },
        _ => None,
    }
}
