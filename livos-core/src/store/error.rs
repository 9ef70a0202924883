//! Why a store did not keep or give something.

use std::error::Error;

use crate::id::SessionId;

type Cause = Box<dyn Error + Send + Sync>;

/// Why a store did not keep or give something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is nothing under that id.
    #[error("no {what} with id {id}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// The id it was looked for by.
        id: String,
    },
    /// Another worker has it meanwhile, or it is over; stop working on it.
    #[error("the lease of {what} {id} was lost to another worker")]
    LeaseLost {
        /// What was worked on.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It is not as the caller believed; read it again.
    #[error("the {what} '{id}' is not as expected: {found}")]
    Conflict {
        /// What was to be changed.
        what: &'static str,
        /// Its id.
        id: String,
        /// How it is.
        found: String,
    },
    /// Too much waits; try again when some of it is done.
    #[error("session {session_id} has {limit} messages waiting, no more are taken")]
    Busy {
        /// The session.
        session_id: SessionId,
        /// How many may wait.
        limit: usize,
    },
    /// No space is left; free some and try again.
    #[error("the disk is full")]
    Full(#[source] Cause),
    /// The store may not be written; check its permissions.
    #[error("the store is read-only")]
    ReadOnly(#[source] Cause),
    /// Another process has the store open; stop it, or talk to it.
    #[error("the store '{location}' is in use by another process")]
    InUse {
        /// Where the store is.
        location: String,
    },
    /// What is stored cannot be read back.
    #[error("the store is damaged: {message}")]
    Corrupt {
        /// What is wrong.
        message: String,
    },
    /// The store was written by a newer version; upgrade this program.
    #[error("the store has format {found}, this version reads up to {supported}")]
    NewerFormat {
        /// The format that was found.
        found: u32,
        /// The newest that is understood.
        supported: u32,
    },
    /// The store does not answer.
    #[error("the store is unavailable: {message}")]
    Unavailable {
        /// What went wrong.
        message: String,
        /// The cause, where there is one.
        #[source]
        source: Option<Cause>,
    },
}

impl StoreError {
    /// A store that does not answer, without a further cause.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into(), source: None }
    }

    /// Whether it may be worth to try again for as long as it takes: the cause can be removed while
    /// the program runs, and what was asked for is not in question.
    pub(crate) fn may_pass(&self) -> bool {
        self.is_transient() || matches!(self, Self::ReadOnly(_))
    }

    pub(crate) fn not_found(what: &'static str, id: &impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    pub(super) fn lease_lost(what: &'static str, id: &impl ToString) -> Self {
        Self::LeaseLost { what, id: id.to_string() }
    }

    pub(crate) fn conflict(
        what: &'static str,
        id: &impl ToString,
        found: impl Into<String>,
    ) -> Self {
        Self::Conflict { what, id: id.to_string(), found: found.into() }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full(_) | Self::Busy { .. })
    }
}
