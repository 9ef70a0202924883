//! How work gets in: admitted once, in order, and before its source is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::profile::AgentProfile;
use crate::store::Lane;
use crate::store::NewEntry;
use crate::store::Priority;
use crate::store::StoreError;

/// How long an idempotency key is remembered at least: longer than any source repeats itself.
pub const KEY_RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many runs and inputs may wait in one session; more are refused with [`StoreError::Busy`].
pub const MAX_WAITING: usize = 64;

/// The queue as those see it who bring work.
///
/// # For implementors
/// - Each method is one transaction; when it returns, its effect survives the death of the process.
/// - Dropping a returned future may leave the whole effect or none of it.
/// - Times come from the caller; a store asks no clock.
#[async_trait]
pub trait RunQueue: fmt::Debug + Send + Sync + 'static {
    /// Writes a run's `run_admitted` entry and puts it in the queue, with its session if that is missing.
    ///
    /// With a key that was given before, nothing is written and the answer is the run that the first
    /// message became or joined. Only when this returned may the source be told that the message arrived.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when [`MAX_WAITING`] wait in the session, or when it could not be written.
    async fn admit(&self, run: NewRun) -> Result<Admission, StoreError>;

    /// Asks a run to stop. One that nobody ever began is ended at once, with its `run_finished` entry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when no such run was ever queued, or when it could not be written.
    async fn request_cancel(&self, cancel: CancelRequest) -> Result<Cancellation, StoreError>;
}

/// What happens to a message that arrives while its session has work.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum QueueMode {
    /// It joins the run at its next turn.
    #[default]
    Steer,
    /// It gets a run of its own, after those that wait.
    Queue,
    /// It stops the run and gets one of its own, before those that wait.
    Interrupt,
}

/// A message's name at its source, so that it is taken in once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Who gave it: keys of different sources never meet.
    pub source: Arc<str>,
    /// The channel's message id, the webhook's delivery id, the schedule's slot, the client's request id.
    pub key: Arc<str>,
}

impl IdempotencyKey {
    /// A key as the source gave it.
    pub fn new(source: impl Into<Arc<str>>, key: impl Into<Arc<str>>) -> Self {
        Self { source: source.into(), key: key.into() }
    }
}

/// Where the reply to a run is owed.
///
/// It names a place, not a message: two messages of one chat have equal
/// addresses, so that a run which both joined is answered there once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplyAddress {
    /// The sink that understands the address.
    pub kind: Arc<str>,
    /// The place, in the words of that sink.
    pub address: serde_json::Value,
}

/// A run to be admitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id, unless its message joins another run.
    pub run_id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// The time of admission.
    pub at: Timestamp,
    /// What admits it.
    pub trigger: Trigger,
    /// Who asks.
    pub origin: Origin,
    /// What is asked.
    pub input: Arc<Message>,
    /// The model to ask instead of the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// The run that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<RunId>,
    /// What it may spend instead of the agent's budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The agent that it is to be, instead of the one everybody gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Arc<AgentProfile>>,
    /// What happens if the session has work.
    #[serde(default)]
    pub mode: QueueMode,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// The lane that it keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// The name of the message at its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
    /// Where the reply is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyAddress>,
    /// Where its end is told as well: what follows from a run whoever waits for its reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_tell: Option<ReplyAddress>,
}

impl NewRun {
    /// A message of the owner for a session, as a run with a new id.
    pub fn new(session_id: SessionId, input: Message, at: Timestamp) -> Self {
        Self {
            run_id: RunId::generate(),
            session_id,
            at,
            trigger: Trigger::default(),
            origin: Origin::default(),
            input: Arc::new(input),
            model: None,
            parent_run_id: None,
            budget: None,
            profile: None,
            mode: QueueMode::default(),
            priority: Priority::default(),
            lane: None,
            key: None,
            reply_to: None,
            also_tell: None,
        }
    }

    /// The places that are told of its end.
    #[cfg(feature = "sqlite")]
    pub(super) fn told(&self) -> impl Iterator<Item = &ReplyAddress> {
        self.reply_to.iter().chain(&self.also_tell)
    }

    /// Whether the message may join a run of this origin.
    ///
    /// Somebody else's words, or words that are trusted less, never enter a run
    /// that was admitted with more trust: they get a run of their own.
    pub fn may_join(&self, run: &Origin) -> bool {
        self.mode == QueueMode::Steer
            && self.origin.user == run.user
            && self.origin.trust >= run.trust
    }

    /// The entry that admits the run.
    pub fn entry(&self) -> NewEntry {
        NewEntry {
            run_id: self.run_id,
            at: self.at,
            kind: EventKind::RunAdmitted {
                trigger: self.trigger,
                origin: self.origin.clone(),
                input: Arc::clone(&self.input),
                model: self.model.clone(),
                parent_run_id: self.parent_run_id,
                budget: self.budget,
                profile: self.profile.clone(),
            },
        }
    }
}

/// What became of a message. Events of the session after `seq` tell what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has a run of its own.
    Admitted {
        /// The number of its `run_admitted` entry.
        seq: u64,
    },
    /// It was taken in before, under the same key; nothing was written.
    Known {
        /// The run it became or joined.
        run_id: RunId,
        /// As it was answered the first time.
        seq: u64,
    },
    /// It waits for a run that began earlier, and joins that at its next turn.
    Joined {
        /// The run.
        run_id: RunId,
        /// The newest entry of the session at that time.
        seq: u64,
    },
}

/// A wish that a run stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelRequest {
    /// The run.
    pub run_id: RunId,
    /// The time of the wish.
    pub at: Timestamp,
}

/// What became of a wish that a run stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// Nobody had begun it; it has ended.
    Ended {
        /// The number of its `run_finished` entry.
        seq: u64,
    },
    /// The worker that drives it, or the next that does, will see it.
    Requested,
    /// It had ended before.
    Over,
}
