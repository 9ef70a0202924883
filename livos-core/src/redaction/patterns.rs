//! What is looked for, and the search itself.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use aho_corasick::MatchKind;
use aho_corasick::PatternID;
use zeroize::Zeroizing;

use super::Redactor;
use super::encodings;
use crate::secret::Secret;

/// A secret and what stands in its place.
pub(super) struct Known {
    mark: Arc<str>,
    secret: Secret,
}

impl Known {
    pub(super) fn new(mark: String, secret: &Secret) -> Self {
        Self { mark: mark.into(), secret: secret.clone() }
    }

    pub(super) fn has_value_of(&self, other: &Self) -> bool {
        self.secret.expose() == other.secret.expose()
    }

    pub(super) fn is_long_enough(&self) -> bool {
        self.secret.expose().len() >= Redactor::SHORTEST
    }
}

/// All forms of all secrets, ready to be looked for in one pass. Of several that begin at one place
/// the longest counts.
pub(super) struct Patterns {
    automaton: AhoCorasick,
    /// By pattern: what stands in its place.
    marks: Vec<Arc<str>>,
    /// The patterns in order.
    sorted: Vec<Zeroizing<String>>,
    /// Whether a pattern begins with a byte.
    begins: Box<[bool; 256]>,
    longest: usize,
}

/// What can be said of a text whose end is not known yet.
pub(super) struct Settled {
    /// The text without secrets, as far as it is certain; none if it is the text itself.
    pub(super) redacted: Option<String>,
    /// How many bytes of the text that is.
    pub(super) bytes: usize,
}

impl Patterns {
    /// None when there is nothing to look for.
    pub(super) fn new(known: &[Known]) -> Option<Self> {
        let mut patterns: Vec<(Zeroizing<String>, Arc<str>)> = Vec::new();
        for secret in known {
            let forms = encodings::forms(secret.secret.expose()).into_iter().map(Zeroizing::new);
            let forms = forms.filter(|form| form.len() >= Redactor::SHORTEST);
            patterns.extend(forms.map(|form| (form, Arc::clone(&secret.mark))));
        }
        // The first that has a form keeps it.
        patterns.sort_by(|(one, _), (other, _)| one.cmp(other));
        patterns.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let longest = patterns.iter().map(|(form, _)| form.len()).max()?;
        let mut begins = Box::new([false; 256]);
        for (form, _) in &patterns {
            let first = form.bytes().next().map(usize::from);
            if let Some(place) = first.and_then(|first| begins.get_mut(first)) {
                *place = true;
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns.iter().map(|(form, _)| form.as_bytes()));
        let automaton = match automaton {
            Ok(automaton) => automaton,
            Err(error) => {
                tracing::error!(%error, "secrets cannot be looked for");
                return None;
            }
        };
        let (sorted, marks) = patterns.into_iter().unzip();
        Some(Self { automaton, marks, sorted, begins, longest })
    }

    pub(super) fn finds(&self, text: &str) -> bool {
        self.automaton.is_match(text)
    }

    /// The text without secrets; none when it has none.
    pub(super) fn redact(&self, text: &str) -> Option<String> {
        let mut found = self.automaton.find_iter(text).peekable();
        found.peek()?;
        let mut clean = String::with_capacity(text.len());
        let mut from = 0;
        for secret in found {
            clean.push_str(text.get(from..secret.start()).unwrap_or_default());
            clean.push_str(self.mark(secret.pattern()));
            from = secret.end();
        }
        clean.push_str(text.get(from..).unwrap_or_default());
        Some(clean)
    }

    /// The same for a text that goes on: what its end may belong to is left for later.
    pub(super) fn settle(&self, text: &str) -> Settled {
        let mut clean: Option<String> = None;
        let mut from = 0;
        loop {
            let open = self.open_end(text, from);
            let rest = text.get(from..).unwrap_or_default();
            // What begins where the open end begins, or behind, may turn out longer or to be another.
            let secret = self.automaton.find(rest).filter(|secret| from + secret.start() < open);
            let Some(secret) = secret else {
                if let Some(clean) = &mut clean {
                    clean.push_str(text.get(from..open).unwrap_or_default());
                }
                return Settled { redacted: clean, bytes: open };
            };
            let clean = clean.get_or_insert_default();
            clean.push_str(rest.get(..secret.start()).unwrap_or_default());
            clean.push_str(self.mark(secret.pattern()));
            from += secret.end();
        }
    }

    /// Where the longest end of the text begins with which a secret may begin; its length if there is none.
    fn open_end(&self, text: &str, from: usize) -> usize {
        let start = from.max(text.len().saturating_sub(self.longest - 1));
        let bytes = text.as_bytes();
        let ends = bytes.get(start..).unwrap_or_default().iter().enumerate();
        ends.filter(|(_, byte)| self.begins.get(usize::from(**byte)) == Some(&true))
            .map(|(index, _)| start + index)
            .find(|place| bytes.get(*place..).is_some_and(|end| self.is_open(end)))
            .unwrap_or(text.len())
    }

    /// Whether a longer pattern begins so.
    fn is_open(&self, end: &[u8]) -> bool {
        let next = self.sorted.partition_point(|form| form.as_bytes() <= end);
        self.sorted.get(next).is_some_and(|form| form.as_bytes().starts_with(end))
    }

    fn mark(&self, pattern: PatternID) -> &str {
        self.marks.get(pattern.as_usize()).map_or(super::REDACTED, |mark| mark)
    }
}
