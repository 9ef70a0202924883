//! Shows observers the last line a command printed, a few times a second at most.

use std::time::Duration;

use livos_core::ToolContext;
use tokio::time::Instant;

/// When the last report was.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    context: &'a ToolContext,
    next: Instant,
}

impl<'a> Progress<'a> {
    /// The time between two reports.
    const PAUSE: Duration = Duration::from_millis(250);
    /// How much of a line is shown, in characters.
    const MAX_LINE: usize = 200;

    pub(super) fn new(context: &'a ToolContext) -> Self {
        Self { context, next: Instant::now() }
    }

    /// Looks at what was printed next.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        if let Some(line) = last_line(bytes) {
            self.next = now + Self::PAUSE;
            self.context.report_progress(line);
        }
    }
}

fn last_line(bytes: &[u8]) -> Option<String> {
    let line = bytes
        .rsplit(|byte| matches!(byte, b'\n' | b'\r'))
        .find(|line| !line.trim_ascii().is_empty())?;
    // A character has at most four bytes.
    let line = line.get(..4 * Progress::MAX_LINE).unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    Some(text.chars().filter(|char| !char.is_control()).take(Progress::MAX_LINE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_with_words_counts() {
        assert_eq!(last_line(b"one\ntwo\n\n").as_deref(), Some("two"));
        assert_eq!(last_line(b"10%\r20%\r").as_deref(), Some("20%"));
        assert_eq!(last_line(b"\n \n"), None);
        assert_eq!(last_line(&b"x".repeat(5000)).map(|line| line.len()), Some(200));
    }
}
