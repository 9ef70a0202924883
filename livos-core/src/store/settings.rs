//! A few values that people change while the program runs.

use std::fmt;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::store::StoreError;

/// Named values, each with a version, so that two who change one at the same time notice.
#[async_trait]
pub trait Settings: fmt::Debug + Send + Sync + 'static {
    /// One value.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError>;

    /// All values whose keys begin so, in the order of their keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, StoreError>;

    /// Changes a value if it has the version expected, and gives its new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version, or it could not be written.
    async fn change_setting(&self, change: SettingChange) -> Result<u64, StoreError>;
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// What it is.
    pub value: serde_json::Value,
    /// 1, and one more for each change.
    pub version: u64,
}

/// A change of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// Its name.
    pub key: String,
    /// What it becomes. `null` is a value like any other, and the way to take one back.
    pub value: serde_json::Value,
    /// What it must be before.
    pub expected: ExpectedVersion,
}

impl SettingChange {
    /// Fails when a value of this version (0 for one that is not there) is not to be changed.
    pub(super) fn check(&self, version: u64) -> Result<(), StoreError> {
        let allowed = match self.expected {
            ExpectedVersion::Any => true,
            ExpectedVersion::Absent => version == 0,
            ExpectedVersion::Exactly(expected) => version == expected,
        };
        if allowed {
            return Ok(());
        }
        Err(StoreError::conflict("setting", &self.key, format!("it has version {version}")))
    }
}

/// What a value must be for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Whatever it is.
    Any,
    /// Not there.
    Absent,
    /// At exactly this version.
    Exactly(u64),
}
