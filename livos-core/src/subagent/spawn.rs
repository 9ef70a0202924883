//! Starts a sub-agent, and sends one more messages.

use std::sync::Arc;

use super::SubagentError;
use super::SubagentManager;
use super::named::within;
use super::named::within_budget;
use super::result_sink::result_address;
use super::wait::may_pass;
use super::wait::record;
use super::wait::stand_by;
use crate::budget::Budget;
use crate::crash_point::CrashPoint;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::AgentName;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolName;
use crate::message::Message;
use crate::origin::Trigger;
use crate::pause::Pauses;
use crate::profile::AgentProfile;
use crate::profile::Duty;
use crate::profile::SharedBudget;
use crate::profile::Spawning;
use crate::store::Admission;
use crate::store::IdempotencyKey;
use crate::store::Lane;
use crate::store::NewRun;
use crate::store::QueueMode;
use crate::store::RunState;
use crate::store::SessionRecord;
use crate::tool::ToolContext;

/// The source of the idempotency keys: one child, or message to one, for each tool call.
const SOURCE: &str = "subagent";
/// The longest task, in bytes.
const MAX_TASK: usize = 64 * 1_024;
/// The longest title made of a task, in bytes.
const MAX_TITLE: usize = 80;

/// What a sub-agent shall do, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubagentTask {
    /// What it shall do. It knows nothing else of the conversation.
    pub task: String,
    /// The named agent that shall do it.
    pub agent: Option<AgentName>,
    /// Its instructions instead of its parent's, unless a named agent has its own.
    pub instructions: Option<String>,
    /// The only tools it may use, of those its parent has.
    pub tools: Option<Vec<ToolName>>,
    /// The model it asks instead of its parent's.
    pub model: Option<ModelName>,
    /// What it may spend; at most what the limits say and its parent has left.
    pub budget: Option<Budget>,
    /// Who gets what it says at the end.
    pub reporting: Reporting,
}

/// Who gets what a sub-agent says at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reporting {
    /// Whoever started it waits for it.
    #[default]
    ToCaller,
    /// The session that started it, as a message: it joins what runs there, or begins a run.
    ToSession,
}

impl SubagentTask {
    /// A task for a sub-agent like its parent, which waits for it.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            task: task.into(),
            agent: None,
            instructions: None,
            tools: None,
            model: None,
            budget: None,
            reporting: Reporting::default(),
        }
    }

    /// Gives it to a named agent.
    #[must_use]
    pub fn by(mut self, agent: impl Into<AgentName>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Gives it instructions of its own.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Lets it use only these tools.
    #[must_use]
    pub fn with_tools<T: Into<ToolName>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Lets it ask this model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Limits what it may spend.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Says who gets the result.
    #[must_use]
    pub fn reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }
}

/// A sub-agent that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spawned {
    /// Its session.
    pub session_id: SessionId,
    /// Its run, or the one that a message joined.
    pub run_id: RunId,
    /// What of the parent's budget is set aside for it.
    pub budget: Budget,
}

/// What a child is admitted with, once everything was checked.
struct Terms {
    profile: AgentProfile,
    model: Option<ModelName>,
    budget: Budget,
}

impl SubagentManager {
    /// Starts a sub-agent for a tool call. When this returns the child is in the store; the same
    /// call again, after a crash, gets the same child. While the store does not answer it tries again:
    /// the child may be there already.
    ///
    /// # Errors
    /// [`SubagentError::MayNotSpawn`] when the caller is a sub-agent itself, and errors that name the
    /// field; nothing was started then.
    pub async fn spawn(
        &self,
        caller: &ToolContext,
        task: SubagentTask,
    ) -> Result<Spawned, SubagentError> {
        let mut pauses = Pauses::short();
        loop {
            match self.try_spawn(caller, task.clone()).await {
                Err(SubagentError::Store(error)) if may_pass(&error) => {
                    stand_by(&error, &mut pauses).await;
                }
                done => return done,
            }
        }
    }

