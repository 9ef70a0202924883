//! Finds the text to replace and replaces it; pure.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;

use super::near_miss;

/// How many occurrences are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurrences {
    ExactlyOne,
    All,
}

/// A replacement that was found possible.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replacement {
    /// The whole new text.
    pub(super) text: String,
    count: usize,
    /// The first changed line, counted from 1, and the new lines there.
    first_line: usize,
    changed: String,
}

/// Why nothing is replaced, for the model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Empty,
    Same,
    NotFound { hint: String },
    Ambiguous { lines: Vec<usize>, count: usize },
}

impl Replacement {
    /// How many lines of the changed place are shown.
    const SHOWN_LINES: usize = 20;
    /// How many places of an ambiguous text are named.
    const NAMED_PLACES: usize = 10;

    pub(super) fn new(
        text: &str,
        old: &str,
        new: &str,
        occurrences: Occurrences,
    ) -> Result<Self, Refusal> {
        if old.is_empty() {
            return Err(Refusal::Empty);
        }
        let (old, new) = with_line_ends_of(text, old, new);
        if old == new {
            return Err(Refusal::Same);
        }
        let places: Vec<usize> = text.match_indices(&*old).map(|(place, _)| place).collect();
        let Some(first) = places.first().copied() else {
            return Err(Refusal::NotFound { hint: near_miss::hint(text, &old) });
        };
        if occurrences == Occurrences::ExactlyOne && places.len() > 1 {
            let named = places.iter().take(Self::NAMED_PLACES);
            let lines = named.map(|place| line_of(text, *place)).collect();
            return Err(Refusal::Ambiguous { lines, count: places.len() });
        }
        let replaced = text.replace(&*old, &new);
        Ok(Self {
            first_line: line_of(text, first),
            changed: changed_lines(&replaced, first, new.len()),
            text: replaced,
            count: places.len(),
        })
    }

    /// What was done, for the model.
    pub(super) fn summary(&self) -> String {
        let Self { count, first_line, .. } = self;
        let places = if *count == 1 { "1 place" } else { &format!("{count} places") };
        let mut summary = format!("{places} replaced, the first in line {first_line}. Now there:");
        for (line, number) in self.changed.lines().zip(*first_line..).take(Self::SHOWN_LINES) {
            let _ = write!(summary, "\n{number}\t{line}");
        }
        let more = self.changed.lines().count().saturating_sub(Self::SHOWN_LINES);
        if more > 0 {
            let _ = write!(summary, "\n[and {more} more lines]");
        }
        summary
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("old_text is empty; use file_write for a new file"),
            Self::Same => f.write_str("old_text and new_text are the same"),
            Self::NotFound { hint } => write!(f, "old_text is not in the file. {hint}"),
            Self::Ambiguous { lines, count } => {
                let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
                let more = if *count > lines.len() { ", …" } else { "" };
                write!(
                    f,
                    "old_text is there {count} times, in lines {}{more}. Add lines around it to \
                     make it unique, or set replace_all",
                    lines.join(", ")
                )
            }
        }
    }
}

/// Models write `\n`; in a file of `\r\n` lines that would never be found.
fn with_line_ends_of<'a>(text: &str, old: &'a str, new: &'a str) -> (Cow<'a, str>, Cow<'a, str>) {
    let is_windows = text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
    let needs_it = is_windows && !text.contains(old) && !old.contains('\r');
    if needs_it || (is_windows && !new.contains('\r') && !old.contains('\n')) {
        return (windows_lines(old), windows_lines(new));
    }
    (Cow::Borrowed(old), Cow::Borrowed(new))
}

fn windows_lines(text: &str) -> Cow<'_, str> {
    Cow::Owned(text.replace('\n', "\r\n"))
}

/// The number of the line that holds a byte, counted from 1.
pub(super) fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

fn changed_lines(text: &str, start: usize, length: usize) -> String {
    let before = text.get(..start).unwrap_or_default();
    let from = before.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(start + length..).unwrap_or_default();
    let to = rest.find('\n').map_or(text.len(), |newline| start + length + newline);
    text.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(text: &str, old: &str, new: &str) -> Result<String, String> {
        Replacement::new(text, old, new, Occurrences::ExactlyOne)
            .map(|replacement| replacement.text)
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn replaces_one() {
        assert_eq!(replace("a b c", "b", "x").as_deref(), Ok("a x c"));
        assert_eq!(replace("a b c", " b", "").as_deref(), Ok("a c"));
    }

    #[test]
    fn many_are_refused_with_their_lines() {
        let refusal = replace("x\ny\nx\nx", "x", "z").unwrap_err();
        assert!(refusal.contains("3 times, in lines 1, 3, 4."), "{refusal}");
        let all = Replacement::new("x\ny\nx", "x", "z", Occurrences::All).unwrap();
        assert_eq!(all.text, "z\ny\nz");
        assert!(all.summary().starts_with("2 places replaced, the first in line 1."));
    }

    #[test]
    fn line_ends_of_the_file_are_kept() {
        assert_eq!(
            replace("one\r\ntwo\r\nthree\r\n", "one\ntwo", "1\n2").as_deref(),
            Ok("1\r\n2\r\nthree\r\n")
        );
        assert_eq!(replace("one\r\ntwo\r\n", "one", "1\n1b").as_deref(), Ok("1\r\n1b\r\ntwo\r\n"));
        assert_eq!(replace("one\ntwo\n", "one\ntwo", "1\n2").as_deref(), Ok("1\n2\n"));
    }

    #[test]
    fn nothing_to_do_is_said() {
        assert!(replace("a", "", "b").unwrap_err().contains("empty"));
        assert!(replace("a", "a", "a").unwrap_err().contains("the same"));
        assert!(replace("a", "b", "c").unwrap_err().contains("not in the file"));
    }

    #[test]
    fn the_summary_shows_the_changed_lines() {
        let done = Replacement::new("a\nb c d\ne", "c", "C\nC", Occurrences::ExactlyOne).unwrap();
        assert_eq!(
            done.summary(),
            "1 place replaced, the first in line 2. Now there:\n2\tb C\n3\tC d"
        );
    }
}
