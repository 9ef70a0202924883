//! What waits for people, what they decided, and the rules they made.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::approval::ApprovalDecision;
use crate::approval::ApprovalRequest;
use crate::approval::ApprovalResolution;
use crate::approval::ApprovalRule;
use crate::approval::ApprovalScope;
use crate::approval::RulePattern;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RuleId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolName;
use crate::id::UserId;
use crate::store::NewEntry;
use crate::store::Page;
use crate::store::StoreError;
use crate::store::WorkSignals;

/// How many entries the audit keeps; the oldest go first.
pub const MAX_AUDIT: usize = 100_000;

/// The approvals of all runs.
///
/// A request is there when its `approval_requested` entry was [appended](super::Journal::append), in the
/// same transaction.
///
/// # For implementors
/// - Of two who resolve a request one wins; the entry, the record, the rule and the audit are one transaction,
///   after which [`WorkSignal::ApprovalResolved`](super::WorkSignal::ApprovalResolved) is sent.
/// - With the `run_finished` entry of a run, all its requests that are open become abandoned.
/// - A run with open requests stands at [`RunState::Waiting`](super::RunState::Waiting).
/// - Requests go with their session; the audit stays.
#[async_trait]
pub trait ApprovalStore: WorkSignals {
    /// Decides an open request and writes that down in its session.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Conflict`] when it was decided or its time
    /// is over, or when it could not be written; then nothing changed.
    async fn resolve_approval(
        &self,
        resolve: ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError>;

    /// One request.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError>;

    /// Requests that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn approvals(
        &self,
        filter: ApprovalFilter,
        limit: usize,
    ) -> Result<Page<ApprovalRecord>, StoreError>;

    /// All rules, oldest first. Read before calls are made, so it must be cheap while none changes.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn approval_rules(&self) -> Result<Arc<[ApprovalRule]>, StoreError>;

    /// Adds a rule.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there are [`MAX_RULES`](crate::MAX_RULES), or it could not be written.
    async fn add_approval_rule(
        &self,
        rule: ApprovalRule,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Removes a rule. False when there is none.
    ///
    /// # Errors
    /// When it could not be written.
    async fn remove_approval_rule(&self, id: RuleId, audit: AuditEntry)
    -> Result<bool, StoreError>;

    /// What was decided by whom, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn approval_audit(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError>;
}

/// A request, and how it was decided once it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRecord {
    /// The session.
    pub session_id: SessionId,
    /// The run that waits.
    pub run_id: RunId,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// What is asked.
    pub request: Arc<ApprovalRequest>,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedApproval>,
}

/// How a request was decided, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResolvedApproval {
    /// When.
    pub at: Timestamp,
    /// The number of its entry in the session; none if the run's end decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// How.
    pub resolution: Arc<ApprovalResolution>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Nobody decided yet.
    Pending,
    /// The call is made, or the question answered.
    Approved,
    /// It is not.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The run ended first.
    Abandoned,
}

impl ApprovalState {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Abandoned];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}

impl From<ApprovalDecision> for ApprovalState {
    fn from(decision: ApprovalDecision) -> Self {
        match decision {
            ApprovalDecision::Approved => Self::Approved,
            ApprovalDecision::Denied => Self::Denied,
            ApprovalDecision::Expired => Self::Expired,
            ApprovalDecision::Abandoned => Self::Abandoned,
        }
    }
}

impl ApprovalRecord {
    /// The record that an entry makes; none if it asks nothing.
    pub fn requested(event: &AgentEvent) -> Option<Self> {
        let EventKind::ApprovalRequested(request) = &event.kind else { return None };
        Some(Self {
            session_id: event.session_id,
            run_id: event.run_id,
            requested_at: event.at,
            request: Arc::clone(request),
            resolved: None,
        })
    }

    /// Its id.
    pub fn id(&self) -> ApprovalId {
        self.request.approval_id
    }

    /// Where it stands.
    pub fn state(&self) -> ApprovalState {
        self.resolved
            .as_ref()
            .map_or(ApprovalState::Pending, |resolved| resolved.resolution.decision.into())
    }