    async fn try_spawn(
        &self,
        caller: &ToolContext,
        task: SubagentTask,
    ) -> Result<Spawned, SubagentError> {
        if !caller.may_spawn() {
            return Err(SubagentError::MayNotSpawn);
        }
        let session_id = SessionId::derived(caller.run_id(), caller.call_id());
        // A call that is made again has its child already, whatever is left by now.
        if let Some(spawned) = self.started_before(caller, session_id).await? {
            return Ok(spawned);
        }
        within("task", &task.task, MAX_TASK)?;
        let terms = self.terms(caller, &task).await?;
        let parent = caller.session_id();
        let children = self.child_sessions(parent).await?;
        let is_known = children.iter().any(|child| child.id == session_id);
        if !is_known && children.len() >= self.limits.children {
            return Err(SubagentError::TooMany { limit: self.limits.children });
        }
        let mut session = SessionRecord::new(session_id, self.clock.now());
        session.title = Some(title(&task.task));
        session.parent = Some(parent);
        self.store.create_session(session).await?;
        let input = Message::user(task.task);
        self.admit(caller, session_id, terms, input, task.reporting).await
    }

    /// Sends a child of the caller's session another message: it joins what runs there, or begins a
    /// run. The result goes to the caller's session. While the store does not answer it tries again.
    ///
    /// # Errors
    /// [`SubagentError::ForeignSession`] and [`SubagentError::Finished`], or when it could not be written.
    pub async fn send(
        &self,
        caller: &ToolContext,
        child: SessionId,
        message: String,
    ) -> Result<Spawned, SubagentError> {
        let mut pauses = Pauses::short();
        loop {
            match self.try_send(caller, child, message.clone()).await {
                Err(SubagentError::Store(error)) if may_pass(&error) => {
                    stand_by(&error, &mut pauses).await;
                }
                done => return done,
            }
        }
    }

    async fn try_send(
        &self,
        caller: &ToolContext,
        child: SessionId,
        message: String,
    ) -> Result<Spawned, SubagentError> {
        if !caller.may_spawn() {
            return Err(SubagentError::MayNotSpawn);
        }
        within("message", &message, MAX_TASK)?;
        let newest = self.own_child(caller.session_id(), child).await?.state;
        if matches!(newest, RunState::Cancelled | RunState::Exhausted) {
            return Err(SubagentError::Finished(child));
        }
        let profile = AgentProfile {
            draws_on: Some(shared_budget(caller)),
            ..self.first_profile(child).await?
        };
        let budget = self.share(caller, None)?;
        let terms = Terms { profile, model: None, budget };
        self.admit(caller, child, terms, Message::user(message), Reporting::ToSession).await
    }

    async fn admit(
        &self,
        caller: &ToolContext,
        session_id: SessionId,
        terms: Terms,
        input: Message,
        reporting: Reporting,
    ) -> Result<Spawned, SubagentError> {
        let parent = caller.run_id();
        let mut run = NewRun::new(session_id, input, self.clock.now());
        let admitted = run.run_id;
        run.trigger = Trigger::Subagent;
        run.origin = caller.origin().clone();
        run.model = terms.model;
        run.parent_run_id = Some(parent);
        run.budget = Some(terms.budget);
        run.profile = Some(Arc::new(terms.profile));
        run.mode = QueueMode::Steer;
        run.lane = Some(Lane::new(format!("subagents:{parent}"), self.limits.concurrent));
        run.key = Some(IdempotencyKey::new(SOURCE, format!("{parent}:{}", caller.call_id())));
        run.reply_to = match reporting {
            Reporting::ToCaller => None,
            Reporting::ToSession => Some(result_address(caller.session_id())),
        };
        let task = run.input.text();
        let (run_id, began) = match self.store.admit(run).await? {
            Admission::Admitted { .. } => (admitted, true),
            Admission::Known { run_id, seq } => {
                let entries = self.store.read(session_id, seq.saturating_sub(1), 1).await?;
                let is_its = |input: &Message| input.text() == task;
                let began = admission(&entries)
                    .is_some_and(|(id, input, ..)| id == run_id && is_its(input));
                (run_id, began)
            }
            Admission::Joined { run_id, .. } => (run_id, false),
        };
        CrashPoint::SubagentAdmitted.pass();
        if began {
            record(caller, started(caller, session_id, run_id, task)).await?;
        }
        Ok(Spawned { session_id, run_id, budget: terms.budget })
    }

    /// What a call started that was made before: the process died since.
    async fn started_before(
        &self,
        caller: &ToolContext,
        session_id: SessionId,
    ) -> Result<Option<Spawned>, SubagentError> {
        let entries = self.store.read(session_id, 0, 1).await?;
        let Some((run_id, input, budget)) = admission(&entries) else { return Ok(None) };
        record(caller, started(caller, session_id, run_id, input.text())).await?;
        Ok(Some(Spawned { session_id, run_id, budget: budget.unwrap_or(self.limits.budget) }))
    }

