//! What a run is instead of the agent everybody gets.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::budget::Budget;
use crate::id::AgentName;
use crate::id::RunId;
use crate::id::ToolName;
use crate::message::MicroUsd;
use crate::tool::Right;
use crate::tool::ToolRegistry;

/// What a run is instead of the agent everybody gets: other instructions, fewer tools, fewer rights.
///
/// It is part of the run's `run_admitted` entry, so that whoever drives the run, after a crash too,
/// drives the same agent. It can only narrow: tools that the process does not have are not added by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentProfile {
    /// The named agent it is, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Its standing instructions instead of the usual ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Arc<str>>,
    /// The only tools it may use, of those there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Arc<[ToolName]>>,
    /// Whether it may start other agents.
    pub spawning: Spawning,
    /// What it is there for.
    #[serde(skip_serializing_if = "Duty::is_usual")]
    pub duty: Duty,
    /// Whose budget it spends, besides its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draws_on: Option<SharedBudget>,
}

/// The budget of a run that asked for others: they all spend it, and none of them more than is left.
///
/// How much is left is read from the records of the runs, so that it holds over restarts and on
/// whichever server each of them is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedBudget {
    /// The run whose budget it is.
    pub run_id: RunId,
    /// Its tokens.
    pub tokens: u64,
    /// Its money, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MicroUsd>,
}

impl SharedBudget {
    /// The part of it that a meter counts: a run's turns and time are its own.
    pub(crate) fn limit(self) -> Budget {
        Budget { turns: u32::MAX, tokens: self.tokens, wall_clock: Duration::MAX, cost: self.cost }
    }
}

impl AgentProfile {
    /// The tools that such a run sees of those there are.
    pub(crate) fn narrow(&self, tools: &ToolRegistry) -> ToolRegistry {
        let tools = match &self.tools {
            Some(names) => tools.scoped(names.iter().cloned()),
            None => tools.clone(),
        };
        match self.spawning {
            Spawning::Allowed => tools,
            Spawning::Denied => tools.without(Right::Spawn),
        }
    }
}

/// What a run is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Duty {
    /// To do what it is asked, in the conversation that it belongs to.
    #[default]
    Assist,
    /// To find in what a user said what is worth remembering: it sees nothing of its session but its own input,
    /// and its answer is held to a schema.
    ExtractMemories,
}

impl Duty {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a run may start other agents (MULTI-06): a right that it has or lacks, whatever its tools are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spawning {
    /// It may.
    Allowed,
    /// It may not: it was started by another itself.
    #[default]
    Denied,
}
