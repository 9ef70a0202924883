//! `shell_kill`: ends a command in the background.

use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ShellSessions;

/// Ends a command in the background, with all it started.
#[derive(Debug, Clone)]
pub struct ShellKill {
    sessions: ShellSessions,
}

/// The arguments of `shell_kill`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellKillArgs {
    /// The number of the command.
    id: u32,
}

impl ShellKill {
    /// Ends what was started by the shell of the same sessions.
    pub fn new(sessions: ShellSessions) -> Self {
        Self { sessions }
    }
}

impl Tool for ShellKill {
    type Args = ShellKillArgs;

    fn name(&self) -> &str {
        "shell_kill"
    }

    fn description(&self) -> &str {
        include_str!("kill.md")
    }

    fn effect(&self) -> Effect {
        // It reaches only what the session itself started, and killing twice is killing once.
        Effect::Idempotent
    }

    async fn call(
        &self,
        args: ShellKillArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let process = self.sessions.find(context.session_id(), args.id)?;
        if !process.is_running() {
            let text = format!("[it had ended already: {}]", process.state());
            return Ok(ToolOutput::text(text));
        }
        process.ask_to_stop();
        process.until_ended().await;
        Ok(ToolOutput::text(format!("[{}]", process.state())))
    }
}
