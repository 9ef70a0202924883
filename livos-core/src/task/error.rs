//! Why a task was not taken in or found.

use crate::store::StoreError;

/// Why a task was not taken in or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A value cannot be used.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}
