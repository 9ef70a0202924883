//! Schedules: make, list, change, fire by hand, and what came of them.

mod plan;
mod view;

use std::sync::Arc;

use hyper::StatusCode;
use livos_core::NewSchedule;
use livos_core::Recurrence;
use livos_core::RunId;
use livos_core::ScheduleError;
use livos_core::ScheduleFault;
use livos_core::ScheduleFilter;
use livos_core::ScheduleId;
use livos_core::ScheduleManager;
use livos_core::ScheduleStatus;
use livos_core::ScheduleUpdate;
use livos_core::Switch;
use livos_core::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use self::plan::PlanBody;
use self::plan::PlanChange;
use self::view::Firing;
use self::view::Schedule;
use super::messages::origin;
use super::page;
use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Query;
use crate::http::Reply;
use crate::http::parse_json;
use crate::openapi::Operation;

/// Where a schedule can stand.
const STATUSES: [ScheduleStatus; 3] =
    [ScheduleStatus::Active, ScheduleStatus::Paused, ScheduleStatus::Ended];

/// What a plan comes to.
#[derive(Debug, Serialize, JsonSchema)]
struct Preview {
    /// The next times it would fire, RFC 3339, five at most; jitter left aside.
    next_times: Vec<String>,
}

/// A run that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
struct Fired {
    /// The run.
    #[schemars(with = "String", extend("format" = "uuid"))]
    run_id: RunId,
    /// Its session.
    session_id: String,
}

/// Nothing is said with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn manager(call: &Call) -> ScheduleManager {
    call.app.engine().await.schedules.clone()
}

pub(super) async fn create(call: Call) -> Answer {
    let (app, schedules) = (Arc::clone(&call.app), manager(&call).await);
    let origin = origin(call.caller);
    let body: PlanBody = call.json().await?;
    let session_id = body.session_id;
    let plan = body.read(&app, app.engine().await.usual_budget)?;
    if let Some(id) = session_id
        && app.store.session(id).await?.is_none()
    {
        return Err(Problem::invalid_field("session_id", format!("there is no session '{id}'")));
    }
    let made = schedules.create(NewSchedule { plan, session_id, origin }).await?;
    Reply::json(StatusCode::CREATED, &Schedule::of(&schedules, made))
}

pub(super) fn describe_create(operation: Operation) -> Operation {
    operation
        .named("create_schedule", "Make a schedule.")
        .body::<PlanBody>()
        .answers::<Schedule>(201, "It is made.")
        .problem(ProblemKind::StorageFailed)
        .problem(ProblemKind::NotFound)
}

pub(super) async fn preview(call: Call) -> Answer {
    let (app, schedules) = (Arc::clone(&call.app), manager(&call).await);
    let body: PlanBody = call.json().await?;
    let plan = body.read(&app, app.engine().await.usual_budget)?;
    let next_times = schedules.preview(plan)?;
    Reply::ok(&Preview { next_times: next_times.iter().map(ToString::to_string).collect() })
}

pub(super) fn describe_preview(operation: Operation) -> Operation {
    operation
        .named("preview_schedule", "Check a schedule and tell its next times; nothing is kept.")
        .body::<PlanBody>()
        .answers::<Preview>(200, "It could be made.")
}

