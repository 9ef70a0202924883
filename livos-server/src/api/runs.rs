//! Runs: list, look at, cancel.

use std::time::Duration;

use hyper::StatusCode;
use livos_core::AtEnd;
use livos_core::RunError;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunRecord;
use livos_core::RunState;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::page;
use super::page::List;
use crate::app::App;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::openapi::any_object;
use crate::runs::Runs;

/// How long a cancel waits for the run to have stopped before it answers.
const CANCEL_PATIENCE: Duration = Duration::from_millis(900);
/// Where a run can stand, as the API writes it.
const STATES: [(&str, RunState); 7] = [
    ("queued", RunState::Queued),
    ("running", RunState::Running),
    ("waiting", RunState::Waiting),
    ("completed", RunState::Completed),
    ("failed", RunState::Failed),
    ("cancelled", RunState::Cancelled),
    ("exhausted", RunState::Exhausted),
];

/// One trigger's work in a session.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Run {
    /// Its id.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: RunId,
    /// Its session.
    session_id: String,
    /// Where it stands: `queued`, `running`, `waiting` (for a person), `completed`, `failed`, `cancelled` or `exhausted`.
    status: &'static str,
    /// What it waits for before it begins or goes on, besides its turn: a person's answer, a free place,
    /// `memory: …` or `processors: …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits_for: Option<String>,
    /// What admitted it: `message`, `api`, `schedule`, `webhook`, `subagent`, `task` or `memory`.
    #[schemars(with = "String")]
    trigger: Value,
    /// Who asked, from where, and how far they are trusted.
    #[schemars(schema_with = "any_object")]
    origin: Value,
    /// The run that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<String>,
    /// The named agent it is, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// The model asked last.
    model: Option<String>,
    /// When it was accepted, RFC 3339.
    admitted_at: String,
    /// When it ended, RFC 3339.
    finished_at: Option<String>,
    /// The last text of the assistant, once it ended.
    text: Option<String>,
    /// Why it did not complete.
    #[schemars(with = "Option<Failure>")]
    error: Option<RunError>,
    /// What its model calls used so far, in tokens.
    #[schemars(schema_with = "any_object")]
    usage: Value,
    /// What they cost in millionths of a US dollar, where prices are known.
    cost_micro_usd: Option<u64>,
    /// How many model calls it began.
    turns: u32,
    /// How many tool calls it began.
    tool_calls: u32,
}

/// Why a run did not complete.
#[derive(Debug, Serialize, JsonSchema)]
struct Failure {
    /// The kind in one word.
    kind: String,
    /// What happened.
    message: String,
}

impl From<RunRecord> for Run {
    fn from(run: RunRecord) -> Self {
        let name =
            STATES.iter().find(|(_, state)| *state == run.state).map_or("", |(name, _)| name);
        Self {
            id: run.id,
            session_id: run.session_id.to_string(),
            status: name,
            waits_for: None,
            trigger: json!(run.trigger),
            origin: json!(run.origin),
            parent_run_id: run.parent_run_id.map(|id| id.to_string()),
            agent: run.agent.map(|agent| agent.to_string()),
            model: run.model.map(|model| model.to_string()),
            admitted_at: run.admitted_at.to_string(),
            finished_at: run.finished_at.map(|at| at.to_string()),
            text: run.text,
            error: run.error,
            usage: json!(run.usage),
            cost_micro_usd: run.cost_micro_usd.map(|cost| cost.0),
            turns: run.turns,
            tool_calls: run.tool_calls,
        }
    }
}

impl Run {
    /// A run as it is, and what it waits for on this machine.
    pub(super) fn here(run: RunRecord, runs: &Runs) -> Self {
        let may_wait = run.state == RunState::Queued && run.trigger.is_background();
        let overloaded = may_wait.then(|| runs.overloaded()).flatten();
        Self { waits_for: overloaded.map(|overloaded| overloaded.reason), ..Self::from(run) }
    }
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query();
    let filter = RunFilter {
        session_id: query.value("session", "the id of a session"),
        state: state(&mut query),
        parent: query.value("parent", "the id of a run"),
        trigger: None,
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = call.app.store.runs(filter, limit).await?;
    let last = page.items.last().map(|run| run.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    let runs = &call.app.engine().await.runs;
    let items = page.items.into_iter().map(|run| Run::here(run, runs)).collect();
    Reply::ok(&List { items, next_cursor })
}

pub(super) fn state(query: &mut crate::http::Query<'_>) -> Option<RunState> {
    query.one_of("status", STATES)
}

/// The states that can be asked for, as JSON Schema.
pub(super) fn states() -> Value {
    json!({"type": "string", "enum": STATES.map(|(name, _)| name)})
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let id = json!({"type": "string", "format": "uuid"});
    let operation = operation
        .named("list_runs", "List the runs, newest first.")
        .query("status", &states(), "Only those that stand here.")
        .query("session", &id, "Only those of this session.")
        .query("parent", &id, "Only those that this run asked for.");
    page::describe_paging(operation).answers::<List<Run>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    let run = find(&call.app, call.id("run")?).await?;
    Reply::ok(&Run::here(run, &call.app.engine().await.runs))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_run", "One run.").answers::<Run>(200, "It.")
}

pub(super) async fn cancel(call: Call) -> Answer {
    let run = find(&call.app, call.id("run")?).await?;
    if run.state.is_final() {
        return Reply::ok(&Run::from(run));
    }
    let runs = &call.app.engine().await.runs;
    let after = call.app.store.last_seq(run.session_id).await?;
    let events = runs.follow(run.session_id, after, AtEnd::Wait).await?;
    runs.cancel(run.session_id, run.id).await?;
    let ended = async {
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = futures::StreamExt::next(&mut events).await {
            let is_end = matches!(event.kind, livos_core::EventKind::RunFinished { .. });
            if is_end && event.run_id == run.id {
                return;
            }
        }
    };
    // If it takes longer the answer says `running`, and the stop is under way.
    let _ = tokio::time::timeout(CANCEL_PATIENCE, ended).await;
    Reply::ok(&Run::from(find(&call.app, run.id).await?))
}

pub(super) fn describe_cancel(operation: Operation) -> Operation {
    operation
        .named("cancel_run", "Stop a run; one that ended already stays as it is.")
        .answers::<Run>(200, "As it is now.")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn record(call: Call) -> Answer {
    let run = find(&call.app, call.id("run")?).await?;
    let recording = call.app.engine().await.recorder.record(&run).await?;
    Ok(Reply::bytes(StatusCode::OK, "application/json", recording.to_json()))
}

pub(super) fn describe_record(operation: Operation) -> Operation {
    operation
        .named(
            "record_run",
            "One run as a file that replays offline: all that it met, without secrets that the server knows.",
        )
        .answers::<serde_json::Map<String, Value>>(200, "A recording; `livos replay` reads it.")
        .problem(ProblemKind::Conflict)
}

async fn find(app: &App, id: RunId) -> Result<RunRecord, Problem> {
    app.store.run(id).await?.ok_or_else(|| Problem::not_found("run", id))
}
