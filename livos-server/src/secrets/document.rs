//! What the store keeps of the secrets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use livos_core::Secret;
use livos_core::SecretName;
use livos_core::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::SecretsError;
use super::seal::SealingKey;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// All secrets, sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    format: u32,
    pub(super) secrets: BTreeMap<SecretName, Record>,
}

/// One secret, sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The id of the key it is sealed with.
    pub(super) key: String,
    /// Version, nonce, ciphertext and code, in base64.
    sealed: String,
    pub(super) changed_at: Timestamp,
}

impl Default for Document {
    fn default() -> Self {
        Self { format: FORMAT, secrets: BTreeMap::new() }
    }
}

impl Document {
    pub(super) fn parse(value: Value) -> Result<Self, SecretsError> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let format = value.get("format").and_then(Value::as_u64).unwrap_or_default();
        if format > u64::from(FORMAT) {
            return Err(SecretsError::NewerFormat { found: format, supported: FORMAT });
        }
        serde_json::from_value(value).map_err(SecretsError::Unreadable)
    }

    pub(super) fn to_json(&self) -> Result<Value, SecretsError> {
        serde_json::to_value(self).map_err(SecretsError::Unreadable)
    }
}

impl Record {
    pub(super) fn new(
        key: &SealingKey,
        name: &SecretName,
        secret: &Secret,
        changed_at: Timestamp,
    ) -> Result<Self, SecretsError> {
        let sealed = key.seal(name.as_str(), secret).map_err(SecretsError::Random)?;
        Ok(Self { key: key.id(), sealed: STANDARD.encode(sealed), changed_at })
    }

    pub(super) fn open(&self, key: &SealingKey, name: &SecretName) -> Result<Secret, SecretsError> {
        let sealed = STANDARD.decode(&self.sealed).ok();
        let opened = sealed.and_then(|sealed| key.open(name.as_str(), &sealed).ok());
        opened.ok_or_else(|| SecretsError::Damaged { name: name.clone() })
    }
}
