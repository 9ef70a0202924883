//! Sessions made shorter by hand.

use livos_core::CompactError;
use livos_core::CompactionReport;
use livos_core::CompactionRequest;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::messages;
use super::sessions;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Causes;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// The longest wish for a summary, in bytes.
const MAX_INSTRUCTIONS: usize = 2_000;

/// How a session shall be made shorter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// What the summary shall heed besides the usual; at most 2,000 bytes.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    instructions: String,
}

/// What it saved.
#[derive(Debug, Serialize, JsonSchema)]
struct Saved {
    /// Tokens of the next prompt as it was, instructions and tools included.
    tokens_before: u64,
    /// Its tokens as it is now.
    tokens_after: u64,
    /// How many tokens fewer that is; 0 when there was nothing to sum up.
    saved_tokens: u64,
    /// The same in percent of what it was, rounded down.
    saved_percent: u64,
    /// How many messages the summary stands for.
    messages_summarised: u64,
    /// The number of the journal entry with the summary; absent when nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

impl From<CompactionReport> for Saved {
    fn from(report: CompactionReport) -> Self {
        Self {
            tokens_before: report.tokens_before,
            tokens_after: report.tokens_after,
            saved_tokens: report.saved_tokens(),
            saved_percent: report.saved_percent(),
            messages_summarised: report.messages_summarised,
            seq: report.seq,
        }
    }
}

pub(super) async fn compact(call: Call) -> Answer {
    let session = sessions::find(&call).await?;
    let app = std::sync::Arc::clone(&call.app);
    let origin = messages::origin(call.caller);
    let Wish { instructions } = call.json().await?;
    if instructions.len() > MAX_INSTRUCTIONS {
        let problem = format!("may have {MAX_INSTRUCTIONS} bytes at most");
        return Err(Problem::invalid_field("instructions", problem));
    }
    let mut request =
        CompactionRequest::default().with_instructions(instructions.trim()).with_origin(origin);
    request.model = session.model;
    let report = app.engine().await.runs.compact(session.id, request).await?;
    Reply::ok(&Saved::from(report))
}

pub(super) fn describe(operation: Operation) -> Operation {
    operation
        .named(
            "compact_session",
            "Replace the older messages by a summary, in what the model sees; the history stays.",
        )
        .body::<Wish>()
        .answers::<Saved>(200, "What it saved.")
        .problem(ProblemKind::RunUnderWay)
        .problem(ProblemKind::ProviderFailed)
        .problem(ProblemKind::StorageFailed)
}

/// Why a session was not made shorter, as callers read it.
pub(super) fn problem(error: &CompactError) -> Problem {
    let kind = match error {
        CompactError::Summary { .. } => ProblemKind::ProviderFailed,
        CompactError::DailyLimit(_) => ProblemKind::TooManyRequests,
        CompactError::Overtaken { .. } => ProblemKind::RunUnderWay,
        _ => ProblemKind::Conflict,
    };
    Problem::new(kind, Causes(error).to_string())
}
