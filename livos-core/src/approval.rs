//! Asking people: whether a tool call may be made, and questions that a tool has.
//!
//! A [`verdict`] is a pure decision (policies, rules, the origin's trust). Where it says to ask, the
//! loop writes an `approval_requested` entry and waits; whoever answers (an API, a command line, a
//! channel) does it through the [`ApprovalManager`], which decides once and for all by compare-and-set and
//! writes `approval_resolved` in the same transaction. So a request outlives its process: whoever goes on
//! with the run waits on for the very call.

mod answer;
mod asking;
mod error;
mod fingerprint;
mod pattern;
mod policy;
mod question;
mod request;
mod rule;
mod surface;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::answer::Answer;
pub use self::answer::Approve;
pub use self::error::ApprovalError;
pub use self::fingerprint::ArgumentsFingerprint;
pub use self::fingerprint::CallFingerprint;
pub use self::pattern::PatternError;
pub use self::pattern::RulePattern;
pub use self::policy::ApprovalPolicies;
pub use self::policy::ApprovalPolicy;
pub use self::policy::CallInQuestion;
pub use self::policy::Verdict;
pub use self::policy::verdict;
pub use self::question::AskError;
pub use self::question::Question;
pub use self::question::Reply as QuestionReply;
pub use self::request::Answerer;
pub use self::request::ApprovalDecision;
pub use self::request::ApprovalRequest;
pub use self::request::ApprovalResolution;
pub use self::request::ApprovalScope;
pub use self::rule::ApprovalRule;
pub use self::rule::MAX_RULES;
pub use self::rule::RuleAction;
pub use self::rule::RuleScope;
pub use self::surface::ApprovalSurface;

pub(crate) use self::asking::Asked;
pub(crate) use self::asking::Asker;
pub(crate) use self::asking::PersonsTime;

use self::answer::check;
use self::answer::remembered;
use self::error::already;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RuleId;
use crate::id::ToolName;
use crate::redaction::Redactor;
use crate::redaction::redact_json;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::ApprovalStore;
use crate::store::AuditAction;
use crate::store::AuditEntry;
use crate::store::Page;
use crate::store::ResolveApproval;
use crate::store::StoreError;

/// How long a request waits unless it is told otherwise.
pub const APPROVAL_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Asks people, and takes their answers. Clones are the same inbox.
///
/// Give it to an agent with [`approvals`](crate::AgentLoopBuilder::approvals); its store must be the agent's
/// journal. Any process that shares the store may answer.
///
/// ```
/// use std::sync::Arc;
/// use futures::StreamExt;
/// use livos_core::testing::{Script, ScriptedProvider};
/// use livos_core::{AgentLoop, Answer, Answerer, ApprovalManager, EventKind, MemoryStore, ToolRegistry};
/// # use livos_core::{Effect, Tool, ToolContext, ToolError, ToolOutput};
/// # struct Erase;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct NoArgs {}
/// # impl Tool for Erase {
/// #     type Args = NoArgs;
/// #     fn name(&self) -> &str { "erase" }
/// #     fn description(&self) -> &str { "Erases everything." }
/// #     fn effect(&self) -> Effect { Effect::Destructive }
/// #     async fn call(&self, _: NoArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> { Ok("gone".into()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryStore::new());
/// let approvals = ApprovalManager::new(Arc::clone(&store) as _);
/// let tools = ToolRegistry::new();
/// tools.register(Erase)?;
/// let model = ScriptedProvider::new("scripted", [
///     Script::tool("call-1", "erase", serde_json::json!({})),
///     Script::text("Nothing was erased."),
/// ]);
/// let agent = AgentLoop::builder(model).tools(tools).journal(store).approvals(approvals.clone()).build();
///
/// let mut run = agent.run("Erase everything.");
/// while let Some(event) = run.next().await {
///     if let EventKind::ApprovalRequested(request) = event.kind {
///         approvals.decide(request.approval_id, Answer::deny(), Answerer::owner("example")).await?;
///     }
/// }
/// assert_eq!(run.await.text, "Nothing was erased.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApprovalManager {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn ApprovalStore>,
    policies: ApprovalPolicies,
    expiry: Duration,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    surfaces: Vec<Arc<dyn ApprovalSurface>>,
}

/// Puts an [`ApprovalManager`] together.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ApprovalManagerBuilder(Shared);

