//! `sessions_create`: starts an agent and waits for it, or goes on.

use std::time::Duration;

use livos_core::Effect;
use livos_core::Reporting;
use livos_core::Right;
use livos_core::Spawned;
use livos_core::SubagentManager;
use livos_core::SubagentTask;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::told;

/// How long a call may take: the agent's own time, and its turn in the queue.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How long before the run's own time is up the agent is told to stop.
const MARGIN: Duration = Duration::from_secs(2);

/// Starts an agent.
#[derive(Debug, Clone)]
pub(super) struct SessionsCreate {
    manager: SubagentManager,
}

/// The arguments of `sessions_create`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsCreateArgs {
    /// What the agent shall do, with everything it must know: it sees nothing of this conversation.
    task: String,
    /// The named agent that shall do it, as `agent_list` shows them. Default: one like you.
    agent: Option<String>,
    /// Instructions for the agent, if it has no name. Default: yours.
    instructions: Option<String>,
    /// The only tools it may use. Default: all that you have but those that start agents.
    tools: Option<Vec<String>>,
    /// The model it asks. Default: yours.
    model: Option<String>,
    /// `wait` gives you the result of this call; `later` lets you go on, and the result comes as a message.
    #[serde(default)]
    result: ResultMode,
}

/// When the result is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ResultMode {
    #[default]
    Wait,
    Later,
}

impl SessionsCreate {
    pub(super) fn new(manager: SubagentManager) -> Self {
        Self { manager }
    }

    /// Waits for the agent, and stops it when nobody can wait any longer.
    async fn wait_for(
        &self,
        child: &Spawned,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let patience = context.time_left().unwrap_or(TIMEOUT).min(TIMEOUT).saturating_sub(MARGIN);
        match tokio::time::timeout(patience, self.manager.wait_for(context, child)).await {
            Ok(Ok(outcome)) => {
                let output = ToolOutput::text(told::outcome(&outcome));
                Ok(output.spending(outcome.spent()))
            }
            Ok(Err(error)) => Err(told::failed(&error)),
            Err(_) => {
                self.manager.cancel(child.run_id).await.map_err(|error| told::failed(&error))?;
                Err(ToolError::model("the agent took too long and was stopped"))
            }
        }
    }
}

impl Tool for SessionsCreate {
    type Args = SessionsCreateArgs;

    fn name(&self) -> &str {
        "sessions_create"
    }

    fn description(&self) -> &str {
        include_str!("create.md")
    }

    fn effect(&self) -> Effect {
        // The same call made again finds the agent that it started.
        Effect::Idempotent
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(TIMEOUT).concurrency_safe().requiring(Right::Spawn)
    }

    async fn call(
        &self,
        args: SessionsCreateArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let mut task = SubagentTask::new(args.task).reporting(match args.result {
            ResultMode::Wait => Reporting::ToCaller,
            ResultMode::Later => Reporting::ToSession,
        });
        task.agent = args.agent.map(Into::into);
        task.instructions = args.instructions;
        task.tools = args.tools.map(|tools| tools.into_iter().map(Into::into).collect());
        task.model = args.model.map(Into::into);
        let spawned =
            self.manager.spawn(context, task).await.map_err(|error| told::failed(&error))?;
        match args.result {
            ResultMode::Wait => self.wait_for(&spawned, context).await,
            ResultMode::Later => Ok(format!(
                "The agent works in session {}. Its result comes as a message; go on meanwhile.",
                spawned.session_id
            )
            .into()),
        }
    }
}
