//! Replies that are owed, until there is a receipt.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::WorkerId;
use crate::store::LeaseToken;
use crate::store::Page;
use crate::store::ReplyAddress;
use crate::store::StoreError;

/// Replies owed to addresses. They are put here by the append that ends their run.
///
/// # For implementors
/// - A delivery is in flight with one worker at a time; each claim has a greater [`LeaseToken`].
/// - Nothing leaves but with its session; what cannot be delivered stays visible as dead.
/// - Times come from the caller; a store asks no clock.
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync + 'static {
    /// Takes replies whose time has come, and those in flight with a worker whose lease expired, oldest first.
    ///
    /// # Errors
    /// When it could not be written.
    async fn claim_due(&self, claim: DeliveryClaim) -> Result<DueDeliveries, StoreError>;

    /// Writes down what became of an attempt.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has the delivery meanwhile, or it could not be written.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Makes a dead or ambiguous delivery due again, since somebody decided so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Conflict`] when it is in another state.
    async fn requeue(
        &self,
        id: DeliveryId,
        due_at: Timestamp,
    ) -> Result<DeliveryRecord, StoreError>;

    /// Deliveries that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Page<DeliveryRecord>, StoreError>;
}

/// What is said when a run is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How the run ended.
    pub status: RunStatus,
    /// The last text of the assistant.
    pub text: String,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

impl Reply {
    /// What the entry that ends a run says; none for other entries.
    pub fn of(kind: &EventKind) -> Option<Self> {
        let EventKind::RunFinished { status, text, error, .. } = kind else { return None };
        Some(Self { status: *status, text: text.clone(), error: error.clone() })
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent at its time.
    Due,
    /// A worker is sending it.
    InFlight,
    /// There is a receipt.
    Delivered,
    /// It may have arrived, the platform cannot tell, and sending it again could say it twice.
    Ambiguous,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// Its name in lists and in stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::InFlight => "in_flight",
            Self::Delivered => "delivered",
            Self::Ambiguous => "ambiguous",
            Self::Dead => "dead",
        }
    }
}

/// A reply owed to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Its id: the same for every attempt.
    pub id: DeliveryId,
    /// The run that it answers for.
    pub run_id: RunId,
    /// The session of the run.
    pub session_id: SessionId,
    /// Where it goes.
    pub to: ReplyAddress,
    /// What is said.
    pub reply: Reply,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was attempted, the attempt under way and those whose worker died included.
    pub attempts: u32,
    /// How many attempts failed with an answer. Pauses grow with these and what fails too often is given
    /// up; the death of a worker says nothing about the address.
    #[serde(default)]
    pub failures: u32,
    /// Whether an attempt may have arrived: its worker died, or was not answered.
    pub possibly_sent: bool,
    /// When the run ended.
    pub created_at: Timestamp,
    /// When it is due; for one in flight, when its lease ends.
    pub next_at: Timestamp,
    /// What the last attempt failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What the platform gave for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// A worker that can send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// The worker.
    pub worker: WorkerId,
    /// The time now.
    pub now: Timestamp,
    /// How long it may take to settle each; at most [`MAX_LEASE`](super::MAX_LEASE).
    pub lease_for: Duration,
    /// How many it takes at most.
    pub limit: usize,
}

/// Deliveries to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DueDeliveries {
    /// Those that were claimed, oldest first.
    pub claimed: Vec<ClaimedDelivery>,
    /// When the next is due or loses its worker: look again then, or at the next signal.
    pub look_again_at: Option<Timestamp>,
}

/// A delivery to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// What to send; in flight, with this attempt counted.
    pub delivery: DeliveryRecord,
    /// Which of its claims this is.
    pub token: LeaseToken,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery.
    pub id: DeliveryId,
    /// Which of its claims it was.
    pub token: LeaseToken,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It arrived.
    Delivered {
        /// What the platform gave for it.
        receipt: String,
    },
    /// It did not arrive; try again.
    NotSent {
        /// When.
        retry_at: Timestamp,
        /// What happened.
        error: String,
    },
    /// It may have arrived; trying again does no harm, since the platform can tell.
    MaybeSent {
        /// When.
        retry_at: Timestamp,
        /// What happened.
        error: String,
    },
    /// It was not attempted, and counts as no attempt: it waits.
    Postponed {
        /// Until when.
        until: Timestamp,
        /// What for; told as long as no attempt failed.
        reason: String,
    },
    /// It may have arrived, and trying again could say it twice: somebody has to decide.
    Ambiguous {
        /// What happened.
        error: String,
    },
    /// It cannot arrive.
    Dead {
        /// Why.
        error: String,
    },
}

