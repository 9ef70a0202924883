//! Tasks: work in the background. Start, list, look at, stop.

mod listed;

use std::sync::Arc;

use hyper::StatusCode;
use livos_core::AgentDefinition;
use livos_core::Budget;
use livos_core::IdempotencyKey;
use livos_core::MicroUsd;
use livos_core::ModelName;
use livos_core::NewTask;
use livos_core::Priority;
use livos_core::RunId;
use livos_core::SubagentManager;
use livos_core::TaskError;
use livos_core::TaskFilter;
use livos_core::TaskManager;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use self::listed::ListedTask;
use self::listed::Listing;
use super::messages;
use super::messages::origin;
use super::page;
use super::page::List;
use super::runs;
use super::runs::Run;
use super::sessions::Checked;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// How many tasks one request may bring.
const MAX_TASKS: usize = 256;
/// The source of the keys of requests.
const KEY_SOURCE: &str = "api:tasks";

/// Work to be done in the background.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTasks {
    /// What is to be done, each by a run in a session of its own.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1), regex(pattern = "\\S")))]
    tasks: Vec<String>,
    /// How urgent they are.
    #[serde(default)]
    priority: Priority,
    /// The model to ask, as `provider/model` or a tier.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
    /// The named agent that does them.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9-]*$"))]
    agent: Option<String>,
    /// What they may spend together, in tokens; each gets an equal part.
    #[schemars(range(min = 1))]
    max_tokens: Option<u64>,
    /// What they may cost together, in millionths of a US dollar.
    max_cost_micro_usd: Option<u64>,
    /// How many model calls each may make.
    #[schemars(range(min = 1))]
    max_turns: Option<u32>,
    /// The same key again gets the same tasks and no others.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[ -~]+$"))]
    idempotency_key: Option<String>,
}

/// Tasks that were taken in.
#[derive(Debug, Serialize, JsonSchema)]
struct Started {
    /// In the order of the request.
    tasks: Vec<StartedTask>,
}

