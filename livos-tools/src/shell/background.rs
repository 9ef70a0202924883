//! A command in the background: it runs in a task of its own, and what it prints is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::CancelSignal;
use livos_core::SessionId;
use livos_core::ToolOutput;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ShellSessions;
use super::ending;
use super::ending::Ending;
use super::ending::Listener;
use super::process::Process;
use super::report;
use super::report::Remarks;
use super::spill::Spill;
use super::spill::SpillPlace;

/// How long a start is watched, so that a command that fails at once is seen to.
const FIRST_LOOK: Duration = Duration::from_millis(300);

/// A command in the background.
#[derive(Debug)]
pub(super) struct Background {
    /// As the list shows it.
    pub(super) command: String,
    started: Instant,
    stop: CancelSignal,
    printed: Mutex<Kept>,
    /// Changes whenever there is something new; holds how it ended.
    news: watch::Sender<Option<String>>,
}

/// The newest of what was printed.
#[derive(Debug, Default)]
struct Kept {
    bytes: VecDeque<u8>,
    /// How many bytes were printed in all; the kept ones are the last of them.
    total: u64,
}

/// A part of what was printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// How many bytes between the cursor and this part are no longer kept.
    pub(super) lost: u64,
    /// Where the next part begins.
    pub(super) next: u64,
    /// Whether there is more already.
    pub(super) is_last: bool,
}

impl Kept {
    /// How much is kept in memory of each, in bytes; the file has more.
    const MAX_BYTES: usize = 256 * 1024;

    fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let fresh = bytes.get(bytes.len().saturating_sub(Self::MAX_BYTES)..).unwrap_or_default();
        let excess = (self.bytes.len() + fresh.len()).saturating_sub(Self::MAX_BYTES);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(fresh);
    }

    fn part(&self, cursor: u64, limit: usize) -> Part {
        let start = self.total - self.bytes.len() as u64;
        let from = cursor.clamp(start, self.total);
        let skip = usize::try_from(from - start).unwrap_or(usize::MAX);
        let bytes: Vec<u8> = self.bytes.iter().skip(skip).take(limit).copied().collect();
        let next = from + bytes.len() as u64;
        Part { bytes, lost: from.saturating_sub(cursor), next, is_last: next == self.total }
    }
}

impl Background {
    pub(super) fn is_running(&self) -> bool {
        self.news.borrow().is_none()
    }

    /// How it is, for a list: `running for 12 s` or how it ended.
    pub(super) fn state(&self) -> String {
        let ended = self.news.borrow().clone();
        ended.unwrap_or_else(|| format!("running for {} s", self.started.elapsed().as_secs()))
    }

    pub(super) fn printed(&self) -> u64 {
        self.kept().total
    }

    pub(super) fn part(&self, cursor: u64, limit: usize) -> Part {
        self.kept().part(cursor, limit)
    }

    pub(super) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn until_ended(&self) {
        // The sender is ours, so this ends only when it has ended.
        let _ = self.news.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until something was printed after the cursor, or it ended, but no longer than this.
    pub(super) async fn until_news(&self, cursor: u64, time: Duration) {
        let mut news = self.news.subscribe();
        let something = async {
            while self.is_running() && self.kept().total <= cursor {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(time, something).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to start one in the background.
#[derive(Debug)]
pub(super) struct Slot {
    sessions: ShellSessions,
    session: SessionId,
}

impl Slot {
    pub(super) fn new(sessions: ShellSessions, session: SessionId) -> Self {
        Self { sessions, session }
    }

    /// Lets a started command go on by itself.
    pub(super) async fn run(
        self,
        mut process: Process,
        place: SpillPlace,
        command: String,
        deadline: Instant,
        gaps: &[&str],
    ) -> ToolOutput {
        let background = Arc::new(Background {
            command,
            started: Instant::now(),
            stop: CancelSignal::new(),
            printed: Mutex::default(),
            news: watch::Sender::new(None),
        });
        let Some(number) = self.sessions.add(self.session, Arc::clone(&background)) else {
            process.end().await;
            return ToolOutput::text("[not started: the server is stopping]");
        };
        // From here on it counts as one that runs.
        drop(self);
        tokio::spawn(follow(process, Arc::clone(&background), place, deadline));
        let first_look = tokio::time::timeout(FIRST_LOOK, background.until_ended());
        let _ = first_look.await;
        let part = background.part(0, 4096);
        let printed = String::from_utf8_lossy(&part.bytes);
        let line_end = if printed.is_empty() || printed.ends_with('\n') { "" } else { "\n" };
        let remarks = Remarks::new(std::iter::empty(), gaps);
        ToolOutput::text(format!(
            "{printed}{line_end}[background command {number}: {}; go on reading with shell_output \
             id={number} cursor={}{remarks}]",
            background.state(),
            part.next,
        ))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.sessions.release(self.session);
    }
}

async fn follow(
    mut process: Process,
    background: Arc<Background>,
    place: SpillPlace,
    deadline: Instant,
) {
    let mut printed = Printed { background: &background, place, spill: None };
    let ending = ending::follow(&mut process, &mut printed, &background.stop, deadline).await;
    if let Some(spill) = printed.spill {
        // What could not be kept was printed all the same.
        drop(spill.close().await);
    }
    drop(process);
    let how = match ending {
        Ending::Exited { status, .. } => report::how(status),
        Ending::TimedOut => "ended: its time was over".to_owned(),
        Ending::OverLimit(limit) => format!("ended: it used {limit}"),
        Ending::Cancelled => "ended by shell_kill".to_owned(),
        Ending::Unknown(reason) => format!("its end is unknown: {reason}"),
    };
    background.news.send_replace(Some(how));
}

/// What becomes of what a command in the background prints.
struct Printed<'a> {
    background: &'a Background,
    place: SpillPlace,
    spill: Option<Spill>,
}

impl Listener for Printed<'_> {
    async fn take(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(self.place.open().await),
        };
        spill.write(bytes).await;
        self.background.kept().add(bytes);
        self.background.news.send_modify(|_| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_on_and_learns_what_is_gone() {
        let mut kept = Kept::default();
        kept.add(b"hello ");
        kept.add(b"world");
        let part = kept.part(0, 6);
        assert_eq!((&*part.bytes, part.next, part.is_last), (&b"hello "[..], 6, false));
        let part = kept.part(6, 100);
        assert_eq!((&*part.bytes, part.lost, part.is_last), (&b"world"[..], 0, true));
        assert!(kept.part(99, 10).bytes.is_empty());
        kept.add(&vec![b'x'; Kept::MAX_BYTES + 10]);
        let part = kept.part(6, 1);
        assert_eq!((part.lost, &*part.bytes), (5 + 10, &b"x"[..]));
        assert_eq!(kept.bytes.len(), Kept::MAX_BYTES);
    }
}
