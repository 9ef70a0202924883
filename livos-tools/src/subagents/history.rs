//! `sessions_history`: what an agent said.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Role;
use livos_core::SubagentManager;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::told;

/// How many messages are shown unless the model says otherwise.
const USUAL: usize = 20;
/// How many are shown at most.
const MOST: usize = 100;

/// Shows the messages of an agent that this conversation started.
#[derive(Debug, Clone)]
pub(super) struct SessionsHistory {
    manager: SubagentManager,
}

/// The arguments of `sessions_history`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsHistoryArgs {
    /// The agent's session, as `sessions_create` or `sessions_list` gave it.
    session_id: String,
    /// How many of the newest messages, at most 100. Default: 20.
    limit: Option<usize>,
}

impl SessionsHistory {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }
}

impl Tool for SessionsHistory {
    type Args = SessionsHistoryArgs;

    fn name(&self) -> &str {
        "sessions_history"
    }

    fn description(&self) -> &str {
        "Shows the newest messages of an agent that was started from this conversation."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: SessionsHistoryArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let child = told::session_id(&args.session_id)?;
        let limit = args.limit.unwrap_or(USUAL).clamp(1, MOST);
        let said = self
            .manager
            .history(context, child, limit)
            .await
            .map_err(|error| told::failed(&error))?;
        let lines: Vec<String> = said
            .iter()
            .map(|said| {
                let by = match said.role {
                    Role::Assistant => "agent",
                    _ => "you",
                };
                let cut = match said.cut {
                    0 => String::new(),
                    bytes => format!(" [{bytes} more bytes]"),
                };
                format!("{by}: {}{cut}", said.text)
            })
            .collect();
        Ok(lines.join("\n\n").into())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
