//! SQLite's errors as the store's.

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
        _ => StoreError::Unavailable {
            message: "the database failed".to_owned(),
            source: Some(error.into()),
        },
    }
}

/// A row that does not read back as what was written.
pub(super) fn damaged(what: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { message: format!("a stored {what} cannot be read: {error}") }
}
