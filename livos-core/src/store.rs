//! Where sessions live: the journal, and what is read off it.
//!
//! The [`Journal`] is the only truth; [`RunRecord`]s are projections of it
//! that a store keeps up to date in the same transaction. Backends run the
//! suite in [`testing`](crate::testing) to prove that they behave alike.

mod error;
mod memory;
mod page;
mod run_record;
mod session_record;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;

pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub use self::page::Page;
pub use self::run_record::RunFilter;
pub use self::run_record::RunRecord;
pub use self::run_record::RunState;
pub use self::session_record::SessionPatch;
pub use self::session_record::SessionRecord;
#[cfg(feature = "sqlite")]
pub use self::sqlite::Durability;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

/// A fact to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The run it belongs to.
    pub run_id: RunId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened; must be [durable](EventKind::is_durable).
    pub kind: EventKind,
}

/// The append-only log of all sessions.
///
/// # For implementors
/// - Entries of one session are numbered from 1 without gaps; a number is never used twice.
/// - One `append` is atomic, and when it returns the entries survive the death of the process
///   (as far as the backend's durability level says).
/// - Appending to a session that does not exist creates it.
/// - Dropping a returned future may leave the entries written or not, never half.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Writes entries down, in order, and gives the number of the first.
    ///
    /// # Errors
    /// When they could not be written; then none was.
    async fn append(
        &self,
        session_id: SessionId,
        entries: Vec<NewEntry>,
    ) -> Result<u64, StoreError>;

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

    /// Sessions created before `before` (all, if absent), newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn sessions(
        &self,
        before: Option<SessionId>,
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

    /// Deletes a session with its journal and runs. False when there was none.
    ///
    /// # Errors
    /// When it could not be written.
    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError>;
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
pub trait Store: Journal + SessionStore + RunStore {}

impl<S: Journal + SessionStore + RunStore> Store for S {}
