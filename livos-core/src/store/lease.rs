//! How work gets done: by one worker at a time, which may die.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::WorkerId;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::store::NewRun;
use crate::store::StoreError;

/// The longest a lease may be asked for.
///
/// One that ends later than this from now was given before the clock was set
/// back; it counts as expired, so that a dead worker's run is not kept for an hour.
pub const MAX_LEASE: Duration = Duration::from_secs(15 * 60);

/// The queue as those see it who drive runs.
///
/// A run is claimed, renewed while it is driven, and ends with its
/// `run_finished` entry, [appended](super::Journal::append) under the lease. That one
/// transaction takes it out of the queue, owes the reply to every address, and makes
/// inputs that nobody took into the next run of the session.
///
/// # For implementors
/// - At most one run of a session is claimed at a time; the runs of a session are claimed in order.
/// - Every claim gives a [`LeaseToken`] greater than all before it. Whoever has an older one is refused.
/// - Times come from the caller; a store asks no clock.
#[async_trait]
pub trait RunLeases: fmt::Debug + Send + Sync + 'static {
    /// Takes the oldest run that may be driven: one whose lease expired, or else one that waits first in its session.
    ///
    /// # Errors
    /// When it could not be written.
    async fn claim(&self, claim: ClaimRequest) -> Result<Claimed, StoreError>;

    /// Keeps a lease alive, and learns what happened meanwhile.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has the run, or it ended; stop driving it at once.
    async fn renew(&self, renewal: RenewRequest) -> Result<Renewal, StoreError>;

    /// Gives a run back, unfinished, for another worker to go on with.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has the run, or it ended.
    async fn release(&self, lease: Lease) -> Result<(), StoreError>;

    /// The inputs that wait for a run, in the order they came. They stay until an append
    /// [joins](super::Append::joining) them.
    ///
    /// # Errors
    /// When the store cannot be read. A run that is not queued has none.
    async fn pending_inputs(&self, run_id: RunId) -> Result<Vec<PendingInput>, StoreError>;
}

/// Tells workers of a store when to look, so that none has to poll.
pub trait WorkSignals: fmt::Debug + Send + Sync + 'static {
    /// Signals from now on.
    ///
    /// They are hints: the facts are in the store, signals may be repeated or, after
    /// [`WorkSignal::Missed`], lost. An idle store sends none. The stream ends with the store.
    fn signals(&self) -> BoxStream<'static, WorkSignal>;
}

/// Something a worker may want to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkSignal {
    /// A run may be claimed.
    RunReady,
    /// Somebody wants a claimed run to stop.
    CancelRequested(RunId),
    /// An input waits for a run.
    InputArrived(RunId),
    /// A run that was queued is over; this had admitted it.
    RunEnded(RunId, Trigger),
    /// A person, or time, decided about something that a run waits for.
    ApprovalResolved(RunId),
    /// A reply may be delivered.
    DeliveryDue,
    /// A schedule may be due earlier than before.
    ScheduleChanged,
    /// Signals were lost: look at everything.
    Missed,
}

/// A number that grows with every claim, so that a worker which lost its lease can be told from its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseToken(pub u64);

/// The right to drive a run. Every append under it is refused once another worker has the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The run.
    pub run_id: RunId,
    /// Which of its claims this is.
    pub token: LeaseToken,
}

/// A worker that has a place for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The worker.
    pub worker: WorkerId,
    /// The time now.
    pub now: Timestamp,
    /// How long the lease lasts unless it is renewed; at most [`MAX_LEASE`].
    pub lease_for: Duration,
    /// What it has a place for.
    pub scope: ClaimScope,
}

/// What a worker has a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClaimScope {
    /// Any run.
    #[default]
    All,
    /// Runs that somebody waits for, and those that began already: others in the
    /// [background](Trigger::is_background) are passed over, and stay as they are.
    Foreground,
}

/// What a worker got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// A run to drive.
    Run(Claim),
    /// There is nothing to do.
    Nothing {
        /// When the next lease of a worker expires: look again then, or at the next signal.
        look_again_at: Option<Timestamp>,
        /// Whether a run was passed over because of the [scope](ClaimScope).
        passed_over: bool,
    },
}

/// A run to drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The right to drive it.
    pub lease: Lease,
    /// Its session.
    pub session_id: SessionId,
    /// How often it was claimed, this time included. Above 1, a worker died with it or gave it back.
    pub attempt: u32,
    /// When the lease ends.
    pub expires_at: Timestamp,
    /// Whether somebody wants it to stop.
    pub cancel_requested: bool,
}

/// A worker that still drives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewRequest {
    /// The lease it has.
    pub lease: Lease,
    /// The time now.
    pub now: Timestamp,
    /// How long it lasts from now; at most [`MAX_LEASE`].
    pub lease_for: Duration,
}

/// What a worker learns when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// When the lease ends now.
    pub expires_at: Timestamp,
    /// Whether somebody wants the run to stop.
    pub cancel_requested: bool,
    /// How many inputs wait for it.
    pub pending_inputs: usize,
}

/// A message that waits to join a run.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingInput {
    /// The run it becomes if that run ends without it.
    pub id: RunId,
    /// When it came.
    pub at: Timestamp,
    /// What sent it.
    pub trigger: Trigger,
    /// Who sent it.
    pub origin: Origin,
    /// The message.
    pub message: Arc<Message>,
}

impl From<&NewRun> for PendingInput {
    fn from(input: &NewRun) -> Self {
        Self {
            id: input.run_id,
            at: input.at,
            trigger: input.trigger,
            origin: input.origin.clone(),
            message: Arc::clone(&input.input),
        }
    }
}

/// When a lease asked for now ends.
pub(super) fn expiry(now: Timestamp, lease_for: Duration) -> Timestamp {
    let micros = i64::try_from(lease_for.min(MAX_LEASE).as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.as_unix_micros().saturating_add(micros))
}

/// The end of a lease after which it can only have been given by a clock that was set back since.
pub(super) fn latest_expiry(now: Timestamp) -> Timestamp {
    expiry(now, MAX_LEASE)
}