impl DeliveryRecord {
    /// A reply that is owed from now on.
    pub(super) fn owed(
        run_id: RunId,
        session_id: SessionId,
        to: ReplyAddress,
        reply: Reply,
        at: Timestamp,
    ) -> Self {
        Self {
            id: DeliveryId::generate(),
            run_id,
            session_id,
            to,
            reply,
            state: DeliveryState::Due,
            attempts: 0,
            failures: 0,
            possibly_sent: false,
            created_at: at,
            next_at: at,
            last_error: None,
            receipt: None,
        }
    }

    /// Makes it due again, since somebody decided so.
    pub(super) fn requeue(&mut self, due_at: Timestamp) -> Result<(), StoreError> {
        if !matches!(self.state, DeliveryState::Ambiguous | DeliveryState::Dead) {
            let found = format!("it is {}", self.state.name());
            return Err(StoreError::conflict("delivery", &self.id, found));
        }
        self.state = DeliveryState::Due;
        self.next_at = due_at;
        // Who decided knows what may have arrived, and why it should go better now.
        self.possibly_sent = false;
        self.failures = 0;
        Ok(())
    }

    /// Takes the end of an attempt into account. Stores check the claim before.
    pub fn settle(&mut self, outcome: DeliveryOutcome) {
        match outcome {
            DeliveryOutcome::Delivered { receipt } => {
                self.state = DeliveryState::Delivered;
                self.receipt = Some(receipt);
                self.last_error = None;
            }
            DeliveryOutcome::NotSent { retry_at, error } => self.retry(retry_at, error),
            DeliveryOutcome::MaybeSent { retry_at, error } => {
                self.retry(retry_at, error);
                self.possibly_sent = true;
            }
            DeliveryOutcome::Postponed { until, reason } => {
                self.state = DeliveryState::Due;
                self.next_at = until;
                self.attempts = self.attempts.saturating_sub(1);
                self.last_error.get_or_insert(reason);
            }
            DeliveryOutcome::Ambiguous { error } => {
                self.state = DeliveryState::Ambiguous;
                self.possibly_sent = true;
                self.last_error = Some(error);
            }
            DeliveryOutcome::Dead { error } => {
                self.state = DeliveryState::Dead;
                self.last_error = Some(error);
            }
        }
    }

    fn retry(&mut self, at: Timestamp, error: String) {
        self.state = DeliveryState::Due;
        self.next_at = at;
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
    }

    /// From when on it may be claimed: what was never looked at always, whatever the clock says later.
    pub(super) fn claimable_at(&self) -> Timestamp {
        let is_new = self.state == DeliveryState::Due && self.attempts == 0;
        if is_new && self.next_at == self.created_at {
            return Timestamp::from_unix_micros(0);
        }
        self.next_at
    }

    /// Hands it to a worker. One whose worker died may have been sent.
    pub(super) fn hand_out(&mut self, expires_at: Timestamp) {
        self.possibly_sent |= self.state == DeliveryState::InFlight;
        self.state = DeliveryState::InFlight;
        self.attempts = self.attempts.saturating_add(1);
        self.next_at = expires_at;
    }
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Only those that stand here.
    pub state: Option<DeliveryState>,
    /// Only those of this session.
    pub session_id: Option<SessionId>,
    /// Only those that answer for this run.
    pub run_id: Option<RunId>,
    /// Only those owed before this one.
    pub before: Option<DeliveryId>,
}

impl DeliveryFilter {
    /// Whether a delivery is to be listed.
    pub fn accepts(&self, delivery: &DeliveryRecord) -> bool {
        self.state.is_none_or(|state| state == delivery.state)
            && self.session_id.is_none_or(|id| id == delivery.session_id)
            && self.run_id.is_none_or(|id| id == delivery.run_id)
            && self.before.is_none_or(|id| delivery.id < id)
    }
}
