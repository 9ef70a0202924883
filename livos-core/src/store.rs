//! Where sessions live: the journal, and what is read off it.
//!
//! The [`Journal`] is the only truth; [`RunRecord`]s are projections of it
//! that a store keeps up to date in the same transaction. Around it stand what a
//! durable run needs: the queue ([`RunQueue`], [`RunLeases`]), the replies owed
//! ([`Outbox`]), what waits for people ([`ApprovalStore`]), what was used ([`UsageLog`]) and [`Settings`]. Backends run the
//! ([`Outbox`]), what was used ([`UsageLog`]), [`Settings`] and what is due ([`ScheduleStore`]). Backends run the
//! suite in [`testing`](crate::testing) to prove that they behave alike.

mod admission;
mod append;
mod approvals;
mod error;
mod facts;
mod health;
mod lane;
mod lease;
mod memory;
mod outbox;
mod page;
#[cfg(feature = "redis")]
mod redis;
mod run_record;
mod schedules;
mod session_query;
mod session_record;
mod settings;
mod signals;
#[cfg(feature = "sqlite")]
mod sqlite;
mod usage_log;

use std::fmt;

use async_trait::async_trait;

use crate::event::AgentEvent;
use crate::id::RunId;
use crate::id::SessionId;

pub use self::admission::Admission;
pub use self::admission::CancelRequest;
pub use self::admission::Cancellation;
pub use self::admission::IdempotencyKey;
pub use self::admission::KEY_RETENTION;
pub use self::admission::MAX_WAITING;
pub use self::admission::NewRun;
pub use self::admission::QueueMode;
pub use self::admission::ReplyAddress;
pub use self::admission::RunQueue;
pub use self::append::Append;
pub use self::append::NewEntry;
pub use self::approvals::ApprovalFilter;
pub use self::approvals::ApprovalRecord;
pub use self::approvals::ApprovalState;
pub use self::approvals::ApprovalStore;
pub use self::approvals::AuditAction;
pub use self::approvals::AuditEntry;
pub use self::approvals::MAX_AUDIT;
pub use self::approvals::ResolveApproval;
pub use self::approvals::ResolvedApproval;
pub use self::error::StoreError;
pub use self::facts::ChangedFact;
pub use self::facts::Embedding;
pub use self::facts::FactChange;
pub use self::facts::FactFilter;
pub use self::facts::FactKind;
pub use self::facts::FactRecord;
pub use self::facts::FactSource;
pub use self::facts::FactStore;
pub use self::facts::FactVersions;
pub use self::facts::FactsWritten;
pub use self::health::StoreHealth;
pub use self::lane::Lane;
pub use self::lane::Priority;
pub use self::lease::Claim;
pub use self::lease::ClaimRequest;
pub use self::lease::ClaimScope;
pub use self::lease::Claimed;
pub use self::lease::Lease;
pub use self::lease::LeaseToken;
pub use self::lease::MAX_LEASE;
pub use self::lease::PendingInput;
pub use self::lease::RenewRequest;
pub use self::lease::Renewal;
pub use self::lease::RunLeases;
pub use self::lease::WorkSignal;
pub use self::lease::WorkSignals;
pub use self::memory::MemoryStore;
pub use self::outbox::ClaimedDelivery;
pub use self::outbox::DeliveryClaim;
pub use self::outbox::DeliveryFilter;
pub use self::outbox::DeliveryOutcome;
pub use self::outbox::DeliveryRecord;
pub use self::outbox::DeliveryState;
pub use self::outbox::DueDeliveries;
pub use self::outbox::Outbox;
pub use self::outbox::Reply;
pub use self::outbox::Settlement;
pub use self::page::Page;
#[cfg(feature = "redis")]
pub use self::redis::RedisConfig;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub use self::run_record::RunFilter;
pub use self::run_record::RunRecord;
pub use self::run_record::RunState;
pub use self::schedules::Alarm;
pub use self::schedules::DaySpending;
pub use self::schedules::DueSchedules;
pub use self::schedules::FIRINGS_KEPT;
pub use self::schedules::FiringReason;
pub use self::schedules::FiringRecord;
pub use self::schedules::FiringStatus;
pub use self::schedules::OpenFiring;
pub use self::schedules::ScheduleChange;
pub use self::schedules::ScheduleFilter;
pub use self::schedules::ScheduleProgress;
pub use self::schedules::ScheduleRecord;
pub use self::schedules::ScheduleSession;
pub use self::schedules::ScheduleStatus;
pub use self::schedules::ScheduleStore;
pub use self::session_query::Fork;
pub use self::session_query::ImportedSession;
pub use self::session_query::ParseCursorError;
pub use self::session_query::SessionCursor;
pub use self::session_query::SessionQuery;
pub use self::session_record::SessionPatch;
pub use self::session_record::SessionRecord;
pub use self::settings::ExpectedVersion;
pub use self::settings::Setting;
pub use self::settings::SettingChange;
pub use self::settings::Settings;
#[cfg(feature = "sqlite")]
pub use self::sqlite::Durability;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::StoreCheck;
pub use self::usage_log::CallStatus;
pub use self::usage_log::UsageGroup;
pub use self::usage_log::UsageLog;
pub use self::usage_log::UsagePurpose;
pub use self::usage_log::UsageQuery;
pub use self::usage_log::UsageRow;
pub use self::usage_log::UsageTotal;

