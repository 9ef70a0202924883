//! The description of the API, and what was counted.

use hyper::StatusCode;

use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::Reply;
use crate::openapi;
use crate::openapi::Operation;

/// What Prometheus wants to be told about its text.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn openapi(call: Call) -> Answer {
    let server = call.app.public_url.as_ref().map_or_else(|| "/".to_owned(), ToString::to_string);
    Reply::ok(&openapi::document(call.app.router.routes(), &server))
}

pub(super) fn describe_openapi(operation: Operation) -> Operation {
    operation
        .named("openapi", "This description.")
        .answers::<serde_json::Map<String, serde_json::Value>>(200, "OpenAPI 3.1.")
}

pub(super) async fn metrics(call: Call) -> Answer {
    let driving = call.app.engine.get().map_or(0, |engine| engine.runs.driving());
    let page = call.app.metrics.encode(driving).map_err(|error| Problem::internal(&error))?;
    Ok(Reply::bytes(StatusCode::OK, METRICS_TYPE, page))
}

pub(super) fn describe_metrics(operation: Operation) -> Operation {
    operation.named("metrics", "What was counted, for Prometheus.").answers_as(
        200,
        "OpenMetrics text.",
        "application/openmetrics-text",
    )
}
