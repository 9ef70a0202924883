//! A part of a long text, and an honest word on what is not shown.

use std::fmt::Write;

/// A part of a text, counted in characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) total: usize,
}

/// The part that begins at the character `start` and has at most `length` characters and
/// `max_bytes` bytes. None when `start` is behind the end of a text that has one.
pub(super) fn part(text: &str, start: usize, length: usize, max_bytes: usize) -> Option<Part<'_>> {
    let total = text.chars().count();
    if start > 0 && start >= total {
        return None;
    }
    let from = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
    let rest = text.get(from..).unwrap_or_default();
    let by_length = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
    let cut = rest.floor_char_boundary(by_length.min(max_bytes));
    let text = rest.get(..cut).unwrap_or_default();
    Some(Part { text, start, end: start + text.chars().count(), total })
}

impl Part<'_> {
    /// What to say of the rest; nothing when all is shown. `is_whole` tells whether the text itself
    /// is all there is.
    pub(super) fn remark(&self, is_whole: bool) -> Option<String> {
        let Self { start, end, total, .. } = self;
        if *start == 0 && end == total && is_whole {
            return None;
        }
        let mut remark = format!("[characters {start} to {end} of {total}");
        if end < total {
            let _ = write!(remark, "; go on with start={end}");
        }
        if !is_whole {
            remark.push_str("; there was more than is read of one address, and it is lost");
        }
        remark.push(']');
        Some(remark)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_say_how_to_go_on() {
        let whole = part("äöü", 0, 10, 100).unwrap();
        assert_eq!((whole.text, whole.remark(true)), ("äöü", None));
        let first = part("äöü", 0, 2, 100).unwrap();
        assert_eq!(first.remark(true).unwrap(), "[characters 0 to 2 of 3; go on with start=2]");
        let last = part("äöü", 2, 2, 100).unwrap();
        assert_eq!(
            (last.text, last.remark(true).unwrap()),
            ("ü", "[characters 2 to 3 of 3]".into())
        );
        assert!(part("äöü", 0, 9, 100).unwrap().remark(false).unwrap().contains("it is lost"));
        assert_eq!(part("äöü", 3, 1, 100), None);
        assert_eq!(part("", 0, 1, 100).unwrap().text, "");
        assert_eq!(part("äöü", 0, 3, 5).unwrap().text, "äö");
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(text in "\\PC{0,60}", length in 1..20_usize) {
            let mut joined = String::new();
            let mut start = 0;
            while let Some(part) = part(&text, start, length, 1000) {
                joined.push_str(part.text);
                start = part.end;
                if part.end == part.total {
                    break;
                }
            }
            prop_assert_eq!(joined, text);
        }
    }
}
