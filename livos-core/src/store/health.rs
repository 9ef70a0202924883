//! Whether a store can do its work.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;

/// Whether a store can do its work.
#[async_trait]
pub trait StoreHealth: fmt::Debug + Send + Sync + 'static {
    /// Looks whether the store can be read and takes writes, without changing anything that it keeps.
    ///
    /// Takes milliseconds, or as long as the store waits for whoever stands in its way (seconds).
    ///
    /// # Errors
    /// What is wrong now. [`StoreError::Corrupt`] stays until the store is opened anew: what was found
    /// damaged once is not whole because something else can be read.
    async fn check_health(&self) -> Result<(), StoreError>;
}
