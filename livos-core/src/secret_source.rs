//! Where secrets come from that are named and not written down.

use std::fmt;

use async_trait::async_trait;

use crate::secret::Secret;

/// Gives secrets by name, so that settings can say `${secret:NAME}` instead of the text itself.
///
/// # For implementors
/// `secret` may be dropped at any await point. It is asked when a value is about to leave
/// (a request header, a child's environment) and its answer is not kept.
#[async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The secret of this name; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be told whether there is one, or it cannot be opened.
    async fn secret(&self, name: &str) -> Result<Option<Secret>, SecretSourceError>;
}

/// Why a secret could not be had. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretSourceError {
    /// The source does not answer now.
    #[error("the secrets cannot be reached: {0}")]
    Unavailable(String),
    /// The secret is there and cannot be opened: the key is missing or another one.
    #[error("the secret cannot be opened: {0}")]
    Sealed(String),
}

/// A source without secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &str) -> Result<Option<Secret>, SecretSourceError> {
        Ok(None)
    }
}
