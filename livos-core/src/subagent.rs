//! Agents that work for others: one concept with three lifetimes (MULTI-01..07).
//!
//! A sub-agent is a run in a session of its own, in the same store and queue as every other run.
//! Whoever started it waits for it (*inline*), or goes on and gets its result as a message (*session*),
//! or keeps it under a name for later (*named agents*). What it may use is part of its admission,
//! and never more than its parent has. Nothing of this lives in memory: a call that is repeated
//! after a crash finds the same child, and a result is owed to the parent until its journal has it.

mod child;
mod error;
mod history;
mod limits;
mod named;
mod outcome;
mod result_sink;
mod spawn;
mod wait;

use std::sync::Arc;

pub use self::child::Child;
pub use self::error::SubagentError;
pub use self::history::Said;
pub use self::limits::SubagentLimits;
pub use self::named::AgentDefinition;
pub use self::named::AgentVersion;
pub(crate) use self::named::definition;
pub use self::outcome::SubagentOutcome;
pub use self::result_sink::ResultSink;
pub use self::spawn::Reporting;
pub use self::spawn::Spawned;
pub use self::spawn::SubagentTask;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::id::ModelName;
use crate::provider::AIProvider;
use crate::store::Store;

/// Starts sub-agents, follows them, and keeps named agents. Clones are the same manager.
///
/// It only admits runs and reads what became of them: a [`Worker`](crate::Worker) on the same store
/// drives them, and a [`DeliveryWorker`](crate::DeliveryWorker) with a [`ResultSink`] takes results
/// to the sessions that wait for them.
///
/// ```
/// use std::sync::Arc;
/// use livos_core::{AgentDefinition, MemoryStore, SubagentManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), livos_core::SubagentError> {
/// let manager = SubagentManager::new(Arc::new(MemoryStore::new()));
/// let reviewer = AgentDefinition::new("reviewer", "Reviews changes.", "You review code. Be brief.");
/// manager.define(reviewer, None).await?;
/// assert_eq!(manager.agents().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SubagentManager {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: Arc<SubagentLimits>,
    /// Who is asked for the models of agents, if that is known.
    models: Option<Arc<dyn AIProvider>>,
}

impl SubagentManager {
    /// A manager over a store, with the default limits.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let limits = Arc::new(SubagentLimits::default());
        Self { store, clock: Arc::new(SystemClock), limits, models: None }
    }

    /// The same for agents that ask this provider: one with a model that it does not have is refused.
    #[must_use]
    pub fn with_models(mut self, provider: Arc<dyn AIProvider>) -> Self {
        self.models = Some(provider);
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: SubagentLimits) -> Self {
        self.limits = Arc::new(limits);
        self
    }

    fn check_model(&self, model: Option<&ModelName>) -> Result<(), SubagentError> {
        match (&self.models, model) {
            (Some(models), Some(model)) if !models.has_model(model) => {
                let fix = "write provider/model, or fast, balanced or best";
                Err(SubagentError::invalid("model", format!("nobody has '{model}'; {fix}")))
            }
            _ => Ok(()),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What sub-agents may spend.
    pub fn limits(&self) -> &SubagentLimits {
        &self.limits
    }
}
