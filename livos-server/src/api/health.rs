//! Whether the server is alive, and whether it can do its work.

use hyper::StatusCode;
use livos_core::SessionId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::Answer;
use crate::http::Call;
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
    // Any question shows that the store answers; this session never exists.
    let store = app.store.last_seq(SessionId::from_u128(0)).await;
    let providers = match app.engine.get() {
        Some(engine) => engine.providers.check(),
        None => Err("the providers are being looked up".to_owned()),
    };
    let draining = app.draining.is_cancelled();
    let checks = vec![
        Check::of("store", store.map(drop).map_err(|error| error.to_string())),
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
    Reply::json(code, &Ready { status, checks })
}

pub(super) fn describe_ready(operation: Operation) -> Operation {
    operation
        .named("readyz", "Whether the server can do its work, check by check.")
        .answers::<Ready>(200, "It can.")
        .answers::<Ready>(503, "It cannot.")
}
