//! Redis's errors as the store's.

use redis::ErrorKind;
use redis::RedisError;
use redis::ServerErrorKind;

use crate::store::StoreError;

/// Whether Redis could not be asked, or may not have been, so that asking again can help.
pub(super) fn is_outage(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
            )
    ) || error.is_connection_dropped()
        || error.is_timeout()
}

/// An answer that refuses.
pub(super) fn store_error(error: RedisError) -> StoreError {
    match error.code() {
        Some("OOM" | "MISCONF") => StoreError::Full(error.into()),
        Some("READONLY" | "NOPERM") => StoreError::ReadOnly(error.into()),
        Some("NOAUTH" | "WRONGPASS") => StoreError::Unavailable {
            message: "Redis wants other credentials: check user and password in the URL".to_owned(),
            source: Some(error.into()),
        },
        Some("WRONGTYPE") => StoreError::Corrupt { message: error.to_string() },
        _ if error.kind() == ErrorKind::AuthenticationFailed => StoreError::Unavailable {
            message: "Redis wants other credentials: check user and password in the URL".to_owned(),
            source: Some(error.into()),
        },
        _ => StoreError::Unavailable {
            message: "Redis refused a command".to_owned(),
            source: Some(error.into()),
        },
    }
}

/// Something that does not read back as what was written.
pub(super) fn damaged(what: &str, why: &impl ToString) -> StoreError {
    StoreError::Corrupt { message: format!("a stored {what} cannot be read: {}", why.to_string()) }
}
