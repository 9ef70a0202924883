//! What waits for people: list it and answer it; the rules they made; what was decided.

mod rules;
mod wire;

use livos_core::Answer as Decision;
use livos_core::Answerer;
use livos_core::ApprovalError;
use livos_core::ApprovalFilter;
use livos_core::ApprovalId;
use livos_core::ApprovalScope;
use livos_core::ApprovalState;
use livos_core::AuditEntry;
use livos_core::UserId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use self::wire::Approval;
use self::wire::Audited;
use self::wire::Pattern;
use super::page;
use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Caller;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Query;
use crate::http::Reply;
use crate::openapi::Operation;

pub(super) use self::rules::add as add_rule;
pub(super) use self::rules::describe_add as describe_add_rule;
pub(super) use self::rules::describe_list as describe_rules;
pub(super) use self::rules::describe_remove as describe_remove_rule;
pub(super) use self::rules::list as rules;
pub(super) use self::rules::remove as remove_rule;

/// An answer to a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApprovalAnswer {
    /// Whether the call may be made. A question is approved with its `answer`, or denied.
    decision: Choice,
    /// For how much it counts. Anything but `once` is remembered as a rule.
    #[serde(default)]
    scope: Scope,
    /// Which calls the rule is about; where absent, calls of the tool with exactly these arguments.
    pattern: Option<Pattern>,
    /// What a question is answered: a text, one of its choices, or an object as its schema says.
    #[schemars(extend("type" = ["string", "object"]))]
    answer: Option<Value>,
    /// What the model is told with it; at most 4,000 bytes.
    #[schemars(length(max = 4000))]
    note: Option<String>,
    /// The surface, for the audit, where that is not the console; `api` where absent.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,31}$"))]
    via: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Approve,
    Deny,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    #[default]
    Once,
    Run,
    Session,
    Always,
}

impl From<Scope> for ApprovalScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Once => Self::Once,
            Scope::Run => Self::Run,
            Scope::Session => Self::Session,
            Scope::Always => Self::Always,
        }
    }
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query();
    let filter = ApprovalFilter {
        state: state(&mut query),
        session_id: query.value("session", "the id of a session"),
        run_id: query.value("run", "the id of a run"),
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = call.app.engine().await.approvals.list(filter, limit).await?;
    let last = page.items.last().map(|approval| approval.id().to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.iter().map(Approval::from).collect(), next_cursor })
}

fn state(query: &mut Query<'_>) -> Option<ApprovalState> {
    query.one_of("status", ApprovalState::ALL.map(|state| (state.name(), state)))
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let states = json!({"type": "string", "enum": ApprovalState::ALL.map(ApprovalState::name)});
    let id = json!({"type": "string", "format": "uuid"});
    let operation = operation
        .named("list_approvals", "List what people were asked, newest first.")
        .query("status", &states, "Only those that stand here.")
        .query("session", &id, "Only those of this session.")
        .query("run", &id, "Only those of this run.");
    page::describe_paging(operation).answers::<List<Approval>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    let id: ApprovalId = call.id("approval")?;
    Reply::ok(&Approval::from(&call.app.engine().await.approvals.get(id).await?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_approval", "One request.").answers::<Approval>(200, "It.")
}

pub(super) async fn decide(call: Call) -> Answer {
    let id: ApprovalId = call.id("approval")?;
    let app = call.app.clone();
    let (caller, peer) = (call.caller, call.peer);
    let ApprovalAnswer { decision, scope, pattern, answer, note, via } = call.json().await?;
    let by = answerer(caller, peer, via)?;
    let mut decided = match decision {
        Choice::Approve => Decision::approve(),
        Choice::Deny => Decision::deny(),
    };
    decided = decided.for_scope(scope.into());
    decided.content = answer;
    decided.note = note;
    decided.pattern = pattern.map(Pattern::read).transpose()?;
    let engine = app.engine().await;
    let record = engine.approvals.decide(id, decided, by).await?;
    if let Some(seq) = record.resolved.as_ref().and_then(|resolved| resolved.seq) {
        engine.runs.grown(record.session_id, seq);
    }
    Reply::ok(&Approval::from(&record))
}

pub(super) fn describe_decide(operation: Operation) -> Operation {
    operation
        .named(
            "decide_approval",
            "Answer a request, once and for all. Of two who answer, one gets a 409.",
        )
        .body::<ApprovalAnswer>()
        .answers::<Approval>(200, "As it was decided.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn audit(call: Call) -> Answer {
    let mut query = call.query();
    let before = page::cursor(&mut query);
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = call.app.engine().await.approvals.audit(before, limit).await?;
    let last = page.items.last().map(|entry: &AuditEntry| entry.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Audited::from).collect(), next_cursor })
}

pub(super) fn describe_audit(operation: Operation) -> Operation {
    let operation = operation.named(
        "list_approval_audit",
        "What was decided by whom, newest first; the newest 100,000 are kept.",
    );
    page::describe_paging(operation).answers::<List<Audited>>(200, "Some of it.")
}

/// Who decides, and from where.
fn answerer(
    caller: Caller,
    peer: std::net::IpAddr,
    via: Option<String>,
) -> Result<Answerer, Problem> {
    let via = match (caller, via) {
        (Caller::Console, _) => "console".to_owned(),
        (Caller::KeyHolder | Caller::Anonymous, None) => "api".to_owned(),
        (Caller::KeyHolder | Caller::Anonymous, Some(via)) if is_surface(&via) => via,
        (Caller::KeyHolder | Caller::Anonymous, Some(_)) => {
            let expected = "must be a lowercase word of at most 32 letters, digits, `_` and `-`";
            return Err(Problem::invalid_field("via", expected));
        }
    };
    Ok(Answerer { by: UserId::owner(), via: via.into(), from: Some(peer.to_string()) })
}

fn is_surface(via: &str) -> bool {
    via.len() <= 32
        && via.starts_with(|first: char| first.is_ascii_lowercase())
        && via.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        })
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::NotFound(id) => Self::not_found("approval", id),
            ApprovalError::UnknownRule(id) => Self::not_found("rule", id),
            ApprovalError::Invalid { field, message } => Self::invalid_field(field, message),
            ApprovalError::Store(error) => error.into(),
            error @ (ApprovalError::Decided { .. }
            | ApprovalError::Expired(_)
            | ApprovalError::RunEnded(_)
            | ApprovalError::TooManyRules) => Self::new(ProblemKind::Conflict, error.to_string()),
            error => Self::internal(&error),
        }
    }
}
