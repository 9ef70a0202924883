//! Approvals as the API writes them.

use std::collections::BTreeMap;

use livos_core::ApprovalRecord;
use livos_core::ApprovalRule;
use livos_core::AuditEntry;
use livos_core::PatternError;
use livos_core::RulePattern;
use livos_core::RuleScope;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::http::Problem;
use crate::openapi::any_object;

/// What a person is asked, and how that was decided.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Approval {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    id: String,
    /// `pending`, `approved`, `denied`, `expired`, or `abandoned` since the run ended.
    status: &'static str,
    /// The run that waits.
    run_id: String,
    /// The session of the run.
    session_id: String,
    /// The call that waits.
    call_id: String,
    /// Its tool.
    tool: String,
    /// Its arguments, without secrets.
    #[schemars(schema_with = "any_object")]
    input: Value,
    /// What the tool does to the world: `read_only`, `idempotent`, `mutating` or `destructive`.
    #[schemars(with = "String")]
    effect: Value,
    /// Why a person is asked.
    reason: String,
    /// Who asked for the call, from where, and how far they are trusted.
    #[schemars(schema_with = "any_object")]
    origin: Value,
    /// `{text, choices?, schema?, link?}`, if the call has a question; otherwise it waits for permission.
    #[schemars(schema_with = "any_object")]
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<Value>,
    /// When it was asked, RFC 3339.
    requested_at: String,
    /// When it counts as denied, RFC 3339.
    expires_at: String,
    /// `{decision, scope, by, via, from?, at, answer?, note?, rule_id?}`, once it was decided.
    #[schemars(schema_with = "any_object")]
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Value>,
}

impl From<&ApprovalRecord> for Approval {
    fn from(record: &ApprovalRecord) -> Self {
        let request = &record.request;
        let resolution = record.resolved.as_ref().map(|resolved| {
            let mut value = json!(*resolved.resolution);
            if let Some(fields) = value.as_object_mut() {
                fields.shift_remove("approval_id");
                fields.shift_remove("call_id");
                fields.insert("at".to_owned(), json!(resolved.at));
            }
            value
        });
        Self {
            id: record.id().to_string(),
            status: record.state().name(),
            run_id: record.run_id.to_string(),
            session_id: record.session_id.to_string(),
            call_id: request.call_id.to_string(),
            tool: request.tool.to_string(),
            input: request.input.clone(),
            effect: json!(request.effect),
            reason: request.reason.clone(),
            origin: json!(request.origin),
            question: request.question.as_ref().map(|question| json!(question)),
            requested_at: record.requested_at.to_string(),
            expires_at: request.expires_at.to_string(),
            resolution,
        }
    }
}

/// Which calls a rule is about.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    /// A glob on the tool's name: `*` any text, `?` one character, `\` takes the special meaning away.
    #[schemars(length(min = 1, max = 2000))]
    tool: String,
    /// Globs on its arguments that are texts, by name; all must be there and fit.
    #[serde(default)]
    arguments: BTreeMap<String, String>,
}

impl Pattern {
    /// The pattern, if it is one.
    pub(super) fn read(self) -> Result<RulePattern, Problem> {
        let wrong = |error: PatternError| {
            Problem::invalid_field(format!("pattern.{}", error.field), error.message)
        };
        let pattern = RulePattern::new(&self.tool).map_err(wrong)?;
        let mut globs = self.arguments.into_iter();
        globs.try_fold(pattern, |all, (name, glob)| all.argument(name, &glob)).map_err(wrong)
    }
}

/// A rule that somebody made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rule {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    id: String,
    /// `allow`, `ask` or `deny`.
    #[schemars(with = "String")]
    action: Value,
    /// `{tool, arguments?, exactly?}`; `exactly` is the fingerprint of the arguments it was approved with.
    #[schemars(schema_with = "any_object")]
    pattern: Value,
    /// The pattern in words.
    description: String,
    /// `run`, `session` or `always`.
    scope: &'static str,
    /// The run or session that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_id: Option<String>,
    /// Whose calls it is about; everybody's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// How far an origin must be trusted for an allowing rule to count: `owner`, `paired`, `group`, `untrusted`.
    #[schemars(with = "String")]
    trust: Value,
    /// When it was made, RFC 3339.
    created_at: String,
    /// Who made it.
    created_by: String,
    /// On which surface.
    via: String,
}

impl From<&ApprovalRule> for Rule {
    fn from(rule: &ApprovalRule) -> Self {
        let (scope, scope_id) = match rule.scope {
            RuleScope::Run(id) => ("run", Some(id.to_string())),
            RuleScope::Session(id) => ("session", Some(id.to_string())),
            RuleScope::Always => ("always", None),
        };
        Self {
            id: rule.id.to_string(),
            action: json!(rule.action),
            pattern: json!(rule.pattern),
            description: rule.pattern.to_string(),
            scope,
            scope_id,
            user: rule.user.as_ref().map(ToString::to_string),
            trust: json!(rule.trust),
            created_at: rule.created_at.to_string(),
            created_by: rule.created_by.to_string(),
            via: rule.via.to_string(),
        }
    }
}

/// What somebody decided.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Audited {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    id: String,
    /// When, RFC 3339.
    at: String,
    /// Who; `livos` where time or the end of a run decided.
    by: String,
    /// On which surface.
    via: String,
    /// From where: an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// `approval_resolved`, `rule_added` or `rule_removed`.
    action: String,
    /// What belongs to it: the request with its decision, or the rule.
    #[schemars(schema_with = "any_object")]
    details: Value,
}

impl From<AuditEntry> for Audited {
    fn from(entry: AuditEntry) -> Self {
        let mut details = json!(entry.action);
        let action = details.as_object_mut().and_then(|fields| fields.shift_remove("action"));
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_string(),
            by: entry.by.to_string(),
            via: entry.via.to_string(),
            from: entry.from,
            action: action.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            details,
        }
    }
}
