//! Why something is not remembered, or not found.

use crate::id::FactId;
use crate::store::StoreError;

/// Why something was not remembered, recalled or forgotten. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// What was given cannot be used; correct the field that the fault names.
    #[error("{field}: {0}", field = .0.field())]
    Invalid(#[from] MemoryFault),
    /// Who asks is not trusted enough.
    #[error("memories are for the owner or somebody they let in, not for this origin")]
    NotAllowed,
    /// The user has no fact of that id.
    #[error("there is no fact {0}")]
    Unknown(FactId),
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryFault {
    /// A text is empty, or has no letter or digit.
    #[error("must say something")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A text is too long.
    #[error("has {length} bytes; {limit} are the most")]
    TooLong {
        /// The field.
        field: &'static str,
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It has a secret in it, and those are not remembered.
    #[error("has what looks like a password or key in it; keep those as secrets, not as memories")]
    Secret,
    /// A number is out of its bounds.
    #[error("{expected}")]
    OutOfBounds {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: String,
    },
    /// Its time is over already.
    #[error("has passed")]
    Expired,
    /// No more facts of a user are kept.
    #[error("{limit} facts of a user are the most; forget some first")]
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// A file is not one that was exported from here.
    #[error("{problem}")]
    Archive {
        /// What is wrong, and where.
        problem: String,
    },
    /// An embedding cannot be compared with the others.
    #[error("{0}")]
    Embedding(#[from] EmbeddingFault),
}

impl MemoryFault {
    /// The field that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Empty { field }
            | Self::TooLong { field, .. }
            | Self::OutOfBounds { field, .. } => field,
            Self::Secret | Self::Full { .. } => "text",
            Self::Expired => "expires_at",
            Self::Archive { .. } => "archive",
            Self::Embedding(_) => "embedding",
        }
    }
}

/// What is wrong with an embedding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingFault {
    /// It has another number of dimensions than those of its model.
    #[error("has {found} dimensions, those of '{model}' have {expected}")]
    Dimension {
        /// The model.
        model: String,
        /// How many it has.
        found: usize,
        /// How many it must have.
        expected: usize,
    },
    /// It has none, or too many dimensions.
    #[error("has {found} dimensions; 1 to {limit} are possible")]
    Size {
        /// How many it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// One of its numbers is none, or all are zero.
    #[error("dimension {dimension} is no finite number, or all are zero")]
    NotFinite {
        /// The first such dimension.
        dimension: usize,
    },
    /// What came are no numbers at all: JSON has none that is infinite or none.
    #[error("{problem}")]
    Unreadable {
        /// What came instead.
        problem: String,
    },
    /// There are more or fewer than texts.
    #[error("{found} came for {expected} texts")]
    Count {
        /// How many came.
        found: usize,
        /// How many were asked for.
        expected: usize,
    },
}
