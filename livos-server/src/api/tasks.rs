//! Tasks: work in the background. Start, list, look at, stop.

use hyper::StatusCode;
use livos_core::Budget;
use livos_core::IdempotencyKey;
use livos_core::MicroUsd;
use livos_core::NewTask;
use livos_core::Priority;
use livos_core::RunId;
use livos_core::RunRecord;
use livos_core::TaskError;
use livos_core::TaskFilter;
use livos_core::TaskManager;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::messages::origin;
use super::page;
use super::page::List;
use super::runs;
use super::runs::Run;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// How many tasks one request may bring.
const MAX_TASKS: usize = 256;

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
    /// Its run.
    #[serde(flatten)]
    run: Run,
    /// The tools it is calling now.
    calling: Vec<String>,
    /// What it said last, on its way.
    said: Option<String>,
}

async fn manager(call: &Call) -> TaskManager {
    call.app.engine().await.tasks.clone()
}

pub(super) async fn start(call: Call) -> Answer {
    let (app, manager) = (call.app.clone(), manager(&call).await);
    let origin = origin(call.caller);
    let body: NewTasks = call.json().await?;
    if body.tasks.is_empty() || body.tasks.len() > MAX_TASKS {
        return Err(Problem::invalid_field("tasks", format!("must be 1 to {MAX_TASKS}")));
    }
    let engine = app.engine().await;
    let profile = match body.agent {
        None => None,
        Some(name) => {
            let found = engine.agents.agent(&name.as_str().into()).await?;
            let unknown = || Problem::invalid_field("agent", format!("there is no agent '{name}'"));
            Some(found.ok_or_else(unknown)?.0)
        }
    };
    let limits =
        body.max_tokens.is_some() || body.max_cost_micro_usd.is_some() || body.max_turns.is_some();
    let shared = Budget {
        turns: body.max_turns.unwrap_or(engine.usual_budget.turns),
        tokens: body.max_tokens.unwrap_or(engine.usual_budget.tokens),
        cost: body.max_cost_micro_usd.map(MicroUsd).or(engine.usual_budget.cost),
        ..engine.usual_budget
    };
    let tasks = body.tasks.into_iter().enumerate().map(|(number, text)| {
        let mut task = NewTask::new(text).with_origin(origin.clone()).with_priority(body.priority);
        let named = profile.as_ref().and_then(|agent| agent.model.clone());
        task.model = body.model.as_deref().map(Into::into).or(named);
        task.profile = profile.as_ref().map(livos_core::AgentDefinition::profile);
        let key = body.idempotency_key.as_deref();
        task.key = key.map(|key| IdempotencyKey::new("api:tasks", format!("{key}:{number}")));
        task
    });
    let started = match limits {
        true => manager.start_all(tasks.collect(), shared).await?,
        false => {
            let mut started = Vec::new();
            for task in tasks {
                started.push(manager.start(task).await?);
            }
            started
        }
    };
    let tasks = started
        .iter()
        .map(|task| StartedTask { id: task.id, session_id: task.session_id.to_string() });
    Reply::json(StatusCode::ACCEPTED, &Started { tasks: tasks.collect() })
}

pub(super) fn describe_start(operation: Operation) -> Operation {
    operation
        .named("start_tasks", "Have something done in the background.")
        .body::<NewTasks>()
        .answers::<Started>(202, "They are safe and will be done.")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn list(call: Call) -> Answer {
    let manager = manager(&call).await;
    let mut query = call.query();
    let filter = TaskFilter {
        state: runs::state(&mut query),
        user: query.text("user").map(Into::into),
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = manager.tasks(filter, limit).await?;
    let last = page.items.last().map(|run| run.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Run::from).collect(), next_cursor })
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let operation = operation
        .named("list_tasks", "List the tasks, newest first.")
        .query("status", &runs::states(), "Only those that stand here.")
        .query("user", &serde_json::json!({"type": "string"}), "Only those of this user.");
    page::describe_paging(operation).answers::<List<Run>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    let (id, manager): (RunId, _) = (call.id("task")?, manager(&call).await);
    let run = manager.task(id).await?;
    Reply::ok(&task(&manager, run).await?)
}

async fn task(manager: &TaskManager, run: RunRecord) -> Result<Task, Problem> {
    let progress = manager.progress(run.id).await?;
    let calling = progress.calling.iter().map(ToString::to_string).collect();
    Ok(Task { run: Run::from(run), calling, said: progress.said })
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
            TaskError::Invalid { field, .. } => Self::invalid_field(field, error.to_string()),
            TaskError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}