/// A task that was taken in.
#[derive(Debug, Serialize, JsonSchema)]
struct StartedTask {
    /// Its id: that of its run.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: RunId,
    /// Its session.
    session_id: String,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Task {
    /// As it is listed.
    #[serde(flatten)]
    task: ListedTask,
    /// The tools it is calling now.
    calling: Vec<String>,
    /// What it said last, on its way.
    said: Option<String>,
}

async fn manager(call: &Call) -> TaskManager {
    call.app.engine().await.tasks.clone()
}

pub(super) async fn start(call: Call) -> Answer {
    let (app, origin) = (Arc::clone(&call.app), origin(call.caller));
    let body = check(call.json().await?)?;
    let engine = app.engine().await;
    if let Some(model) = &body.model {
        let known = engine.providers.check_model(&model.as_str().into());
        known.map_err(|message| Problem::invalid_field("model", message))?;
    }
    let agent = named(&engine.agents, body.agent.as_deref()).await?;
    let shared = shared_budget(&body, engine.usual_budget);
    let named_model = agent.as_ref().and_then(|agent| agent.model.clone());
    let model = body.model.map(ModelName::from).or(named_model);
    let key = body.idempotency_key.as_deref();
    let texts = app.redactor.cleaned(body.tasks).into_iter().enumerate();
    let tasks = texts.map(|(number, text)| {
        let mut task = NewTask::new(text).with_origin(origin.clone()).with_priority(body.priority);
        task.model.clone_from(&model);
        task.profile = agent.as_ref().map(AgentDefinition::profile);
        task.key = key.map(|key| IdempotencyKey::new(KEY_SOURCE, format!("{key}:{number}")));
        task
    });
    let started = engine.tasks.start_all(tasks.collect(), shared).await?;
    let tasks = started
        .iter()
        .map(|task| StartedTask { id: task.id, session_id: task.session_id.to_string() });
    Reply::json(StatusCode::ACCEPTED, &Started { tasks: tasks.collect() })
}

/// What can be told without looking anywhere. Nothing is taken in unless all of it fits.
fn check(body: NewTasks) -> Result<NewTasks, Problem> {
    let mut checked = Checked::default();
    if body.tasks.is_empty() || body.tasks.len() > MAX_TASKS {
        checked.fault("tasks", format!("must be 1 to {MAX_TASKS}"));
    }
    for (number, text) in body.tasks.iter().enumerate() {
        if text.trim().is_empty() {
            checked.fault(&format!("tasks[{number}]"), "must not be empty");
        }
    }
    if body.idempotency_key.as_deref().is_some_and(|key| !messages::is_key(key)) {
        checked.fault("idempotency_key", "must have 1 to 200 printable ASCII characters");
    }
    checked.model("model", body.model.clone());
    checked.finish()?;
    Ok(body)
}

async fn named(
    agents: &SubagentManager,
    name: Option<&str>,
) -> Result<Option<AgentDefinition>, Problem> {
    let Some(name) = name else { return Ok(None) };
    match agents.agent(&name.into()).await? {
        Some((agent, _)) => Ok(Some(agent)),
        None => Err(Problem::invalid_field("agent", format!("there is no agent '{name}'"))),
    }
}

/// What the tasks may spend together, if the request limits that.
fn shared_budget(body: &NewTasks, usual: Budget) -> Option<Budget> {
    let is_limited =
        body.max_tokens.is_some() || body.max_cost_micro_usd.is_some() || body.max_turns.is_some();
    is_limited.then(|| Budget {
        turns: body.max_turns.unwrap_or(usual.turns),
        tokens: body.max_tokens.unwrap_or(usual.tokens),
        cost: body.max_cost_micro_usd.map(MicroUsd).or(usual.cost),
        ..usual
    })
}

pub(super) fn describe_start(operation: Operation) -> Operation {
    operation
        .named("start_tasks", "Have something done in the background.")
        .body::<NewTasks>()
        .answers::<Started>(202, "They are safe and will be done.")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn list(call: Call) -> Answer {
    let engine = call.app.engine().await;
    let mut query = call.query();
    let filter = TaskFilter {
        state: runs::state(&mut query),
        user: query.text("user").map(Into::into),
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = engine.tasks.tasks(filter, limit).await?;
    let last = page.items.last().map(|run| run.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    let mut listing = Listing::new(&call.app, engine);
    let mut items = Vec::with_capacity(page.items.len());
    for run in page.items {
        items.push(listing.task(run).await?);
    }
    Reply::ok(&List { items, next_cursor })
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let operation = operation
        .named("list_tasks", "List the tasks, newest first.")
        .query("status", &runs::states(), "Only those that stand here.")
        .query("user", &serde_json::json!({"type": "string"}), "Only those of this user.");
    page::describe_paging(operation).answers::<List<ListedTask>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    let (id, engine): (RunId, _) = (call.id("task")?, call.app.engine().await);
    let run = engine.tasks.task(id).await?;
    let progress = engine.tasks.progress(run.id).await?;
    let calling = progress.calling.iter().map(ToString::to_string).collect();
    let task = Listing::new(&call.app, engine).task(run).await?;
    Reply::ok(&Task { task, calling, said: progress.said })
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_task", "One task, and how far it is.").answers::<Task>(200, "It.")
}

pub(super) async fn cancel(call: Call) -> Answer {
    let id: RunId = call.id("task")?;
    manager(&call).await.task(id).await?;
    runs::cancel(call).await
}

pub(super) fn describe_cancel(operation: Operation) -> Operation {
    operation
        .named("cancel_task", "Stop a task, with everything it started.")
        .answers::<Run>(200, "As it is now.")
        .problem(ProblemKind::StorageFailed)
}

impl From<TaskError> for Problem {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Invalid { field, problem } => {
                let field = match field {
                    "task" => "tasks",
                    "budget.turns" => "max_turns",
                    "budget.tokens" => "max_tokens",
                    "budget.cost" => "max_cost_micro_usd",
                    other => other,
                };
                Self::invalid_field(field, problem)
            }
            TaskError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}
