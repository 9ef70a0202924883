//! Secrets in a text that arrives piece by piece.

use std::fmt;
use std::sync::Arc;

use super::patterns::Patterns;

/// Redacts a text that arrives in pieces, exactly as if it were whole.
///
/// The end of a piece is held back only while it may be the beginning of a secret; all else passes at once,
/// and a piece in which nothing begins passes as it is, without a copy.
///
/// ```
/// use livos_core::{Redactor, Secret};
///
/// let redactor = Redactor::of(&[Secret::new("swordfish99")]);
/// let mut pieces = redactor.pieces().expect("a secret is known");
/// assert_eq!(pieces.push("it is sword".to_owned()), "it is ");
/// assert_eq!(pieces.push("fish99, right".to_owned()), "[redacted], right");
/// assert_eq!(pieces.finish(), "");
/// ```
pub struct RedactedPieces {
    patterns: Arc<Patterns>,
    held: String,
}

impl RedactedPieces {
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        Self { patterns, held: String::new() }
    }

    /// Takes the next piece, and gives what can be shown by now; often the piece itself, sometimes nothing.
    pub fn push(&mut self, piece: String) -> String {
        let mut text = match self.held.is_empty() {
            true => piece,
            false => {
                self.held.push_str(&piece);
                std::mem::take(&mut self.held)
            }
        };
        let settled = self.patterns.settle(&text);
        if settled.bytes < text.len() {
            self.held = text.split_off(settled.bytes);
        }
        settled.redacted.unwrap_or(text)
    }

    /// No piece follows: gives what was held back. The next piece begins another text.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        self.patterns.redact(&held).unwrap_or(held)
    }

    /// Drops what was held back: the text is void.
    pub fn discard(&mut self) {
        self.held.clear();
    }
}

impl fmt::Debug for RedactedPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is held back is the beginning of a secret, perhaps.
        f.write_str("RedactedPieces")
    }
}