impl ApprovalManagerBuilder {
    /// What people are asked about. Defaults to [`ApprovalPolicy::Destructive`] for all.
    pub fn policies(mut self, policies: ApprovalPolicies) -> Self {
        self.0.policies = policies;
        self
    }

    /// How long a request waits before it counts as denied. Defaults to [`APPROVAL_EXPIRY`].
    pub fn expiry(mut self, expiry: Duration) -> Self {
        self.0.expiry = expiry;
        self
    }

    /// The clock that stamps decisions; the one of the agent.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Secrets that are taken out of what people are shown.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.0.redactor = redactor;
        self
    }

    /// A place where people see requests.
    pub fn surface(mut self, surface: Arc<dyn ApprovalSurface>) -> Self {
        self.0.surfaces.push(surface);
        self
    }

    /// The manager.
    pub fn build(self) -> ApprovalManager {
        ApprovalManager { shared: Arc::new(self.0) }
    }
}

impl ApprovalManager {
    /// An inbox in this store, with the default policy: people are asked about destructive calls.
    pub fn new(store: Arc<dyn ApprovalStore>) -> Self {
        Self::builder(store).build()
    }

    /// An inbox in this store, with settings.
    pub fn builder(store: Arc<dyn ApprovalStore>) -> ApprovalManagerBuilder {
        ApprovalManagerBuilder(Shared {
            store,
            policies: ApprovalPolicies::default(),
            expiry: APPROVAL_EXPIRY,
            clock: Arc::new(SystemClock),
            redactor: Redactor::new(),
            surfaces: Vec::new(),
        })
    }

