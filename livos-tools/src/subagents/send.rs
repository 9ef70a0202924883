//! `sessions_send`: tells an agent something more.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Right;
use livos_core::SubagentManager;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::told;

/// Sends a message to an agent that this conversation started.
#[derive(Debug, Clone)]
pub(super) struct SessionsSend {
    manager: SubagentManager,
}

/// The arguments of `sessions_send`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsSendArgs {
    /// The agent's session, as `sessions_create` or `sessions_list` gave it.
    session_id: String,
    /// What to tell it.
    message: String,
}

impl SessionsSend {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }
}

impl Tool for SessionsSend {
    type Args = SessionsSendArgs;

    fn name(&self) -> &str {
        "sessions_send"
    }

    fn description(&self) -> &str {
        "Sends a message to an agent that was started from this conversation: a correction while it \
         works, or more work when it is done. Its answer comes as a message; go on meanwhile."
    }

    fn effect(&self) -> Effect {
        // The same call made again is the same message.
        Effect::Idempotent
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.requiring(Right::Spawn).with_disclosure(Disclosure::WhenFound)
    }

    async fn call(
        &self,
        args: SessionsSendArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let child = told::session_id(&args.session_id)?;
        self.manager
            .send(context, child, args.message)
            .await
            .map_err(|error| told::failed(&error))?;
        Ok("Sent. The answer comes as a message; go on meanwhile.".into())
    }
}
