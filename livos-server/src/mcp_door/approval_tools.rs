//! Approvals as tools: what waits for people, and their answers.

use std::fmt::Write;
use std::sync::Arc;

use livos_core::Answer;
use livos_core::Answerer;
use livos_core::ApprovalFilter;
use livos_core::ApprovalId;
use livos_core::ApprovalManager;
use livos_core::ApprovalState;
use livos_core::Effect;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::CHANNEL;
use super::session_tools::SessionDesk;
use super::session_tools::failed;

/// How many requests are listed at most.
const MOST_LISTED: usize = 50;

/// Adds the tool that lists what waits.
pub(super) fn register_list(
    tools: &ToolRegistry,
    approvals: ApprovalManager,
) -> Result<(), RegisterToolError> {
    tools.register(List(approvals))
}

/// Adds the tool that decides.
pub(super) fn register_decide(
    tools: &ToolRegistry,
    approvals: ApprovalManager,
    desk: SessionDesk,
) -> Result<(), RegisterToolError> {
    tools.register(Decide { approvals, desk })
}

struct List(ApprovalManager);

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoArgs {}

#[expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]
impl Tool for List {
    type Args = NoArgs;

    fn name(&self) -> &str {
        "approvals_list"
    }

    fn description(&self) -> &str {
        include_str!("approvals_list.md").trim_ascii_end()
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, _: NoArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let pending =
            ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
        let page = self.0.list(pending, MOST_LISTED).await.map_err(|error| failed(&error))?;
        let mut lines = String::new();
        for record in &page.items {
            let request = &record.request;
            let what = match &request.question {
                Some(question) => format!("asks: {}", question.text),
                None => format!("{} ({})", request.input, request.reason),
            };
            // Writing to a text does not fail.
            let _ = writeln!(
                lines,
                "{}  session {}  until {}  {} {what}",
                request.approval_id, record.session_id, request.expires_at, request.tool
            );
        }
        Ok(if lines.is_empty() { "nothing waits".into() } else { lines.into() })
    }
}

struct Decide {
    approvals: ApprovalManager,
    desk: SessionDesk,
}

/// A decision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecideArgs {
    /// The request.
    #[schemars(with = "String")]
    approval_id: ApprovalId,
    /// Whether the call may be made, or the question is answered.
    decision: Decision,
    /// What a question is answered: a text, one of its choices, or an object as its schema says.
    #[serde(default)]
    answer: Option<Value>,
    /// What the agent is told with it.
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Deny,
}

#[expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]
impl Tool for Decide {
    type Args = DecideArgs;

    fn name(&self) -> &str {
        "approvals_decide"
    }

    fn description(&self) -> &str {
        include_str!("approvals_decide.md").trim_ascii_end()
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    async fn call(&self, args: DecideArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let asked = self.approvals.get(args.approval_id).await.map_err(|error| failed(&error))?;
        if &*asked.request.origin.channel == CHANNEL {
            return Err(ToolError::model(
                "an MCP client asked for this, so somebody else decides about it: in the console, or \
                 with `livos approvals`",
            ));
        }
        let mut answer = match args.decision {
            Decision::Approve => Answer::approve(),
            Decision::Deny => Answer::deny(),
        };
        answer.content = args.answer;
        answer.note = args.note;
        let by = Answerer::owner(Arc::from(CHANNEL));
        let decided = self.approvals.decide(args.approval_id, answer, by).await;
        let record = decided.map_err(|error| failed(&error))?;
        if let Some(seq) = record.resolved.as_ref().and_then(|resolved| resolved.seq) {
            self.desk.runs.grown(record.session_id, seq);
        }
        Ok(format!("{} is {}", args.approval_id, record.state().name()).into())
    }
}
