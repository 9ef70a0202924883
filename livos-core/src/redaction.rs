//! Takes known secrets out of what is written down, sent or shown.
//!
//! A [`Redactor`] knows secrets by value: those of the environment, of the sealed store, of MCP servers.
//! An agent that has one lets every fact pass it before the journal gets it, and every piece of an answer
//! before an observer does. Since history is redacted where it enters and never again, a prompt stays a
//! byte-identical prefix of the next.
//!
//! A secret is also found in base64 (at any offset, both alphabets), hexadecimal, percent-encoded and
//! escaped as in JSON. What is encrypted, compressed, reversed or spelled out is not found.

mod encodings;
mod json;
mod known_shapes;
mod patterns;
mod pieces;
mod scan;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::patterns::Known;
use self::patterns::Patterns;
use crate::secret::Secret;

pub use self::pieces::RedactedPieces;

pub(crate) use self::json::redact_json;

/// Whether a text has something of the shape of a well-known service's key in it.
pub(crate) fn has_known_shape(text: &str) -> bool {
    known_shapes::without_known_shapes(text).is_some()
}

/// What stands in the place of a secret without a name.
const REDACTED: &str = "[redacted]";

/// Takes known secrets out of texts. Clones know the same secrets.
///
/// ```
/// use livos_core::{Redactor, Secret};
///
/// let redactor = Redactor::new();
/// redactor.learn("GITHUB_TOKEN", &Secret::new("ghp-01234567"));
/// assert_eq!(redactor.clean("token=ghp-01234567;"), "token=[secret GITHUB_TOKEN];");
/// assert_eq!(redactor.clean("in base64: Z2hwLTAxMjM0NTY3"), "in base64: [secret GITHUB_TOKEN]");
/// ```
#[derive(Clone, Default)]
pub struct Redactor(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    known: Vec<Known>,
    /// None as long as nothing is known: then nothing is looked for.
    patterns: Option<Arc<Patterns>>,
}

impl Redactor {
    /// The shortest secret that is looked for, in bytes. A shorter one would take ordinary words out.
    pub const SHORTEST: usize = 8;

    /// One that knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that knows these; each is replaced by `[redacted]`.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let redactor = Self::new();
        let known = secrets.into_iter().map(|secret| Known::new(REDACTED.to_owned(), secret));
        redactor.add(known.collect());
        redactor
    }

    /// Looks for this secret from now on, and puts `[secret NAME]` in its place.
    ///
    /// Nothing is forgotten: a secret that was replaced may still open something. One of fewer than
    /// [`SHORTEST`](Self::SHORTEST) bytes is not looked for. Of a secret of several lines each long line is
    /// looked for by itself too.
    pub fn learn(&self, name: &str, secret: &Secret) {
        self.add(vec![Known::new(format!("[secret {name}]"), secret)]);
    }

    /// As [`learn`](Self::learn), for several at once, which costs as much as one.
    pub fn learn_all<'a>(&self, secrets: impl IntoIterator<Item = (&'a str, &'a Secret)>) {
        let known = |(name, secret)| Known::new(format!("[secret {name}]"), secret);
        self.add(secrets.into_iter().map(known).collect());
    }

    fn add(&self, secrets: Vec<Known>) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = state.known.len();
        for secret in secrets {
            let is_new = !state.known.iter().any(|known| known.has_value_of(&secret));
            if is_new && secret.is_long_enough() {
                state.known.push(secret);
            }
        }
        if state.known.len() > before {
            state.patterns = Patterns::new(&state.known).map(Arc::new);
        }
    }

    /// The text without secrets.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.patterns().and_then(|patterns| patterns.redact(text)) {
            Some(redacted) => Cow::Owned(redacted),
            None => Cow::Borrowed(text),
        }
    }

    /// The same for a text that was cut somewhere: its end is left out as far as a secret may begin in it.
    pub(crate) fn clean_fragment(&self, text: String) -> String {
        match self.pieces() {
            Some(mut pieces) => pieces.push(text),
            None => text,
        }
    }

    /// Whether a secret is in the text.
    pub fn finds(&self, text: &str) -> bool {
        self.patterns().is_some_and(|patterns| patterns.finds(text))
    }

    /// The value with no secret in any of its texts, also those used as keys of maps.
    ///
    /// Costs a look at each text when there is no secret in it, and a way through JSON when there is.
    /// A thought that had a secret loses its signature, and a picture or file that holds one is left out.
    pub fn cleaned<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        match self.patterns() {
            Some(patterns) if scan::finds(&patterns, &value) => json::cleaned(&patterns, value),
            _ => value,
        }
    }

    /// For a text that arrives in pieces; none when no secret is known, so that nothing needs to be done.
    pub fn pieces(&self) -> Option<RedactedPieces> {
        self.patterns().map(RedactedPieces::new)
    }

    /// How many secrets are known; it only grows.
    pub(crate) fn known(&self) -> usize {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).known.len()
    }

    fn patterns(&self) -> Option<Arc<Patterns>> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).patterns.clone()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Redactor({} secrets)", state.known.len())
    }
}
