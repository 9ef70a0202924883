//! The rules people made: list, add, remove.

use hyper::StatusCode;
use livos_core::ApprovalRule;
use livos_core::RuleAction;
use livos_core::RuleId;
use livos_core::RuleScope;
use livos_core::SessionId;
use livos_core::Trust;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answerer;
use super::wire::Pattern;
use super::wire::Rule;
use crate::api::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// A rule to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRule {
    /// What becomes of the calls it is about.
    action: Action,
    /// Which calls it is about.
    pattern: Pattern,
    /// Only in this session; everywhere where absent.
    #[schemars(with = "Option<String>", extend("format" = "uuid"))]
    session_id: Option<SessionId>,
    /// Only calls for this user; everybody's where absent.
    #[schemars(length(min = 1, max = 200))]
    user: Option<String>,
    /// How far an origin must be trusted for an allowing rule to count.
    #[serde(default)]
    trust: LeastTrust,
    /// The surface, for the audit; `api` where absent.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,31}$"))]
    via: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Allow,
    Ask,
    Deny,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LeastTrust {
    Owner,
    #[default]
    Paired,
    Group,
    Untrusted,
}

impl From<LeastTrust> for Trust {
    fn from(trust: LeastTrust) -> Self {
        match trust {
            LeastTrust::Owner => Self::Owner,
            LeastTrust::Paired => Self::Paired,
            LeastTrust::Group => Self::Group,
            LeastTrust::Untrusted => Self::Untrusted,
        }
    }
}

pub(in crate::api) async fn list(call: Call) -> Answer {
    let rules = call.app.engine().await.approvals.rules().await?;
    Reply::ok(&List::whole(rules.iter().map(Rule::from).collect()))
}

pub(in crate::api) fn describe_list(operation: Operation) -> Operation {
    operation
        .named("list_approval_rules", "List the rules about tool calls, oldest first.")
        .answers::<List<Rule>>(200, "All of them.")
}

pub(in crate::api) async fn add(call: Call) -> Answer {
    let app = call.app.clone();
    let (caller, peer) = (call.caller, call.peer);
    let NewRule { action, pattern, session_id, user, trust, via } = call.json().await?;
    let by = answerer(caller, peer, via)?;
    if user.as_ref().is_some_and(|user| user.is_empty() || user.len() > 200) {
        return Err(Problem::invalid_field("user", "must have 1 to 200 bytes"));
    }
    let action = match action {
        Action::Allow => RuleAction::Allow,
        Action::Ask => RuleAction::Ask,
        Action::Deny => RuleAction::Deny,
    };
    let mut rule = ApprovalRule::new(action, pattern.read()?, app.clock.now());
    rule.scope = session_id.map_or(RuleScope::Always, RuleScope::Session);
    rule.user = user.map(Into::into);
    rule.trust = trust.into();
    rule.created_by = by.by.clone();
    rule.via = by.via.clone();
    app.engine().await.approvals.add_rule(rule.clone(), by).await?;
    Reply::json(StatusCode::CREATED, &Rule::from(&rule))
}

pub(in crate::api) fn describe_add(operation: Operation) -> Operation {
    operation
        .named(
            "add_approval_rule",
            "Add a rule: calls that are made without asking, always asked about, or never made.",
        )
        .body::<NewRule>()
        .answers::<Rule>(201, "It.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(in crate::api) async fn remove(call: Call) -> Answer {
    let id: RuleId = call.id("rule")?;
    let by = answerer(call.caller, call.peer, None)?;
    call.app.engine().await.approvals.remove_rule(id, by).await?;
    Ok(Reply::no_content())
}

pub(in crate::api) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("remove_approval_rule", "Take a rule back. Calls that began under it go on.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::StorageFailed)
}
