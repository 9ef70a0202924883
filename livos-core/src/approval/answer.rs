//! What somebody answers, and what becomes of it.

use std::sync::Arc;

use serde_json::Value;

use super::Answerer;
use super::ApprovalError;
use super::ApprovalRequest;
use super::ApprovalRule;
use super::ApprovalScope;
use super::RuleAction;
use super::RulePattern;
use super::RuleScope;
use crate::clock::Timestamp;
use crate::store::ApprovalRecord;

/// The longest note that goes with a decision, in bytes.
const MAX_NOTE: usize = 4_000;

/// What somebody answers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// Whether the call may be made; for a question, whether it is answered.
    pub approve: Approve,
    /// For how much that counts. Anything but [`ApprovalScope::Once`] makes a rule.
    pub scope: ApprovalScope,
    /// Which calls the rule is about; where absent, calls of the tool with exactly these arguments.
    pub pattern: Option<RulePattern>,
    /// The content, for a question.
    pub content: Option<Value>,
    /// What the model is told with it.
    pub note: Option<String>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approve {
    /// Yes.
    Yes,
    /// No.
    No,
}

impl Answer {
    /// Lets the call be made, once.
    pub fn approve() -> Self {
        Self::new(Approve::Yes)
    }

    /// Does not let the call be made, or a question be answered.
    pub fn deny() -> Self {
        Self::new(Approve::No)
    }

    /// Answers a question.
    pub fn with(content: impl Into<Value>) -> Self {
        Self { content: Some(content.into()), ..Self::new(Approve::Yes) }
    }

    fn new(approve: Approve) -> Self {
        let scope = ApprovalScope::Once;
        Self { approve, scope, pattern: None, content: None, note: None }
    }

    /// Remembers it for so much.
    #[must_use]
    pub fn for_scope(mut self, scope: ApprovalScope) -> Self {
        self.scope = scope;
        self
    }

    /// Remembers it for these calls.
    #[must_use]
    pub fn for_calls(mut self, pattern: RulePattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Tells the model something with it.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Says what is wrong with an answer to this request, if something is.
pub(super) fn check(request: &ApprovalRequest, answer: &Answer) -> Result<(), ApprovalError> {
    let invalid =
        |field, message: &str| Err(ApprovalError::Invalid { field, message: message.to_owned() });
    if answer.note.as_ref().is_some_and(|note| note.len() > MAX_NOTE) {
        return invalid("note", "has more than 4,000 bytes");
    }
    if answer.pattern.is_some() && answer.scope == ApprovalScope::Once {
        return invalid("pattern", "needs a scope of run, session or always to be remembered for");
    }
    match (&request.question, &answer.content) {
        (Some(_), _) if answer.scope != ApprovalScope::Once => {
            invalid("scope", "an answer to a question counts once")
        }
        (Some(question), Some(content)) if answer.approve == Approve::Yes => question
            .check_answer(content)
            .map_err(|message| ApprovalError::Invalid { field: "answer", message }),
        (Some(_), None) if answer.approve == Approve::Yes => {
            invalid("answer", "is missing; this is a question")
        }
        (_, Some(_)) => invalid("answer", "only a question that is not declined has an answer"),
        (_, None) => Ok(()),
    }
}

/// The rule that an answer makes.
pub(super) fn remembered(
    record: &ApprovalRecord,
    answer: &Answer,
    answerer: &Answerer,
    now: Timestamp,
) -> Option<ApprovalRule> {
    let scope = match answer.scope {
        ApprovalScope::Once => return None,
        ApprovalScope::Run => RuleScope::Run(record.run_id),
        ApprovalScope::Session => RuleScope::Session(record.session_id),
        ApprovalScope::Always => RuleScope::Always,
    };
    let request = &record.request;
    let action = match answer.approve {
        Approve::Yes => RuleAction::Allow,
        Approve::No => RuleAction::Deny,
    };
    let pattern = answer.pattern.clone().unwrap_or_else(|| {
        let arguments = request.arguments_fingerprint.clone();
        RulePattern::of_fingerprint(request.tool.as_str(), arguments)
    });
    Some(ApprovalRule {
        scope,
        user: Some(request.origin.user.clone()),
        trust: request.origin.trust,
        created_by: answerer.by.clone(),
        via: Arc::clone(&answerer.via),
        ..ApprovalRule::new(action, pattern, now)
    })
}