pub(super) async fn list(call: Call) -> Answer {
    let schedules = manager(&call).await;
    let mut query = call.query();
    let filter = ScheduleFilter {
        session_id: query.value("session", "the id of a session"),
        user: None,
        status: status(&mut query),
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = schedules.list(filter, limit).await?;
    let last = page.items.last().map(|schedule| schedule.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    let items = page.items.into_iter().map(|item| Schedule::of(&schedules, item)).collect();
    Reply::ok(&List { items, next_cursor })
}

fn status(query: &mut Query<'_>) -> Option<ScheduleStatus> {
    query.one_of("status", STATUSES.map(|status| (status.name(), status)))
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let statuses = json!({"type": "string", "enum": STATUSES.map(ScheduleStatus::name)});
    let id = json!({"type": "string", "format": "uuid"});
    let operation = operation
        .named("list_schedules", "List the schedules, newest first.")
        .query("status", &statuses, "Only those that stand here.")
        .query("session", &id, "Only those of this session.");
    page::describe_paging(operation).answers::<List<Schedule>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    let (id, schedules): (ScheduleId, _) = (call.id("schedule")?, manager(&call).await);
    Reply::ok(&Schedule::of(&schedules, schedules.get(id).await?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_schedule", "One schedule.").answers::<Schedule>(200, "It.")
}

pub(super) async fn change(call: Call) -> Answer {
    let (app, schedules) = (Arc::clone(&call.app), manager(&call).await);
    let id: ScheduleId = call.id("schedule")?;
    let mut change: Map<String, Value> = call.json().await?;
    let switch = match change.remove("enabled") {
        None => None,
        Some(Value::Bool(true)) => Some(Switch::Resume),
        Some(Value::Bool(false)) => Some(Switch::Pause),
        Some(_) => return Err(Problem::invalid_field("enabled", "must be true or false")),
    };
    let known = schedules.get(id).await?;
    let plan = match change.is_empty() {
        true => None,
        false => {
            let merged = plan::merged(&PlanBody::from(&known.plan), change);
            let body: PlanBody = parse_json(merged.to_string().as_bytes())?;
            if body.session_id.is_some() {
                return Err(Problem::invalid_field("session_id", "cannot be changed"));
            }
            Some(body.read(&app, app.engine().await.usual_budget)?)
        }
    };
    let changed = schedules.update(id, ScheduleUpdate { plan, switch }).await?;
    Reply::ok(&Schedule::of(&schedules, changed))
}

pub(super) fn describe_change(operation: Operation) -> Operation {
    operation
        .named("change_schedule", "Change, pause or resume a schedule.")
        .body::<PlanChange>()
        .answers::<Schedule>(200, "As it is now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    let id: ScheduleId = call.id("schedule")?;
    manager(&call).await.delete(id).await?;
    Ok(Reply::no_content())
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("delete_schedule", "Delete a schedule; runs under way go on.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn run(call: Call) -> Answer {
    let (id, schedules): (ScheduleId, _) = (call.id("schedule")?, manager(&call).await);
    let _: Nothing = call.json().await?;
    let session_id = schedules.get(id).await?.session_id.to_string();
    let run_id = schedules.run_now(id).await?;
    Reply::json(StatusCode::ACCEPTED, &Fired { run_id, session_id })
}

pub(super) fn describe_run(operation: Operation) -> Operation {
    operation
        .named("run_schedule", "Fire a schedule now, whatever its times and policies say.")
        .body::<Nothing>()
        .answers::<Fired>(202, "The run is safe and will be driven.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn firings(call: Call) -> Answer {
    let (id, schedules): (ScheduleId, _) = (call.id("schedule")?, manager(&call).await);
    let mut query = call.query();
    let before: Option<Timestamp> = page::cursor(&mut query);
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = schedules.firings(id, before, limit).await?;
    let last = page.items.last().map(|firing| firing.slot.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Firing::from).collect(), next_cursor })
}

pub(super) fn describe_firings(operation: Operation) -> Operation {
    let operation = operation
        .named("list_firings", "What came of the newest times of a schedule, newest first.");
    page::describe_paging(operation).answers::<List<Firing>>(200, "Some of them.")
}

impl From<ScheduleFault> for Problem {
    fn from(fault: ScheduleFault) -> Self {
        Self::invalid_field(fault.field(), fault.to_string())
    }
}

impl From<ScheduleError> for Problem {
    fn from(error: ScheduleError) -> Self {
        match error {
            ScheduleError::Invalid(fault) => fault.into(),
            ScheduleError::Ended(_) => Self::new(ProblemKind::Conflict, error.to_string()),
            ScheduleError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

/// When a schedule is due, in a few words.
fn when(recurrence: &Recurrence) -> String {
    match recurrence {
        Recurrence::Cron { expression, time_zone } => {
            format!("{expression} ({})", time_zone.as_deref().unwrap_or("UTC"))
        }
        Recurrence::Every { seconds } => format!("every {seconds} s"),
        Recurrence::At { time } => format!("at {time}"),
        Recurrence::Delay { seconds } => format!("in {seconds} s"),
    }
}
