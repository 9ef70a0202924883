//! What is asked, and how it was decided: the two journal entries of an approval.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::ArgumentsFingerprint;
use super::CallFingerprint;
use super::Question;
use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::id::RuleId;
use crate::id::ToolCallId;
use crate::id::ToolName;
use crate::id::UserId;
use crate::origin::Origin;
use crate::tool::Effect;

/// What a person is asked: whether a call may be made, or a [`Question`] that a call has.
///
/// It is a lease for one use, bound to the very call by its fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRequest {
    /// Its id.
    pub approval_id: ApprovalId,
    /// The call.
    pub call_id: ToolCallId,
    /// The tool.
    pub tool: ToolName,
    /// The arguments, without secrets.
    pub input: Value,
    /// What the tool does to the world.
    pub effect: Effect,
    /// Why a person is asked.
    pub reason: String,
    /// Who asked for the call.
    pub origin: Origin,
    /// When it counts as denied.
    pub expires_at: Timestamp,
    /// What it is bound to.
    pub fingerprint: CallFingerprint,
    /// What a rule that is remembered for exactly these arguments is bound to.
    pub arguments_fingerprint: ArgumentsFingerprint,
    /// The question, if the call has one; otherwise it waits for permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// How a request was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalResolution {
    /// The request.
    pub approval_id: ApprovalId,
    /// The call.
    pub call_id: ToolCallId,
    /// How.
    pub decision: ApprovalDecision,
    /// For how much it counts.
    pub scope: ApprovalScope,
    /// Who decided; `livos` where nobody did.
    pub by: UserId,
    /// On which surface: `api`, `console`, `cli`, a channel's name; `livos` where nobody decided.
    pub via: Arc<str>,
    /// From where: an address, a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The rule it made, if it is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<RuleId>,
    /// The answer, if it was a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// What was said with it, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalDecision {
    /// The call is made, or the question answered.
    Approved,
    /// It is not.
    Denied,
    /// Nobody decided in time; it is not.
    Expired,
    /// The run ended first.
    Abandoned,
}

/// For how much a decision counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalScope {
    /// This call.
    #[default]
    Once,
    /// Calls like it in this run.
    Run,
    /// Calls like it in this session.
    Session,
    /// Calls like it.
    Always,
}

/// Who decided, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answerer {
    /// Who.
    pub by: UserId,
    /// On which surface.
    pub via: Arc<str>,
    /// From where, if that is known: an address, a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Answerer {
    /// The owner, on a surface.
    pub fn owner(via: impl Into<Arc<str>>) -> Self {
        Self { by: UserId::owner(), via: via.into(), from: None }
    }

    /// Nobody: time, or the end of a run.
    pub(crate) fn nobody() -> Self {
        Self { by: "livos".into(), via: "livos".into(), from: None }
    }
}

impl ApprovalResolution {
    /// A decision about this one call.
    pub(crate) fn new(
        request: &ApprovalRequest,
        decision: ApprovalDecision,
        answerer: Answerer,
    ) -> Self {
        let Answerer { by, via, from } = answerer;
        Self {
            approval_id: request.approval_id,
            call_id: request.call_id.clone(),
            decision,
            scope: ApprovalScope::Once,
            by,
            via,
            from,
            rule_id: None,
            answer: None,
            note: None,
        }
    }

    /// What the model is told of a call that may not be made.
    pub fn refusal(&self) -> String {
        let mut text = match self.decision {
            ApprovalDecision::Approved => "approved".to_owned(),
            ApprovalDecision::Denied => format!("the call was denied by {}", self.by),
            ApprovalDecision::Expired => {
                "nobody approved the call in time, so it was not made".to_owned()
            }
            ApprovalDecision::Abandoned => "the run ended before anybody decided".to_owned(),
        };
        if let Some(note) = &self.note {
            text.push_str(": ");
            text.push_str(note);
        }
        text.push_str(". Do not make it again unless the user asks for it.");
        text
    }
}
