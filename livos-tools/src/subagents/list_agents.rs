//! `agent_list`: the agents that have a name.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::SubagentManager;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::told;

/// Lists the named agents.
#[derive(Debug, Clone)]
pub(super) struct AgentList {
    manager: SubagentManager,
}

/// The arguments of `agent_list`: none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentListArgs {}

impl AgentList {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }
}

impl Tool for AgentList {
    type Args = AgentListArgs;

    fn name(&self) -> &str {
        "agent_list"
    }

    fn description(&self) -> &str {
        "Lists the agents that are kept under a name, with what each is good for."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, _: AgentListArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let agents = self.manager.agents().await.map_err(|error| told::failed(&error))?;
        if agents.is_empty() {
            return Ok("No agents are kept under a name.".into());
        }
        let lines = agents.iter().map(|(agent, _)| format!("{}: {}", agent.id, agent.description));
        Ok(lines.collect::<Vec<_>>().join("\n").into())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
