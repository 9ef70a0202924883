//! Why a secret was not kept or given.

use std::io;
use std::path::PathBuf;

use livos_core::SecretName;
use livos_core::StoreError;

/// Why sealed secrets cannot be used or changed. Nothing was changed. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// There are secrets, and the file that opens them is gone.
    #[error(
        "the secrets are sealed with key {sealed_with}, and its file {} is missing; put it back from where you keep a copy, or `livos secrets remove` each and set it again", path.display()
    )]
    KeyMissing {
        /// The key file.
        path: PathBuf,
        /// The id of the key.
        sealed_with: String,
    },
    /// The file holds another key.
    #[error(
        "the secrets are sealed with key {sealed_with}, and {} holds key {found}; put the right file there (servers that share a store share the key file, also after a rotation), or `livos secrets remove` each and set it again", path.display()
    )]
    WrongKey {
        /// The key file.
        path: PathBuf,
        /// The id of the key they are sealed with.
        sealed_with: String,
        /// The id of the key that was found.
        found: String,
    },
    /// The file holds no key.
    #[error("{} holds no sealing key (64 hexadecimal digits); put it back from where you keep a copy", path.display())]
    BrokenKey {
        /// The key file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot use the key file {}: {source}; check who owns it and that the disk is not full", path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is sealed under the name was changed, cut, or moved from another name.
    #[error("what is sealed as {name} is damaged; set it again with `livos secrets set {name}`")]
    Damaged {
        /// The secret.
        name: SecretName,
    },
    /// There is no secret of that name.
    #[error("there is no secret {name}")]
    Unknown {
        /// The name.
        name: SecretName,
    },
    /// A shorter text cannot be kept out of logs and prompts without ordinary words going too.
    #[error("a secret has at least {shortest} bytes, or it could not be told from ordinary text")]
    TooShort {
        /// The least length.
        shortest: usize,
    },
    /// The value is too long.
    #[error("a secret has at most {limit} bytes")]
    TooLong {
        /// The greatest length.
        limit: usize,
    },
    /// No more secrets are kept.
    #[error("there are {limit} secrets, no more are kept; remove one first")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Others changed them at the same time, again and again.
    #[error("the secrets are changed by others at the same time; try again")]
    Contended,
    /// A newer version wrote them; upgrade this one.
    #[error("the secrets have format {found}, this version reads up to {supported}")]
    NewerFormat {
        /// The format that was found.
        found: u64,
        /// The newest that is understood.
        supported: u32,
    },
    /// What the store has under their name is something else.
    #[error("the secrets in the store cannot be read; restore a backup")]
    Unreadable(#[source] serde_json::Error),
    /// The system gives no random bytes.
    #[error("nothing can be sealed")]
    Random(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
