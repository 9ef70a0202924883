//! What went otherwise, in words.

use std::fmt;

/// The first thing that went otherwise than recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The number of the recorded entry at which the ways part.
    pub seq: u64,
    /// What the recording has there.
    pub expected: String,
    /// What came instead.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: expected {}, but came {}", self.seq, self.expected, self.found)
    }
}