/// The append-only log of all sessions.
///
/// # For implementors
/// - Entries of one session are numbered from 1 without gaps; a number is never used twice.
/// - One `append` is atomic, and when it returns the entries survive the death of the process
///   (as far as the backend's durability level says).
/// - Appending to a session that does not exist creates it, but not under a lease.
/// - A `run_finished` entry of a queued run takes it out of the queue in the same transaction, with
///   everything that [`RunLeases`] says of a run's end, under a lease or not.
/// - Dropping a returned future may leave the entries written or not, never half.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Writes entries down, in order, and gives the number of the first.
    ///
    /// After [`StoreError::Unavailable`] the same append (a clone) may be given again: a store whose
    /// answer can be lost on its way tells by [`Append::name`] that it has it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is not the run's newest, [`StoreError::NotFound`] when an
    /// input it joins does not wait for the run, or when they could not be written; then none was.
    async fn append(&self, append: Append) -> Result<u64, StoreError>;

    /// The entries numbered above `after`, at most `limit`, in order.
    ///
    /// # Errors
    /// When the store cannot be read. An unknown session has no entries.
    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError>;

    /// The number of the newest entry; 0 when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError>;
}

/// The sessions there are.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Adds a session. Adding one that exists already changes nothing.
    ///
    /// # Errors
    /// When it could not be written.
    async fn create_session(&self, session: SessionRecord) -> Result<(), StoreError>;

    /// One session.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// Sessions that fit the query, those with the newest activity first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn sessions(
        &self,
        query: SessionQuery,
        limit: usize,
    ) -> Result<Page<SessionRecord>, StoreError>;

    /// Changes a session and gives it back as it is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or when it could not be written.
    async fn update_session(
        &self,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<SessionRecord, StoreError>;

    /// Deletes a session with its journal, runs, queue and replies, and the sessions that it started.
    /// False when there was none.
    ///
    /// Its idempotency keys stay until they are old, so that a source which repeats itself is not
    /// answered twice; so does what it used.
    ///
    /// # Errors
    /// When it could not be written.
    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError>;
}

/// Sessions made out of what exists already.
#[async_trait]
pub trait SessionTransfer: fmt::Debug + Send + Sync + 'static {
    /// Makes a session whose journal begins with entries of another.
    ///
    /// The copies keep their times and run ids: the runs they tell of stay the other session's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such session or entry, [`StoreError::Conflict`] when the
    /// new session exists, or when it could not be written.
    async fn fork(&self, fork: Fork) -> Result<SessionRecord, StoreError>;

    /// Takes over a session with its journal. Runs that ended in it are listed, unless their ids are known here.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the session exists, or when it could not be written.
    async fn import(&self, session: ImportedSession) -> Result<(), StoreError>;
}

/// The runs there are, as the journal tells.
#[async_trait]
pub trait RunStore: fmt::Debug + Send + Sync + 'static {
    /// One run.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError>;

    /// Runs that fit the filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn runs(&self, filter: RunFilter, limit: usize) -> Result<Page<RunRecord>, StoreError>;
}

/// Everything a server keeps.
pub trait Store:
    Journal
    + SessionStore
    + SessionTransfer
    + RunStore
    + RunQueue
    + RunLeases
    + WorkSignals
    + StoreHealth
    + Outbox
    + ApprovalStore
    + UsageLog
    + Settings
    + ScheduleStore
    + FactStore
{
}

impl<S> Store for S where
    S: Journal
        + SessionStore
        + SessionTransfer
        + RunStore
        + RunQueue
        + RunLeases
        + WorkSignals
        + StoreHealth
        + Outbox
        + ApprovalStore
        + UsageLog
        + Settings
        + ScheduleStore
        + FactStore
{
}
