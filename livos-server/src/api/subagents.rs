//! Named agents: keep, list, change, forget, and have something done by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use livos_core::AgentDefinition;
use livos_core::AgentName;
use livos_core::AgentVersion;
use livos_core::Budget;
use livos_core::MicroUsd;
use livos_core::ModelName;
use livos_core::SubagentError;
use livos_core::SubagentManager;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::page::List;
use super::sessions::Checked;
use crate::app::App;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// An agent that is kept under a name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgent {
    /// What it is called by.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9-]*$"))]
    id: String,
    /// What it is good for.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "\\S"))]
    description: String,
    /// Its standing instructions.
    #[schemars(length(min = 1, max = 32_768), regex(pattern = "\\S"))]
    instructions: String,
    /// The only tools it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tools: Option<BTreeSet<String>>,
    /// The model it asks, as `provider/model` or a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
    /// What one of its runs may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<AgentBudget>,
}

/// What a run may spend.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AgentBudget {
    /// Model calls.
    #[schemars(range(min = 1, max = 8))]
    turns: u32,
    /// Tokens.
    #[schemars(range(min = 1, max = 50_000))]
    tokens: u64,
    /// Seconds from start to end.
    #[schemars(range(min = 1, max = 120))]
    seconds: u64,
    /// Money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_micro_usd: Option<u64>,
}

/// A named agent, as it is kept.
#[derive(Debug, Serialize, JsonSchema)]
struct Agent {
    #[serde(flatten)]
    agent: NewAgent,
    /// 1, and one more for each change.
    version: u64,
}

/// A change of a named agent; what is absent stays, and what is null is taken back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and nothing differ")]
pub(super) struct AgentChange {
    /// What it is good for.
    description: Option<String>,
    /// Its standing instructions.
    instructions: Option<String>,
    /// The only tools it may use; null for all of whoever starts it.
    #[serde(default, deserialize_with = "super::change::null_or_given")]
    #[schemars(with = "Option<BTreeSet<String>>")]
    tools: Option<Option<BTreeSet<String>>>,
    /// The model it asks; null for that of whoever starts it.
    #[serde(default, deserialize_with = "super::change::null_or_given")]
    #[schemars(with = "Option<String>")]
    model: Option<Option<String>>,
    /// What one of its runs may spend; null for what every agent may.
    #[serde(default, deserialize_with = "super::change::null_or_given")]
    #[schemars(with = "Option<AgentBudget>")]
    budget: Option<Option<AgentBudget>>,
}

impl From<(AgentDefinition, AgentVersion)> for Agent {
    fn from((agent, version): (AgentDefinition, AgentVersion)) -> Self {
        let tools = agent.tools.map(|tools| tools.iter().map(ToString::to_string).collect());
        let budget = agent.budget.map(|budget| AgentBudget {
            turns: budget.turns,
            tokens: budget.tokens,
            seconds: budget.wall_clock.as_secs(),
            cost_micro_usd: budget.cost.map(|cost| cost.0),
        });
        let model = agent.model.map(|model| model.to_string());
        let (id, description, instructions) =
            (agent.id.to_string(), agent.description, agent.instructions);
        let agent = NewAgent { id, description, instructions, tools, model, budget };
        Self { agent, version: version.0 }
    }
}

impl AgentBudget {
    fn read(self) -> Budget {
        let budget = Budget::subagent()
            .with_turns(self.turns)
            .with_tokens(self.tokens)
            .with_wall_clock(Duration::from_secs(self.seconds));
        self.cost_micro_usd.map_or(budget, |cost| budget.with_cost(MicroUsd(cost)))
    }
}

async fn manager(call: &Call) -> SubagentManager {
    call.app.engine().await.agents.clone()
}

/// Fails unless every tool is there.
async fn check_tools(app: &App, agent: &AgentDefinition) -> Result<(), Problem> {
    let known = app.engine().await.tools.specs();
    let wanted = agent.tools.iter().flatten();
    match wanted.into_iter().find(|tool| !known.iter().any(|spec| spec.name == **tool)) {
        None => Ok(()),
        Some(tool) => Err(Problem::invalid_field("tools", format!("there is no tool '{tool}'"))),
    }
}

