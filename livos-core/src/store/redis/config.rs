//! Where a Redis store is.

use std::time::Duration;

use crate::secret::Secret;

/// How long an operation may take, its repetitions included, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a Redis store is.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    pub(super) url: Secret,
    prefix: String,
    pub(super) patience: Duration,
}

impl RedisConfig {
    /// The store at `redis://[user:password@]host[:port][/database]` or `redis+unix:///path`, under the prefix `livos:`.
    ///
    /// There is no TLS: where the network is not trusted, put a tunnel before Redis.
    pub fn new(url: impl Into<Secret>) -> Self {
        Self { url: url.into(), prefix: "livos".to_owned(), patience: PATIENCE }
    }

    /// What its keys begin with, in braces; `livos` unless told otherwise. Stores of different prefixes know nothing of each other.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.trim_end_matches(':').replace(['{', '}'], "");
        self
    }

    /// How long an operation may take, its repetitions included; 5 seconds unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What every key begins with: the prefix as a hash tag.
    pub(super) fn root(&self) -> String {
        format!("{{{}}}", self.prefix)
    }
}