    /// What the child may use: never more than its parent has.
    async fn terms(
        &self,
        caller: &ToolContext,
        task: &SubagentTask,
    ) -> Result<Terms, SubagentError> {
        let named = match &task.agent {
            Some(name) => {
                let found = self.agent(name).await?;
                Some(found.ok_or_else(|| SubagentError::UnknownAgent(name.clone()))?.0)
            }
            None => None,
        };
        let model = task.model.clone().or_else(|| named.as_ref()?.model.clone());
        self.check_model(model.as_ref())?;
        let inherited = caller.profile().cloned().unwrap_or_default();
        let instructions = match (&named, &task.instructions) {
            (Some(named), _) => Some(Arc::from(named.instructions.as_str())),
            (None, Some(own)) => Some(Arc::from(own.as_str())),
            (None, None) => inherited.instructions,
        };
        let own = named.as_ref().and_then(|named| named.tools.as_ref());
        let wanted = task.tools.clone().or_else(|| own.map(|own| own.iter().cloned().collect()));
        let tools = match wanted {
            Some(wanted) => Some(passed_on(caller, wanted)?),
            None => inherited.tools,
        };
        let asked = task.budget.or_else(|| named.as_ref().and_then(|named| named.budget));
        Ok(Terms {
            profile: AgentProfile {
                agent: task.agent.clone().or(inherited.agent),
                instructions,
                tools,
                spawning: Spawning::Denied,
                duty: Duty::Assist,
                draws_on: Some(shared_budget(caller)),
            },
            model,
            budget: self.share(caller, asked)?,
        })
    }

    /// What the child gets of its parent's budget.
    fn share(&self, caller: &ToolContext, asked: Option<Budget>) -> Result<Budget, SubagentError> {
        let left = caller.budget().left(caller.now());
        let limit = self.limits.budget;
        if let Some(asked) = asked {
            within_budget(&asked, &limit)?;
        }
        let asked = asked.unwrap_or(limit);
        let share = Budget {
            turns: asked.turns,
            tokens: asked.tokens.min(left.tokens),
            wall_clock: asked.wall_clock.min(left.wall_clock),
            cost: match (asked.cost, left.cost) {
                (Some(asked), Some(left)) => Some(asked.min(left)),
                (asked, left) => asked.or(left),
            },
        };
        if share.tokens == 0 || share.wall_clock.is_zero() {
            let over = |field| SubagentError::OverBudget { field, asked: 1, limit: 0 };
            return Err(over(if share.tokens == 0 { "tokens" } else { "seconds" }));
        }
        Ok(share)
    }
}

/// The budget that agents spend together with who asks for them.
fn shared_budget(caller: &ToolContext) -> SharedBudget {
    let Budget { tokens, cost, .. } = caller.budget().limit();
    SharedBudget { run_id: caller.run_id(), tokens, cost }
}

/// The run that an entry admits, what it was told, and what it may spend.
fn admission(entries: &[AgentEvent]) -> Option<(RunId, &Message, Option<Budget>)> {
    let entry = entries.first()?;
    match &entry.kind {
        EventKind::RunAdmitted { input, budget, .. } => Some((entry.run_id, input, *budget)),
        _ => None,
    }
}

/// The entry that tells of an agent.
fn started(
    caller: &ToolContext,
    child_session_id: SessionId,
    child_run_id: RunId,
    task: String,
) -> EventKind {
    let call_id = caller.call_id().clone();
    EventKind::SubagentStarted { call_id, child_session_id, child_run_id, task }
}

/// The tools that a child gets, all of which its parent has.
fn passed_on(
    caller: &ToolContext,
    wanted: Vec<ToolName>,
) -> Result<Arc<[ToolName]>, SubagentError> {
    for tool in &wanted {
        if caller.tools().spec(tool.as_str()).is_none() {
            let specs = caller.tools().specs();
            let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(SubagentError::UnknownTool { tool: tool.clone(), known: known.join(", ") });
        }
    }
    Ok(wanted.into())
}

/// The beginning of a task, to tell sessions by.
fn title(task: &str) -> String {
    let line = task.trim().lines().next().unwrap_or_default();
    let end = line.floor_char_boundary(MAX_TITLE);
    line.get(..end).unwrap_or_default().trim_end().to_owned()
}