    /// Answers a request, once and for all.
    ///
    /// Cancellation safe: dropped, the answer counts or does not, never half.
    ///
    /// # Errors
    /// When there is no such request, somebody was faster, it is too late, or the answer does not fit.
    pub async fn decide(
        &self,
        id: ApprovalId,
        mut answer: Answer,
        answerer: Answerer,
    ) -> Result<ApprovalRecord, ApprovalError> {
        let record = self.get(id).await?;
        let now = self.shared.clock.now();
        if record.state() == ApprovalState::Pending && now >= record.request.expires_at {
            self.close(&record, ApprovalDecision::Expired).await?;
            return Err(ApprovalError::Expired(id));
        }
        if let Some(error) = already(&record) {
            return Err(error);
        }
        let content = answer.content.take();
        answer.content = match &record.request.question {
            Some(question) => content.map(|content| question.completed(content)),
            None => content,
        };
        check(&record.request, &answer)?;
        let rule = remembered(&record, &answer, &answerer, now);
        let decision = match answer.approve {
            Approve::Yes => ApprovalDecision::Approved,
            Approve::No => ApprovalDecision::Denied,
        };
        let resolution = ApprovalResolution {
            scope: answer.scope,
            rule_id: rule.as_ref().map(|rule| rule.id),
            answer: answer.content,
            note: answer.note,
            ..ApprovalResolution::new(&record.request, decision, answerer)
        };
        match self.resolve(&record, resolution, rule).await {
            Ok(record) => Ok(record),
            Err(StoreError::Conflict { what: "rules", .. }) => Err(ApprovalError::TooManyRules),
            Err(StoreError::Conflict { .. }) => {
                let now = self.get(id).await?;
                Err(already(&now).unwrap_or(ApprovalError::Expired(id)))
            }
            Err(StoreError::NotFound { .. }) => Err(ApprovalError::NotFound(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// One request.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn get(&self, id: ApprovalId) -> Result<ApprovalRecord, ApprovalError> {
        self.shared.store.approval(id).await?.ok_or(ApprovalError::NotFound(id))
    }

    /// Requests that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        filter: ApprovalFilter,
        limit: usize,
    ) -> Result<Page<ApprovalRecord>, StoreError> {
        self.shared.store.approvals(filter, limit).await
    }

    /// All rules, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rules(&self) -> Result<Arc<[ApprovalRule]>, StoreError> {
        self.shared.store.approval_rules().await
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// When there are too many, or it could not be written.
    pub async fn add_rule(
        &self,
        rule: ApprovalRule,
        answerer: Answerer,
    ) -> Result<(), ApprovalError> {
        let action = AuditAction::RuleAdded { rule: rule.clone() };
        let audit = audited(self.shared.clock.now(), answerer, action);
        match self.shared.store.add_approval_rule(rule, audit).await {
            Err(StoreError::Conflict { .. }) => Err(ApprovalError::TooManyRules),
            other => Ok(other?),
        }
    }

    /// Takes a rule back. Calls that it allowed and that began go on.
    ///
    /// # Errors
    /// When there is none, or it could not be written.
    pub async fn remove_rule(&self, id: RuleId, answerer: Answerer) -> Result<(), ApprovalError> {
        let rules = self.rules().await?;
        let unknown = || ApprovalError::UnknownRule(id);
        let rule = rules.iter().find(|rule| rule.id == id).ok_or_else(unknown)?;
        let action = AuditAction::RuleRemoved { rule_id: id, pattern: rule.pattern.clone() };
        let audit = audited(self.shared.clock.now(), answerer, action);
        let removed = self.shared.store.remove_approval_rule(id, audit).await?;
        if removed { Ok(()) } else { Err(unknown()) }
    }

    /// What was decided by whom, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        self.shared.store.approval_audit(before, limit).await
    }

    /// What people are asked about.
    pub fn policies(&self) -> &ApprovalPolicies {
        &self.shared.policies
    }

    /// A request for a call, or for the answer to a question that it has.
    pub(crate) fn request(&self, asked: Asked<'_>, now: Timestamp) -> ApprovalRequest {
        let Asked { run_id, origin, call_id, tool, effect, arguments, reason, question } = asked;
        let mut input = arguments.clone();
        redact_json(&self.shared.redactor, &mut input);
        let bound_to = match &question {
            Some(question) => serde_json::to_value(question).unwrap_or_default(),
            None => arguments.clone(),
        };
        ApprovalRequest {
            approval_id: ApprovalId::generate(),
            call_id: call_id.clone(),
            tool: ToolName::clone(tool),
            input,
            effect,
            reason,
            origin: origin.clone(),
            expires_at: later(now, self.shared.expiry),
            fingerprint: CallFingerprint::of(run_id, call_id, tool.as_str(), &bound_to),
            arguments_fingerprint: ArgumentsFingerprint::of_value(arguments),
            question,
        }
    }

    /// Tells people that they are asked.
    pub(crate) fn show_request(&self, record: &ApprovalRecord) {
        self.shared.surfaces.iter().for_each(|surface| surface.requested(record));
    }

    /// Tells people that it was decided.
    fn show_decision(&self, record: &ApprovalRecord) {
        self.shared.surfaces.iter().for_each(|surface| surface.resolved(record));
    }

    /// Decides a request because time is over or its run is. Whoever was faster stays in the right.
    pub(crate) async fn close(
        &self,
        record: &ApprovalRecord,
        decision: ApprovalDecision,
    ) -> Result<ApprovalRecord, StoreError> {
        let resolution = ApprovalResolution::new(&record.request, decision, Answerer::nobody());
        match self.resolve(record, resolution, None).await {
            Err(error @ StoreError::Conflict { .. }) => {
                let found = self.shared.store.approval(record.id()).await?;
                found.filter(|found| found.resolved.is_some()).ok_or(error)
            }
            resolved => resolved,
        }
    }

    async fn resolve(
        &self,
        record: &ApprovalRecord,
        resolution: ApprovalResolution,
        rule: Option<ApprovalRule>,
    ) -> Result<ApprovalRecord, StoreError> {
        let at = self.shared.clock.now();
        let action = AuditAction::ApprovalResolved {
            approval_id: record.id(),
            session_id: record.session_id,
            run_id: record.run_id,
            tool: record.request.tool.clone(),
            input: record.request.input.clone(),
            decision: resolution.decision,
            scope: resolution.scope,
            rule_id: resolution.rule_id,
        };
        let by = Answerer {
            by: resolution.by.clone(),
            via: Arc::clone(&resolution.via),
            from: resolution.from.clone(),
        };
        let audit = audited(at, by, action);
        let resolution = Arc::new(resolution);
        let resolve = ResolveApproval { resolution, at, rule, audit };
        let resolved = self.shared.store.resolve_approval(resolve).await?;
        self.show_decision(&resolved);
        Ok(resolved)
    }
}

fn audited(at: Timestamp, answerer: Answerer, action: AuditAction) -> AuditEntry {
    let Answerer { by, via, from } = answerer;
    AuditEntry { id: AuditId::generate(), at, by, via, from, action }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.as_unix_micros().saturating_add(micros))
}

impl fmt::Debug for ApprovalManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalManager")
            .field("policies", &self.shared.policies)
            .field("expiry", &self.shared.expiry)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ApprovalManagerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalManagerBuilder").finish_non_exhaustive()
    }
}
