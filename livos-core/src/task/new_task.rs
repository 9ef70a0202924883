//! What somebody wants done.

use std::sync::Arc;

use super::TaskError;
use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::id::ModelName;
use crate::id::SessionId;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::profile::AgentProfile;
use crate::store::IdempotencyKey;
use crate::store::NewRun;
use crate::store::Priority;
use crate::store::ReplyAddress;

/// The longest text of a task, in bytes.
const MAX_TEXT: usize = 256 * 1_024;
/// The longest title made of a text, in bytes.
const MAX_TITLE: usize = 80;

/// What somebody wants done in the background.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewTask {
    /// What is to be done.
    pub text: String,
    /// Who asks.
    pub origin: Origin,
    /// How urgent it is.
    pub priority: Priority,
    /// The model to ask instead of the agent's.
    pub model: Option<ModelName>,
    /// What it may spend instead of the agent's budget.
    pub budget: Option<Budget>,
    /// The agent that does it instead of the one everybody gets.
    pub profile: Option<AgentProfile>,
    /// The name of the request at its source: given again, it is the same task.
    pub key: Option<IdempotencyKey>,
    /// Where the result is owed.
    pub reply_to: Option<ReplyAddress>,
}

impl NewTask {
    /// A task of the owner.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            origin: Origin::default(),
            priority: Priority::default(),
            model: None,
            budget: None,
            profile: None,
            key: None,
            reply_to: None,
        }
    }

    /// Says who asks.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Says how urgent it is.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Limits what it may spend.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    pub(super) fn check(&self) -> Result<(), TaskError> {
        let invalid = |problem: String| Err(TaskError::Invalid { field: "task", problem });
        if self.text.trim().is_empty() {
            return invalid("must not be empty".to_owned());
        }
        if self.text.len() > MAX_TEXT {
            return invalid(format!("has {} bytes, at most {MAX_TEXT} are taken", self.text.len()));
        }
        Ok(())
    }

    /// What people tell its session by.
    pub(super) fn title(&self) -> String {
        let line = self.text.trim().lines().next().unwrap_or_default();
        let end = line.floor_char_boundary(MAX_TITLE);
        line.get(..end).unwrap_or_default().trim_end().to_owned()
    }

    pub(super) fn into_run(self, session_id: SessionId, at: Timestamp) -> NewRun {
        let mut run = NewRun::new(session_id, Message::user(self.text), at);
        run.trigger = Trigger::Task;
        run.origin = self.origin;
        run.priority = self.priority;
        run.model = self.model;
        run.budget = self.budget;
        run.profile = self.profile.map(Arc::new);
        run.key = self.key;
        run.reply_to = self.reply_to;
        run
    }
}
