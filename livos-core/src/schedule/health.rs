//! Whether the machine is well, asked before a model is.

use std::fmt;

use async_trait::async_trait;

/// Looks at the machine directly: disk, memory, load, whatever its maker finds worth a heartbeat.
///
/// It is asked before a schedule with [`Condition::SystemUnwell`](super::Condition::SystemUnwell) fires, must
/// answer within seconds, and may be dropped at any time.
#[async_trait]
pub trait HealthProbe: fmt::Debug + Send + Sync + 'static {
    /// What is wrong now; nothing while all is well.
    async fn problems(&self) -> Vec<HealthProblem>;
}

/// Something that is wrong with the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProblem {
    /// What, in a word that stays the same while it lasts: `disk`, `memory`. One that is
    /// known is not told again for a day.
    pub name: String,
    /// How it is, in words and numbers for the model to read.
    pub detail: String,
}
