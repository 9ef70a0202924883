//! Collects matching lines and writes them down.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::ops::Range;

use livos_core::ToolOutput;
use regex::bytes::Regex;

use super::Output;
use crate::workspace_root::WalkEnd;
use crate::workspace_root::WorkspacePath;

/// What was found so far, as text.
#[derive(Debug)]
pub(super) struct Matches {
    output: Output,
    limit: usize,
    context: usize,
    text: String,
    shown: usize,
    is_full: bool,
}

impl Matches {
    /// How many bytes of text one call brings.
    const MAX_TEXT: usize = 24 * 1024;
    /// How much of a line is shown, in bytes.
    const MAX_LINE: usize = 300;

    pub(super) fn new(output: Output, limit: usize, context: usize) -> Self {
        Self { output, limit, context, text: String::new(), shown: 0, is_full: false }
    }

    /// Adds what matches in a file; breaks when there is room for no more.
    pub(super) fn add_file(
        &mut self,
        path: &str,
        content: &[u8],
        pattern: &Regex,
    ) -> ControlFlow<()> {
        let lines: Vec<&[u8]> = lines_of(content).collect();
        let found: Vec<(usize, Range<usize>)> = lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((index, pattern.find(line)?.range())))
            .collect();
        if found.is_empty() {
            return ControlFlow::Continue(());
        }
        match self.output {
            Output::Files => self.add_name(path, found.len()),
            Output::Lines => self.add_lines(path, &lines, &found),
        }
        if self.is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn add_name(&mut self, path: &str, count: usize) {
        if self.has_room() {
            self.shown += 1;
            let _ = writeln!(self.text, "{path}: {count}");
        }
    }

    fn add_lines(&mut self, path: &str, lines: &[&[u8]], found: &[(usize, Range<usize>)]) {
        if !self.has_room() {
            return;
        }
        let _ = writeln!(self.text, "{path}");
        let mut next = 0;
        for (position, (index, range)) in found.iter().enumerate() {
            if !self.has_room() {
                return;
            }
            self.shown += 1;
            let before = index.saturating_sub(self.context).max(next);
            if before > next && next > 0 && self.context > 0 {
                self.text.push_str("--\n");
            }
            self.add_context(lines, before..*index);
            let line = lines.get(*index).copied().unwrap_or_default();
            let _ = writeln!(self.text, "{}: {}", index + 1, excerpt(line, range));
            let following = found.get(position + 1).map_or(lines.len(), |(index, _)| *index);
            next = (index + 1 + self.context).min(following);
            self.add_context(lines, index + 1..next);
        }
    }

    fn add_context(&mut self, lines: &[&[u8]], range: Range<usize>) {
        let start = range.start;
        for (line, number) in lines.get(range).unwrap_or_default().iter().zip(start + 1..) {
            let _ = writeln!(self.text, "{number}- {}", excerpt(line, &(0..0)));
        }
    }

    fn has_room(&mut self) -> bool {
        self.is_full = self.shown == self.limit || self.text.len() > Self::MAX_TEXT;
        !self.is_full
    }

    pub(super) fn into_output(
        mut self,
        end: WalkEnd,
        too_large: usize,
        start: &WorkspacePath,
    ) -> ToolOutput {
        if self.shown == 0 {
            self.text = format!("[no match in {start}]\n");
        }
        let is_whole = end == WalkEnd::Complete && !self.is_full;
        if !is_whole {
            let what = if self.output == Output::Files { "files" } else { "matching lines" };
            let _ = writeln!(
                self.text,
                "[stopped after {} {what}: narrow the pattern, path or glob to see the others]",
                self.shown
            );
        }
        if too_large > 0 {
            let _ = writeln!(self.text, "[{too_large} files above 8 MiB were not searched]");
        }
        let text = self.text.trim_end().to_owned();
        if is_whole { ToolOutput::text(text) } else { ToolOutput::text(text).truncated() }
    }
}

fn lines_of(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The line, or the part of a long one that holds the match.
fn excerpt(line: &[u8], found: &Range<usize>) -> String {
    if line.len() <= Matches::MAX_LINE {
        return String::from_utf8_lossy(line).into_owned();
    }
    let lead = Matches::MAX_LINE / 3;
    let start = found.start.saturating_sub(lead).min(line.len() - Matches::MAX_LINE);
    let end = start + Matches::MAX_LINE;
    let part = String::from_utf8_lossy(line.get(start..end).unwrap_or_default());
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    format!("{before}{part}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(matches: Matches) -> String {
        let output = matches.into_output(WalkEnd::Complete, 0, &WorkspacePath::root());
        output.content[0].as_text().unwrap().to_owned()
    }

    #[test]
    fn context_is_shown_once() {
        let mut matches = Matches::new(Output::Lines, 10, 1);
        let text = b"a\nx1\nb\nx2\nc\nd\ne\nx3\n";
        let _ = matches.add_file("f", text, &Regex::new("x").unwrap());
        assert_eq!(found(matches), "f\n1- a\n2: x1\n3- b\n4: x2\n5- c\n--\n7- e\n8: x3",);
    }

    #[test]
    fn the_limit_ends_it_and_says_so() {
        let mut matches = Matches::new(Output::Lines, 2, 0);
        let flow = matches.add_file("f", b"x\nx\nx\n", &Regex::new("x").unwrap());
        assert!(flow.is_break());
        assert!(found(matches).ends_with(
            "[stopped after 2 matching lines: narrow the pattern, path or glob to see the others]"
        ));
    }

    #[test]
    fn a_long_line_is_cut_around_the_match() {
        let line = [b"a".repeat(1000), b"needle".to_vec(), b"b".repeat(1000)].concat();
        let shown = excerpt(&line, &(1000..1006));
        assert!(shown.contains("needle") && shown.starts_with('…') && shown.ends_with('…'));
        assert!(shown.len() < 310);
    }
}
