//! `sessions_list`: the agents that this conversation started.

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

/// Lists the agents that this conversation started.
#[derive(Debug, Clone)]
pub(super) struct SessionsList {
    manager: SubagentManager,
}

/// The arguments of `sessions_list`: none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsListArgs {}

impl SessionsList {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }
}

impl Tool for SessionsList {
    type Args = SessionsListArgs;

    fn name(&self) -> &str {
        "sessions_list"
    }

    fn description(&self) -> &str {
        "Lists the agents that were started from this conversation, with their sessions, tasks and states."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        _: SessionsListArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let children = self
            .manager
            .children(context.session_id())
            .await
            .map_err(|error| told::failed(&error))?;
        if children.is_empty() {
            return Ok("No agents were started from this conversation.".into());
        }
        let lines: Vec<String> = children
            .iter()
            .map(|child| {
                let agent = child.agent.as_ref().map(|agent| format!(" ({agent})"));
                format!(
                    "{}{} {}: {}",
                    child.session_id,
                    agent.unwrap_or_default(),
                    told::state(child.state),
                    child.title.as_deref().unwrap_or("(no title)")
                )
            })
            .collect();
        Ok(lines.join("\n").into())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
