//! Rules that people made: calls that need not be asked for, or are never made.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use super::RulePattern;
use crate::clock::Timestamp;
use crate::id::RuleId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::origin::Origin;
use crate::origin::Trust;

/// How many rules a store keeps.
pub const MAX_RULES: usize = 1_000;

/// A rule that somebody made, by remembering a decision or by writing it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRule {
    /// Its id.
    pub id: RuleId,
    /// What becomes of the calls it is about.
    pub action: RuleAction,
    /// Which calls it is about.
    pub pattern: RulePattern,
    /// How far it reaches.
    pub scope: RuleScope,
    /// Whose calls; everybody's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// An allowing rule is for origins that are trusted at least so far; a denying one is for all.
    pub trust: Trust,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: UserId,
    /// On which surface.
    pub via: Arc<str>,
}

/// What becomes of the calls a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// They are made without asking.
    Allow,
    /// They are not made.
    Deny,
}

/// How far a rule reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum RuleScope {
    /// One run.
    Run(RunId),
    /// One session.
    Session(SessionId),
    /// Everything.
    Always,
}

impl ApprovalRule {
    /// A rule of the owner for everybody whom the owner let in, made now.
    pub fn new(action: RuleAction, pattern: RulePattern, created_at: Timestamp) -> Self {
        Self {
            id: RuleId::generate(),
            action,
            pattern,
            scope: RuleScope::Always,
            user: None,
            trust: Trust::Paired,
            created_at,
            created_by: UserId::owner(),
            via: "embedded".into(),
        }
    }

    /// Whether a rule of this scope is about what this origin does in this run.
    pub(super) fn reaches(&self, origin: &Origin, session_id: SessionId, run_id: RunId) -> bool {
        let in_scope = match self.scope {
            RuleScope::Run(id) => id == run_id,
            RuleScope::Session(id) => id == session_id,
            RuleScope::Always => true,
        };
        let is_trusted = self.action == RuleAction::Deny || origin.trust >= self.trust;
        in_scope && is_trusted && self.user.as_ref().is_none_or(|user| *user == origin.user)
    }
}