    /// Fails when it is not to be decided any more.
    pub(super) fn check(&self, resolve: &ResolveApproval) -> Result<(), StoreError> {
        let found = match &self.resolved {
            Some(resolved) => {
                let by = &resolved.resolution;
                format!("it was {} by {} via {}", self.state().name(), by.by, by.via)
            }
            None if self.is_too_late(resolve) => "its time is over".to_owned(),
            None => return Ok(()),
        };
        Err(StoreError::conflict("approval", &self.id(), found))
    }

    fn is_too_late(&self, resolve: &ResolveApproval) -> bool {
        let is_decided = matches!(
            resolve.resolution.decision,
            ApprovalDecision::Approved | ApprovalDecision::Denied
        );
        is_decided && resolve.at >= self.request.expires_at
    }

    /// The entry that tells of the decision.
    pub(super) fn entry(&self, resolve: &ResolveApproval) -> NewEntry {
        let kind = EventKind::ApprovalResolved(Arc::clone(&resolve.resolution));
        NewEntry { run_id: self.run_id, at: resolve.at, kind }
    }

    /// The same, decided.
    pub(super) fn resolve(&mut self, resolve: &ResolveApproval, seq: u64) {
        let resolution = Arc::clone(&resolve.resolution);
        self.resolved = Some(ResolvedApproval { at: resolve.at, seq: Some(seq), resolution });
    }

    /// The same, without anybody who waits for it.
    pub(super) fn abandon(&mut self, at: Timestamp) {
        let decision = ApprovalDecision::Abandoned;
        let nobody = crate::approval::Answerer::nobody();
        let resolution = Arc::new(ApprovalResolution::new(&self.request, decision, nobody));
        self.resolved = Some(ResolvedApproval { at, seq: None, resolution });
    }
}

/// A decision to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolveApproval {
    /// How it is decided.
    pub resolution: Arc<ApprovalResolution>,
    /// When.
    pub at: Timestamp,
    /// The rule it makes.
    pub rule: Option<ApprovalRule>,
    /// What the audit keeps of it.
    pub audit: AuditEntry,
}

impl ResolveApproval {
    /// The request.
    pub fn id(&self) -> ApprovalId {
        self.resolution.approval_id
    }
}

/// Which requests to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalFilter {
    /// Only those that stand here.
    pub state: Option<ApprovalState>,
    /// Only those of this session.
    pub session_id: Option<SessionId>,
    /// Only those of this run.
    pub run_id: Option<RunId>,
    /// Only those asked before this one.
    pub before: Option<ApprovalId>,
}

impl ApprovalFilter {
    /// Whether a request is to be listed.
    pub fn accepts(&self, record: &ApprovalRecord) -> bool {
        self.state.is_none_or(|state| state == record.state())
            && self.session_id.is_none_or(|id| id == record.session_id)
            && self.run_id.is_none_or(|id| id == record.run_id)
            && self.before.is_none_or(|id| record.id() < id)
    }
}

/// What somebody decided: who, what, when, on which surface and from where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its id, in the order of time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who; `livos` where time or the end of a run decided.
    pub by: UserId,
    /// On which surface.
    pub via: Arc<str>,
    /// From where, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What.
    #[serde(flatten)]
    pub action: AuditAction,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditAction {
    /// A request.
    ApprovalResolved {
        /// The request.
        approval_id: ApprovalId,
        /// The session.
        session_id: SessionId,
        /// The run.
        run_id: RunId,
        /// The tool.
        tool: ToolName,
        /// The arguments, without secrets.
        input: Value,
        /// How it was decided.
        decision: ApprovalDecision,
        /// For how much it counts.
        scope: ApprovalScope,
        /// The rule it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule_id: Option<RuleId>,
    },
    /// A rule was made.
    RuleAdded {
        /// The rule.
        rule: ApprovalRule,
    },
    /// A rule was taken back.
    RuleRemoved {
        /// The rule.
        rule_id: RuleId,
        /// Which calls it was about.
        pattern: RulePattern,
    },
}

/// Fails when no rule may be added to so many.
pub(super) fn make_room_for_rule(rules: usize) -> Result<(), StoreError> {
    let limit = crate::approval::MAX_RULES;
    if rules < limit {
        return Ok(());
    }
    Err(StoreError::conflict("rules", &limit, format!("there are {limit} already; remove some")))
}