fn checked_model(model: Option<String>) -> Result<Option<ModelName>, Problem> {
    let mut checked = Checked::default();
    let model = checked.model("model", model);
    checked.finish()?;
    Ok(model)
}

fn name(call: &Call) -> AgentName {
    call.segment("id").into()
}

async fn find(
    manager: &SubagentManager,
    name: &AgentName,
) -> Result<(AgentDefinition, AgentVersion), Problem> {
    manager.agent(name).await?.ok_or_else(|| Problem::not_found("agent", name))
}

pub(super) async fn create(call: Call) -> Answer {
    let (app, manager) = (Arc::clone(&call.app), manager(&call).await);
    let body: NewAgent = call.json().await?;
    let mut agent = AgentDefinition::new(body.id, body.description, body.instructions);
    agent.tools = body.tools.map(|tools| tools.into_iter().map(Into::into).collect());
    agent.model = checked_model(body.model)?;
    agent.budget = body.budget.map(AgentBudget::read);
    let agent = app.redactor.cleaned(agent);
    check_tools(&app, &agent).await?;
    let version = manager.define(agent.clone(), None).await?;
    Reply::json(StatusCode::CREATED, &Agent::from((agent, version)))
}

pub(super) fn describe_create(operation: Operation) -> Operation {
    operation
        .named("create_agent", "Keep an agent under a name.")
        .body::<NewAgent>()
        .answers::<Agent>(201, "It is kept.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn list(call: Call) -> Answer {
    let agents = manager(&call).await.agents().await?;
    Reply::ok(&List { items: agents.into_iter().map(Agent::from).collect(), next_cursor: None })
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    operation
        .named("list_agents", "List the agents that are kept under a name.")
        .answers::<List<Agent>>(200, "All of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    Reply::ok(&Agent::from(find(&manager(&call).await, &name(&call)).await?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_agent", "One agent.").answers::<Agent>(200, "It.")
}

pub(super) async fn change(call: Call) -> Answer {
    let (app, name, manager) = (Arc::clone(&call.app), name(&call), manager(&call).await);
    let change: AgentChange = call.json().await?;
    let (mut agent, version) = find(&manager, &name).await?;
    agent.description = change.description.unwrap_or(agent.description);
    agent.instructions = change.instructions.unwrap_or(agent.instructions);
    if let Some(tools) = change.tools {
        agent.tools = tools.map(|tools| tools.into_iter().map(Into::into).collect());
    }
    if let Some(model) = change.model {
        agent.model = checked_model(model)?;
    }
    if let Some(budget) = change.budget {
        agent.budget = budget.map(AgentBudget::read);
    }
    let agent = app.redactor.cleaned(agent);
    check_tools(&app, &agent).await?;
    let version = manager.define(agent.clone(), Some(version)).await?;
    Reply::ok(&Agent::from((agent, version)))
}

pub(super) fn describe_change(operation: Operation) -> Operation {
    operation
        .named("change_agent", "Change an agent; its runs under way stay what they were.")
        .body::<AgentChange>()
        .answers::<Agent>(200, "As it is now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    let name = name(&call);
    match manager(&call).await.remove_agent(&name).await? {
        true => Ok(Reply::no_content()),
        false => Err(Problem::not_found("agent", &name)),
    }
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named(
            "delete_agent",
            "Forget an agent, with the schedules that it does; what it did stays.",
        )
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::StorageFailed)
}

impl From<SubagentError> for Problem {
    fn from(error: SubagentError) -> Self {
        match error {
            SubagentError::Store(error) => error.into(),
            SubagentError::Invalid { field, problem } => Self::invalid_field(field, problem),
            SubagentError::OverBudget { field, asked, limit } => Self::invalid_field(
                format!("budget.{field}"),
                format!("{asked} is more than the {limit} there are to give"),
            ),
            SubagentError::UnknownTool { .. } => Self::invalid_field("tools", error.to_string()),
            SubagentError::Taken(_) => Self::new(ProblemKind::Conflict, error.to_string()),
            SubagentError::UnknownAgent(_) => Self::invalid_field("agent", error.to_string()),
            error => Self::internal(&error),
        }
    }
}
