//! Who goes before whom, and how many at a time, where not all can go at once.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

/// A way that is narrow: of the runs that keep to it at most `width` are driven at a time, whichever
/// workers drive them. The others stay queued, in their order, and hold up nobody in other lanes.
///
/// Runs that name a lane alike share it; the width is that of the run that wants to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// Its name: what the runs in it have in common, such as a user or the run that asked for them.
    pub name: Arc<str>,
    /// How many go at a time.
    pub width: NonZeroU32,
}

impl Lane {
    /// A lane for so many at a time; 0 counts as 1.
    pub fn new(name: impl Into<Arc<str>>, width: u32) -> Self {
        Self { name: name.into(), width: NonZeroU32::new(width).unwrap_or(NonZeroU32::MIN) }
    }

    /// Whether one more may go where so many do.
    pub(super) fn admits(&self, going: usize) -> bool {
        u32::try_from(going).is_ok_and(|going| going < self.width.get())
    }
}

/// How urgent a run is. While all places are taken, a more urgent run goes before every less urgent
/// one; among equally urgent ones the users take turns, so that nobody's hundred runs hold up another's one.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others: somebody waits for it.
    High,
    /// As most runs are.
    #[default]
    Normal,
    /// When nothing else wants to go.
    Low,
}

impl Priority {
    /// Its place among the others: less goes first.
    #[cfg(any(feature = "sqlite", feature = "redis"))]
    pub(super) fn rank(self) -> u8 {
        self as u8
    }
}
