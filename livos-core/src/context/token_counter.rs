//! Who counts tokens.

use std::fmt;

use super::estimate;

/// Counts the tokens of text as a model would.
///
/// # For implementors
/// Never count less than the truth: what is counted decides whether a request
/// fits. Never count more than a token for each byte, and one: what is below
/// that bound of the window is not counted at all. Counting is pure and happens on the caller's thread, so it may take
/// no longer than a few milliseconds for a megabyte.
///
/// ```
/// use livos_core::{EstimatedTokens, TokenCounter};
///
/// let tokens = EstimatedTokens.count("Durable runs: nothing lost, nothing done twice.");
/// assert!((11..=22).contains(&tokens), "{tokens}");
/// ```
pub trait TokenCounter: fmt::Debug + Send + Sync + 'static {
    /// The name of the vocabulary. Counters of one name count alike, so that what one counted is kept for another.
    fn name(&self) -> &str;

    /// How many tokens this text is, or a little more.
    fn count(&self, text: &str) -> u64;
}

/// Estimates tokens without a vocabulary: more than the common tokenizers make of the same text,
/// by about a third for prose and up to twice for numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EstimatedTokens;

impl TokenCounter for EstimatedTokens {
    fn name(&self) -> &'static str {
        "estimate"
    }

    fn count(&self, text: &str) -> u64 {
        estimate::tokens(text)
    }
}

/// The most tokens that any vocabulary makes of a text: one for each byte, and one for its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteBound;

impl TokenCounter for ByteBound {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn count(&self, text: &str) -> u64 {
        text.len() as u64 + 1
    }
}
