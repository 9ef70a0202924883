//! Whether the server is alive, and whether it can do its work.

use hyper::StatusCode;
use livos_core::DeliveryFilter;
use livos_core::DeliveryState;
use livos_core::RunFilter;
use livos_core::RunState;
use livos_core::ScheduleFilter;
use livos_core::ScheduleStatus;
use livos_core::Store;
use livos_core::StoreError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::Answer;
use crate::http::Call;
use crate::http::Causes;
use crate::http::Reply;
use crate::openapi::Operation;

/// Whether the process answers.
#[derive(Debug, Serialize, JsonSchema)]
struct Alive {
    /// Always `ok`.
    status: &'static str,
    /// The version of the server.
    version: &'static str,
}

/// Whether the server can do its work.
#[derive(Debug, Serialize, JsonSchema)]
struct Ready {
    /// `ok`, or `failing` when a check does.
    status: CheckStatus,
    /// Each thing that was looked at.
    checks: Vec<Check>,
    /// What waits; absent when the store does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<Work>,
}

/// What waits. Each number stops at 100.
#[derive(Debug, Serialize, JsonSchema)]
struct Work {
    /// Runs that nobody began.
    queued: usize,
    /// Runs under way.
    running: usize,
    /// Replies that were given up.
    dead_deliveries: usize,
    /// Replies that may have arrived; somebody has to decide.
    ambiguous_deliveries: usize,
    /// Schedules that are paused, by hand or after failures.
    paused_schedules: usize,
}

/// Where counting what waits stops.
const COUNTED: usize = 100;

impl Work {
    async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let runs = async |state| {
            let filter = RunFilter { state: Some(state), ..RunFilter::default() };
            Ok::<_, StoreError>(store.runs(filter, COUNTED).await?.items.len())
        };
        let deliveries = async |state| {
            let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
            Ok::<_, StoreError>(store.deliveries(filter, COUNTED).await?.items.len())
        };
        let paused =
            ScheduleFilter { status: Some(ScheduleStatus::Paused), ..ScheduleFilter::default() };
        Ok(Self {
            queued: runs(RunState::Queued).await?,
            running: runs(RunState::Running).await?,
            dead_deliveries: deliveries(DeliveryState::Dead).await?,
            ambiguous_deliveries: deliveries(DeliveryState::Ambiguous).await?,
            paused_schedules: store.schedules(paused, COUNTED).await?.items.len(),
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
struct Check {
    /// What: `store`, `disk`, `providers` or `shutdown`.
    name: &'static str,
    /// How it is.
    status: CheckStatus,
    /// What is wrong, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CheckStatus {
    Ok,
    Failing,
}

impl Check {
    fn of(name: &'static str, outcome: Result<(), String>) -> Self {
        match outcome {
            Ok(()) => Self { name, status: CheckStatus::Ok, message: None },
            Err(message) => Self { name, status: CheckStatus::Failing, message: Some(message) },
        }
    }
}

pub(super) async fn alive(_: Call) -> Answer {
    Reply::ok(&Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

pub(super) fn describe_alive(operation: Operation) -> Operation {
    operation.named("healthz", "Whether the process answers.").answers::<Alive>(200, "It does.")
}

pub(super) async fn ready(call: Call) -> Answer {
    let app = &call.app;
    let store = app.store.check_health().await;
    let providers = match app.engine.get() {
        Some(engine) => engine.providers.check(),
        None => Err("the providers are being looked up".to_owned()),
    };
    let draining = app.draining.is_cancelled();
    let checks = vec![
        Check::of("store", store.map_err(|error| with_fix(&error))),
        Check::of("disk", app.disk.check().await),
        Check::of("providers", providers),
        Check::of(
            "shutdown",
            if draining { Err("the server is stopping".to_owned()) } else { Ok(()) },
        ),
    ];
    let is_ready = checks.iter().all(|check| check.status == CheckStatus::Ok);
    let (code, status) = if is_ready {
        (StatusCode::OK, CheckStatus::Ok)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, CheckStatus::Failing)
    };
    let work = Work::of(&*app.store).await.ok();
    Reply::json(code, &Ready { status, checks, work })
}

/// What is wrong with the store, and what would help.
pub(crate) fn with_fix(error: &StoreError) -> String {
    let fix = match error {
        StoreError::Corrupt { .. } => {
            "stop the server and restore a backup: livos restore FILE --replace"
        }
        StoreError::ReadOnly(_) => "make it writable",
        StoreError::Full(_) => "free some space",
        _ => return Causes(error).to_string(),
    };
    format!("{}; {fix}", Causes(error))
}

pub(super) fn describe_ready(operation: Operation) -> Operation {
    operation
        .named("readyz", "Whether the server can do its work, check by check.")
        .answers::<Ready>(200, "It can.")
        .answers::<Ready>(503, "It cannot.")
}
