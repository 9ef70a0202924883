//! Asking people: whether a tool call may be made, and questions that a tool has.
//!
//! A [`verdict`] is a pure decision (policies, rules, the origin's trust). Where it says to ask, the
//! loop writes an `approval_requested` entry and waits; whoever answers (an API, a command line, a
//! channel) does it through the [`ApprovalManager`], which decides once and for all by compare-and-set and
//! writes `approval_resolved` in the same transaction. So a request outlives its process: whoever goes on
//! with the run waits on for the very call.

mod asking;
mod fingerprint;
mod pattern;
mod policy;
mod question;
mod request;
mod rule;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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

pub(crate) use self::asking::Asked;
pub(crate) use self::asking::Asker;
pub(crate) use self::asking::PersonsTime;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RuleId;
use crate::id::ToolName;
use crate::redaction::Redactor;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::ApprovalStore;
use crate::store::AuditAction;
use crate::store::AuditEntry;
use crate::store::Page;
use crate::store::ResolveApproval;
use crate::store::StoreError;
use serde_json::Value;

/// How long a request waits unless it is told otherwise.
pub const APPROVAL_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// The longest note that goes with a decision, in bytes.
const MAX_NOTE: usize = 4_000;

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
    redactor: Option<Redactor>,
    surfaces: Vec<Arc<dyn ApprovalSurface>>,
}

/// A place where people see what waits for them: a channel, a desktop notice.
///
/// Register it with [`ApprovalManagerBuilder::surface`]; it is told of requests that the agents of this
/// process make, and of decisions that are taken in it or that its agents waited for. It collects answers however it likes (buttons, replies) and
/// hands each to [`ApprovalManager::decide`], whose error tells who was faster.
///
/// Both methods are called in the task that drives a run or answers a request: they must return at once, and
/// send from a task of their own. After a start, [`ApprovalManager::list`] has what was asked before.
pub trait ApprovalSurface: fmt::Debug + Send + Sync + 'static {
    /// Somebody is asked. May be told twice for the same request after a recovery.
    fn requested(&self, approval: &ApprovalRecord);

    /// It was decided: take buttons away. May be told twice.
    fn resolved(&self, approval: &ApprovalRecord) {
        let _ = approval;
    }
}

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

/// Why an answer did not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// There is no such request; list what there is.
    #[error("no approval with id {0}")]
    NotFound(ApprovalId),
    /// Somebody was faster.
    #[error("approval {id} was {} already, by {by} via {via}", .state.name())]
    Decided {
        /// The request.
        id: ApprovalId,
        /// How it was decided.
        state: ApprovalState,
        /// By whom.
        by: String,
        /// On which surface.
        via: String,
    },
    /// Its time is over; ask the agent again.
    #[error("approval {0} has expired; ask for the work again")]
    Expired(ApprovalId),
    /// Its run is over; nothing waits for it any more.
    #[error("approval {0} is void since its run has ended")]
    RunEnded(ApprovalId),
    /// The answer does not fit the request.
    #[error("{field}: {message}")]
    Invalid {
        /// The part of the answer that is wrong.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// There is no such rule.
    #[error("no rule with id {0}")]
    UnknownRule(RuleId),
    /// There are too many; remove some.
    #[error("there are {MAX_RULES} rules already; remove some before you add another")]
    TooManyRules,
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
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
        self.0.redactor = Some(redactor);
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
            redactor: None,
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
        answer: Answer,
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
        if let Some(redactor) = &self.shared.redactor {
            input = redactor.cleaned(input);
        }
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

/// What is wrong with deciding this, if it was decided.
fn already(record: &ApprovalRecord) -> Option<ApprovalError> {
    let resolution = &record.resolved.as_ref()?.resolution;
    let (id, state) = (record.id(), record.state());
    Some(match state {
        ApprovalState::Abandoned => ApprovalError::RunEnded(id),
        ApprovalState::Expired => ApprovalError::Expired(id),
        ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Denied => {
            let (by, via) = (resolution.by.to_string(), resolution.via.to_string());
            ApprovalError::Decided { id, state, by, via }
        }
    })
}

fn check(request: &ApprovalRequest, answer: &Answer) -> Result<(), ApprovalError> {
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
fn remembered(
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
