//! What a run is asked to do.

use std::sync::Arc;

use crate::budget::Budget;
use crate::budget::BudgetMeter;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::profile::AgentProfile;

/// What a run is asked to do, by whom, and within which limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// What is asked.
    pub input: Message,
    /// The conversation it belongs to; a new one where absent.
    pub session_id: Option<SessionId>,
    /// The id the run shall have; a new one where absent.
    pub run_id: Option<RunId>,
    /// The model to ask instead of the agent's.
    pub model: Option<ModelName>,
    /// What admitted it.
    pub trigger: Trigger,
    /// Who asked.
    pub origin: Origin,
    /// The run that asks for it, and the meter that pays.
    pub parent: Option<(RunId, BudgetMeter)>,
    /// What it may spend instead of the agent's budget.
    pub budget: Option<Budget>,
    /// What it is instead of the agent.
    pub profile: Option<Arc<AgentProfile>>,
}

impl RunRequest {
    /// A request of the owner in a new session.
    pub fn new(input: impl Into<Message>) -> Self {
        Self {
            input: input.into(),
            session_id: None,
            run_id: None,
            model: None,
            trigger: Trigger::Message,
            origin: Origin::default(),
            parent: None,
            budget: None,
            profile: None,
        }
    }

    /// Continues a conversation.
    pub fn in_session(mut self, session_id: SessionId) -> Self {
        self.session_id = Some(session_id);
        self
    }

    /// Gives the run an id made before.
    pub fn with_run_id(mut self, run_id: RunId) -> Self {
        self.run_id = Some(run_id);
        self
    }

    /// Asks this model instead of the agent's.
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Says what admitted the run.
    pub fn with_trigger(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    /// Says who asked.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Says which run asks; what this one spends is charged there too.
    pub fn for_parent(mut self, run_id: RunId, budget: BudgetMeter) -> Self {
        self.parent = Some((run_id, budget));
        self
    }

    /// Makes the run another agent: with other instructions, fewer tools, fewer rights.
    pub fn with_profile(mut self, profile: AgentProfile) -> Self {
        self.profile = Some(Arc::new(profile));
        self
    }

    /// Limits the run otherwise than the agent does.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

impl<M: Into<Message>> From<M> for RunRequest {
    fn from(input: M) -> Self {
        Self::new(input)
    }
}
