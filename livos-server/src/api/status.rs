//! What this server is, and how much of the window its instructions and tools take.

use livos_core::AIProvider;
use livos_core::ContextReport;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::Answer;
use crate::http::Call;
use crate::http::Reply;
use crate::openapi::Operation;

/// What this server is.
#[derive(Debug, Serialize, JsonSchema)]
struct Status {
    /// The version of the server.
    version: &'static str,
    /// The model that is asked when nobody chose one.
    model: String,
    /// What every request to that model takes of its window.
    context: Context,
}

/// What every request takes before anything is said, in tokens.
#[derive(Debug, Serialize, JsonSchema)]
struct Context {
    /// The standing instructions.
    system_tokens: u64,
    /// The definitions of the tools.
    tool_tokens: u64,
    /// Both together.
    fixed_tokens: u64,
    /// What memories may take besides, in requests that are given some; 0 when none are.
    memory_tokens: u64,
    /// What is kept free for the answer.
    output_reserve: u64,
    /// The model's window, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    /// Which vocabulary counted; `estimate` where none is known.
    counted_by: String,
    /// Why no run can succeed, if there is no room for a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl From<ContextReport> for Context {
    fn from(report: ContextReport) -> Self {
        Self {
            system_tokens: report.system_tokens,
            tool_tokens: report.tool_tokens,
            fixed_tokens: report.fixed_tokens(),
            memory_tokens: report.memory_tokens,
            output_reserve: report.output_reserve,
            window: report.window,
            problem: report.check().err().map(|error| error.to_string()),
            counted_by: report.counted_by,
        }
    }
}

pub(super) async fn show(call: Call) -> Answer {
    let engine = call.app.engine().await;
    let model = &engine.providers.default_model;
    if let Some(lookup) = engine.providers.manager.model_lookup() {
        lookup.look_up(model).await;
    }
    Reply::ok(&Status {
        version: env!("CARGO_PKG_VERSION"),
        model: model.to_string(),
        context: engine.runs.context_report(model).into(),
    })
}

pub(super) fn describe(operation: Operation) -> Operation {
    operation
        .named("get_status", "What this server is, and what each of its requests takes.")
        .answers::<Status>(200, "It.")
}
