//! SQLite's errors as the store's.

use std::error::Error;
use std::sync::Arc;
use std::sync::OnceLock;

use rusqlite::ErrorCode;

use crate::store::StoreError;

pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.into()),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly(error.into())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { message: error.to_string() }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable {
            message: "another program has locked the database; close it".to_owned(),
            source: Some(error.into()),
        },
        _ => StoreError::Unavailable {
            message: "the database failed".to_owned(),
            source: Some(error.into()),
        },
    }
}

/// The first damage that was met since the store was opened. Clones know of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage(Arc<OnceLock<String>>);

impl Damage {
    /// Remembers what is damaged, if that is how something ended.
    pub(super) fn note<T>(&self, outcome: &Result<T, StoreError>) {
        if let Err(StoreError::Corrupt { message }) = outcome
            && self.0.set(message.clone()).is_ok()
        {
            tracing::error!(message, "the store is damaged; restore a backup");
        }
    }

    /// What is damaged, as an error.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            Some(message) => Err(StoreError::Corrupt { message: message.clone() }),
            None => Ok(()),
        }
    }
}

/// The same error for one more caller of a transaction that failed.
pub(super) fn repeated(error: &StoreError) -> StoreError {
    let cause = |cause: &(dyn Error + Send + Sync)| cause.to_string().into();
    match error {
        StoreError::Full(source) => StoreError::Full(cause(source.as_ref())),
        StoreError::ReadOnly(source) => StoreError::ReadOnly(cause(source.as_ref())),
        StoreError::Corrupt { message } => StoreError::Corrupt { message: message.clone() },
        StoreError::Unavailable { message, source } => StoreError::Unavailable {
            message: message.clone(),
            source: source.as_deref().map(cause),
        },
        other => StoreError::unavailable(other.to_string()),
    }
}

/// A row that does not read back as what was written.
pub(super) fn damaged(what: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { message: format!("a stored {what} cannot be read: {error}") }
}
