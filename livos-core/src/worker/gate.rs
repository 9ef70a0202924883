//! Whether the machine can take one more run in the background.

use std::fmt;
use std::time::Duration;

/// Says whether the machine can take one more run in the [background](crate::Trigger::is_background).
/// Runs that are driven already go on, and those begin that somebody waits for.
///
/// It is asked before a run is claimed, and so must answer at once and not block.
pub trait ResourceGate: fmt::Debug + Send + Sync + 'static {
    /// Lets one more run in the background begin, or says why not.
    ///
    /// # Errors
    /// When none shall begin now.
    fn admits(&self) -> Result<(), Overloaded>;
}

/// The machine has enough to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no more runs in the background begin: {reason}")]
pub struct Overloaded {
    /// What there is too much of, such as `memory: 93 % are used, work in the background waits from 90 % on`.
    pub reason: String,
    /// When to ask again.
    pub ask_again_after: Duration,
}
