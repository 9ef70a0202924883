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

/// What Redis calls an error. Before version 7 it wraps that of a command inside a script into text:
/// `Error running script (...): @user_script: 95: -OOM command not allowed ...`.
fn code(error: &RedisError) -> Option<&str> {
    let wrapped = error.detail().filter(|text| text.contains("@user_script"));
    let wrapped = wrapped.and_then(|text| text.rsplit_once(": -")?.1.split(' ').next());
    wrapped.or_else(|| error.code())
}

/// An answer that refuses.
pub(super) fn store_error(error: RedisError) -> StoreError {
    match code(&error) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_met_is_known_from_every_version() {
        let answer = |line: &str| {
            let read = redis::parse_redis_value(format!("{line}\r\n").as_bytes());
            store_error(read.and_then(redis::Value::extract_error).unwrap_err())
        };
        let old = "-ERR Error running script (call to f_8): @user_script:95: @user_script: 95: -OOM command not allowed";
        assert!(matches!(answer(old), StoreError::Full(_)), "{:?}", answer(old));
        let new = "-OOM command not allowed when used memory > 'maxmemory'.";
        assert!(matches!(answer(new), StoreError::Full(_)), "{:?}", answer(new));
        let other =
            "-ERR Error running script (call to f_8): @user_script:95: attempt to index a nil";
        assert!(matches!(answer(other), StoreError::Unavailable { .. }), "{:?}", answer(other));
    }
}
