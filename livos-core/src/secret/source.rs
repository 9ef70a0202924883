//! Where secrets come from that others need: keys of services, tokens of MCP servers.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use super::Secret;

/// Gives secrets by name to those who send them somewhere.
///
/// Ask when the secret is about to leave (a request header, the environment of a child process), and keep
/// it no longer than that: then a rotated secret is used at once.
///
/// # For implementors
/// A secret that is given out must be known to the [`Redactor`](crate::Redactor) of the process before
/// this returns, so that it never shows in what comes back.
#[async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The secret of this name; none when there is none.
    ///
    /// # Errors
    /// When there may be one and it cannot be had.
    async fn secret(&self, name: &str) -> Result<Option<Secret>, SecretSourceError>;
}

/// Why a secret cannot be had. Names the secret, never its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretSourceError {
    /// It is there and cannot be opened, until somebody mends what the cause names (a key file, say).
    #[error("the secret {name} cannot be opened")]
    Locked {
        /// The secret.
        name: String,
        /// What has to be mended.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The place where it is kept does not answer; try again later.
    #[error("the secret {name} cannot be read")]
    Unavailable {
        /// The secret.
        name: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}
