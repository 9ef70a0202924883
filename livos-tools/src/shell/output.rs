//! `shell_output`: what commands in the background print.

use std::fmt::Write;
use std::time::Duration;

use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ShellSessions;

/// Lists and reads commands in the background.
#[derive(Debug, Clone)]
pub struct ShellOutput {
    sessions: ShellSessions,
}

/// The arguments of `shell_output`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellOutputArgs {
    /// The number of the command. Default: none, then all are listed.
    id: Option<u32>,
    /// From which byte to read; the answer before says it. Default: 0.
    cursor: Option<u64>,
    /// How many seconds to wait for something new. Default: 0, maximum: 50.
    wait_seconds: Option<u64>,
}

impl ShellOutput {
    /// How many bytes of text one call brings.
    const MAX_TEXT: usize = 28 * 1024;
    /// The longest wait, in seconds; below the deadline of a call.
    const MAX_WAIT: u64 = 50;

    /// Reads what was started by the shell of the same sessions.
    pub fn new(sessions: ShellSessions) -> Self {
        Self { sessions }
    }

    fn list(&self, context: &ToolContext) -> ToolOutput {
        let mut text = String::new();
        for (number, process) in self.sessions.list(context.session_id()) {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{number}  {}, {} bytes printed: {}",
                process.state(),
                process.printed(),
                process.command
            );
        }
        if text.is_empty() {
            text.push_str("[no command of this session is in the background]");
        }
        ToolOutput::text(text)
    }
}

impl Tool for ShellOutput {
    type Args = ShellOutputArgs;

    fn name(&self) -> &str {
        "shell_output"
    }

    fn description(&self) -> &str {
        include_str!("output.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: ShellOutputArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let Some(id) = args.id else { return Ok(self.list(context)) };
        let process = self.sessions.find(context.session_id(), id)?;
        let cursor = args.cursor.unwrap_or(0);
        let wait = args.wait_seconds.unwrap_or(0).min(Self::MAX_WAIT);
        tokio::select! {
            () = process.until_news(cursor, Duration::from_secs(wait)) => {}
            () = context.cancelled() => {}
        }
        // The state first: what is printed later belongs to a state that is told later.
        let state = process.state();
        let part = process.part(cursor, Self::MAX_TEXT);
        let mut text = String::new();
        if part.lost > 0 {
            let _ = writeln!(
                text,
                "[{} bytes before this are no longer kept here; the file in .livos/output of the \
                 call that started it has them]",
                part.lost
            );
        }
        text.push_str(&String::from_utf8_lossy(&part.bytes));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let more = if part.is_last { "" } else { "; there is more" };
        let _ = write!(text, "[{state}; cursor={}{more}]", part.next);
        let output = ToolOutput::text(text);
        Ok(if part.is_last { output } else { output.truncated() })
    }
}
