//! `agent_create`: keeps an agent under a name.

use livos_core::AgentDefinition;
use livos_core::AgentName;
use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Right;
use livos_core::SubagentManager;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use livos_core::Trust;
use schemars::JsonSchema;
use serde::Deserialize;

use super::told;

/// Defines a named agent.
#[derive(Debug, Clone)]
pub(super) struct AgentCreate {
    manager: SubagentManager,
}

/// The arguments of `agent_create`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentCreateArgs {
    /// Its name: small letters, digits and '-', beginning with a letter.
    id: String,
    /// What it is good for, in a sentence: by this it is chosen later.
    description: String,
    /// Its standing instructions.
    instructions: String,
    /// The only tools it may use. Default: all.
    tools: Option<Vec<String>>,
    /// The model it asks. Default: that of whoever starts it.
    model: Option<String>,
}

impl AgentCreate {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }
}

impl Tool for AgentCreate {
    type Args = AgentCreateArgs;

    fn name(&self) -> &str {
        "agent_create"
    }

    fn description(&self) -> &str {
        "Keeps an agent under a name, for tasks that come again: `sessions_create` starts it by that \
         name. Ask the user before you create one."
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.requiring(Right::Spawn).with_disclosure(Disclosure::WhenFound)
    }

    async fn call(
        &self,
        args: AgentCreateArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        if context.origin().trust < Trust::Paired {
            return Err(ToolError::model("agents are kept only for people that the owner let in"));
        }
        let id = AgentName::from(args.id);
        let mut agent = AgentDefinition::new(id.clone(), args.description, args.instructions);
        if let Some(tools) = args.tools {
            if let Some(unknown) = tools.iter().find(|tool| context.tools().spec(tool).is_none()) {
                return Err(ToolError::model(format!("tools: there is no tool '{unknown}'")));
            }
            agent = agent.with_tools(tools);
        }
        agent.model = args.model.map(Into::into);
        self.manager.define(agent, None).await.map_err(|error| told::failed(&error))?;
        Ok(format!("The agent '{id}' is kept.").into())
    }
}
