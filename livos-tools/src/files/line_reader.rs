//! Lines of a file of any size, holding no more than a bounded part of each.

use std::io::BufRead;

/// One line without its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its beginning, at most [`LineReader::MAX_KEPT`] bytes.
    pub(super) kept: Vec<u8>,
    /// How many bytes it has beyond those.
    pub(super) left_out: u64,
}

impl Line {
    /// The line as text; says so when a part is left out.
    pub(super) fn to_text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        match self.left_out {
            0 => text.to_owned(),
            more => format!("{text}… [{more} more bytes in this line]"),
        }
    }
}

/// Reads line after line.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    source: R,
}

impl<R: BufRead> LineReader<R> {
    /// How much of one line is kept: minified code is one line of megabytes.
    pub(super) const MAX_KEPT: usize = 2000;

    pub(super) fn new(source: R) -> Self {
        Self { source }
    }

    /// The next line; none at the end.
    pub(super) fn next_line(&mut self) -> std::io::Result<Option<Line>> {
        let mut line = Line::default();
        let mut started = false;
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                return Ok(started.then_some(line));
            }
            started = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let room = Self::MAX_KEPT.saturating_sub(line.kept.len());
            let (kept, rest) = part.split_at(part.len().min(room));
            line.kept.extend_from_slice(kept);
            line.left_out += rest.len() as u64;
            let used = part.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        // A tiny buffer, so that lines cross its edge.
        let mut reader = LineReader::new(BufReader::with_capacity(3, bytes));
        std::iter::from_fn(|| reader.next_line().unwrap()).map(|line| line.to_text()).collect()
    }

    #[test]
    fn splits_as_editors_do() {
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"\n"), [""]);
        assert_eq!(lines(b"one\ntwo"), ["one", "two"]);
        assert_eq!(lines(b"one\r\ntwo\r\n"), ["one", "two"]);
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let text = "x".repeat(LineReader::<&[u8]>::MAX_KEPT + 5);
        let lines = lines(format!("{text}\nnext").as_bytes());
        assert!(lines[0].ends_with("xxx… [5 more bytes in this line]"));
        assert_eq!(lines[1], "next");
    }
}
