//! Follows a command to its end, whichever comes first.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use livos_core::CancelSignal;
use tokio::time::Instant;

use super::process::Event;
use super::process::Exit;
use super::process::Process;

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// By itself.
    Exited {
        status: ExitStatus,
        background: Background,
        /// Where it was at its end, if it left word.
        directory: Option<PathBuf>,
    },
    /// It used more than the sandbox lets it.
    OverLimit(String),
    /// Its time was over.
    TimedOut,
    /// The call was stopped.
    Cancelled,
    /// Nobody knows.
    Unknown(String),
}

/// Whether processes were left when the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Background {
    None,
    Ended,
}

impl From<Exit> for Ending {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ended { status, left_behind, directory } => {
                let background = if left_behind > 0 { Background::Ended } else { Background::None };
                Self::Exited { status, background, directory }
            }
            Exit::OverLimit(limit) => Self::OverLimit(limit),
            Exit::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

/// How long what is left in the pipe is waited for once the command has ended.
const DRAIN: Duration = Duration::from_millis(200);
/// How long processes that were asked to end may take.
const GRACE: Duration = Duration::from_millis(500);
/// How often those that are not our children are looked after.
const LOOK: Duration = Duration::from_millis(10);
/// How much is read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// Reads what the command prints until it ends, and sees to it that nothing of it is left.
/// When this future is dropped, dropping the process kills everything.
pub(super) async fn follow(
    process: &mut Process,
    listener: &mut impl Listener,
    stop: &CancelSignal,
    deadline: Instant,
) -> Ending {
    let mut reader = Reader { listener, buffer: vec![0; CHUNK] };
    let ending = reader.until_end(process, stop, deadline).await;
    match ending {
        Ending::Exited { status, mut background, directory } => {
            reader.for_at_most(process, DRAIN).await;
            if process.has_survivors() {
                reader.end_group(process).await;
                background = Background::Ended;
            }
            process.end().await;
            reader.for_at_most(process, DRAIN).await;
            Ending::Exited { status, background, directory }
        }
        other => {
            reader.end_group(process).await;
            process.end().await;
            reader.for_at_most(process, DRAIN).await;
            // Killed for certain; this only collects it.
            let _ = tokio::time::timeout(GRACE, process.exited()).await;
            other
        }
    }
}

/// Takes what a command prints.
pub(super) trait Listener: Send {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

struct Reader<'a, L> {
    listener: &'a mut L,
    buffer: Vec<u8>,
}

impl<L: Listener> Reader<'_, L> {
    async fn until_end(
        &mut self,
        process: &mut Process,
        stop: &CancelSignal,
        deadline: Instant,
    ) -> Ending {
        loop {
            let count = tokio::select! {
                // In this order, so that a command that prints without pause still ends in time.
                biased;
                () = stop.cancelled() => return Ending::Cancelled,
                () = tokio::time::sleep_until(deadline) => return Ending::TimedOut,
                event = process.next_event(&mut self.buffer) => match event {
                    Event::Printed(count) => count,
                    Event::Exited(exit) => return exit.into(),
                },
            };
            self.take(count).await;
        }
    }

    /// Reads on until there is nothing more to come or the time is over.
    async fn for_at_most(&mut self, process: &mut Process, time: Duration) {
        let until = Instant::now() + time;
        while !process.is_silent() && Instant::now() < until {
            let reading = process.read(&mut self.buffer);
            let Ok(count) = tokio::time::timeout_at(until, reading).await else { return };
            self.take(count).await;
        }
    }

    /// Asks the group to end and gives it a little time for its last words.
    async fn end_group(&mut self, process: &mut Process) {
        if !process.ask_to_end() {
            return;
        }
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            if process.is_silent() {
                tokio::time::sleep(LOOK).await;
            } else {
                self.for_at_most(process, LOOK).await;
            }
            // Collects the command itself, which would count as alive otherwise.
            let _ = tokio::time::timeout(Duration::ZERO, process.exited()).await;
            if !process.is_alive() {
                return;
            }
        }
    }

    async fn take(&mut self, count: usize) {
        let bytes = self.buffer.get(..count).unwrap_or_default();
        self.listener.take(bytes).await;
    }
}
