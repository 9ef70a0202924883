//! The sealed secrets: keys and tokens that the owner gave the server to use, encrypted at rest.
//!
//! All of them are one value of the store's settings, so that a change of one and a new key for all are a
//! single compare-and-set on every backend. The key is a file of the home and never in the store.

mod document;
mod error;
mod key_file;
mod seal;

use std::sync::Arc;

use async_trait::async_trait;
use livos_core::Clock;
use livos_core::ExpectedVersion;
use livos_core::Redactor;
use livos_core::Secret;
use livos_core::SecretName;
use livos_core::SecretSource;
use livos_core::SecretSourceError;
use livos_core::SettingChange;
use livos_core::Settings;
use livos_core::StoreError;
use livos_core::Timestamp;
use tokio::sync::Mutex;

use self::document::Document;
use self::document::Record;
use self::key_file::KeyFile;
use self::key_file::KeyRing;
use self::seal::SealingKey;

pub use self::error::SecretsError;
pub(crate) use self::key_file::key_file_path;

/// The name of the setting that holds them.
const SETTING: &str = "secrets.sealed";
/// How many secrets there may be.
const MAX_SECRETS: usize = 256;
/// The longest value of one, in bytes.
const MAX_VALUE: usize = 16 * 1024;
/// How often a change is tried again when another server was quicker.
const ATTEMPTS: usize = 8;

/// What is known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSecret {
    pub(crate) name: SecretName,
    pub(crate) changed_at: Timestamp,
    /// The key it is sealed with.
    pub(crate) key_id: String,
}

/// The sealed secrets of one store, opened with the key of one home.
///
/// The key file is read each time and kept no longer: a file that was put right is used at once.
#[derive(Debug)]
pub(crate) struct SealedSecrets {
    settings: Arc<dyn Settings>,
    key_file: KeyFile,
    redactor: Redactor,
    clock: Arc<dyn Clock>,
    /// One change at a time, so that two do not make a key each.
    changing: Mutex<()>,
}

/// What the store holds, and the version of it that was read.
struct Kept {
    document: Document,
    version: u64,
}

impl SealedSecrets {
    pub(crate) fn new(
        settings: Arc<dyn Settings>,
        home: &std::path::Path,
        redactor: Redactor,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let key_file = KeyFile::of_home(home);
        Self { settings, key_file, redactor, clock, changing: Mutex::default() }
    }

    /// The secrets there are, in the order of their names.
    pub(crate) async fn list(&self) -> Result<Vec<SealedSecret>, SecretsError> {
        let Kept { document, .. } = self.read().await?;
        let listed = document.secrets.into_iter().map(|(name, record)| SealedSecret {
            name,
            changed_at: record.changed_at,
            key_id: record.key,
        });
        Ok(listed.collect())
    }

    /// Opens all of them. The redactor knows them then.
    ///
    /// # Errors
    /// When one cannot be opened; none is given then.
    pub(crate) async fn open_all(&self) -> Result<Vec<(SecretName, Secret)>, SecretsError> {
        let _changing = self.changing.lock().await;
        let Kept { document, .. } = self.read().await?;
        if document.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let ring = self.key_file.read().await?;
        let ring = self.settled(ring, &document).await?;
        let opened = self.opened(&ring, &document)?;
        self.redactor.learn_all(opened.iter().map(|(name, secret)| (name.as_str(), secret)));
        Ok(opened)
    }

    /// Seals a secret, in the place of the one that has the name. The first makes the key.
    pub(crate) async fn set(&self, name: SecretName, secret: &Secret) -> Result<(), SecretsError> {
        check_value(secret)?;
        let _changing = self.changing.lock().await;
        // Before it is anywhere: whatever goes wrong below cannot show it.
        self.redactor.learn(name.as_str(), secret);
        for _ in 0..ATTEMPTS {
            let Kept { mut document, version } = self.read().await?;
            let is_new = !document.secrets.contains_key(&name);
            if is_new && document.secrets.len() >= MAX_SECRETS {
                return Err(SecretsError::TooMany { limit: MAX_SECRETS });
            }
            let key = self.key_for(&document).await?;
            let record = Record::new(&key, &name, secret, self.clock.now())?;
            document.secrets.insert(name.clone(), record);
            if self.write(&document, version).await? == Written::Yes {
                return Ok(());
            }
        }
        Err(SecretsError::Contended)
    }

    /// Takes a secret away; no key is needed for that.
    pub(crate) async fn remove(&self, name: &SecretName) -> Result<(), SecretsError> {
        let _changing = self.changing.lock().await;
        for _ in 0..ATTEMPTS {
            let Kept { mut document, version } = self.read().await?;
            if document.secrets.remove(name).is_none() {
                return Err(SecretsError::Unknown { name: name.clone() });
            }
            if self.write(&document, version).await? == Written::Yes {
                return Ok(());
            }
        }
        Err(SecretsError::Contended)
    }

    /// Seals all of them with a new key, and puts it in the place of the old one. Gives the id of the new
    /// key and how many there are.
    ///
    /// The new key is on the disk beside the old one before anything is sealed with it, all records change
    /// in one step, and only then the old key goes. Whatever is interrupted is finished by whoever opens
    /// the secrets next.
    pub(crate) async fn rotate(&self) -> Result<(String, usize), SecretsError> {
        let _changing = self.changing.lock().await;
        for _ in 0..ATTEMPTS {
            let Kept { document, version } = self.read().await?;
            let ring = self.key_file.read().await?;
            let ring = self.settled(ring, &document).await?;
            let opened = self.opened(&ring, &document)?;
            self.redactor.learn_all(opened.iter().map(|(name, secret)| (name.as_str(), secret)));
            let next = self.key_file.prepare_next(ring).await?;
            let mut resealed = document;
            for (name, secret) in &opened {
                if let Some(record) = resealed.secrets.get_mut(name) {
                    *record = Record::new(&next, name, secret, record.changed_at)?;
                }
            }
            if self.write(&resealed, version).await? == Written::Yes {
                self.key_file.promote_next().await?;
                return Ok((next.id(), opened.len()));
            }
        }
        Err(SecretsError::Contended)
    }

    async fn read(&self) -> Result<Kept, SecretsError> {
        let setting = self.settings.setting(SETTING).await?;
        match setting {
            Some(setting) => {
                Ok(Kept { document: Document::parse(setting.value)?, version: setting.version })
            }
            None => Ok(Kept { document: Document::default(), version: 0 }),
        }
    }

    async fn write(&self, document: &Document, version: u64) -> Result<Written, SecretsError> {
        let expected = match version {
            0 => ExpectedVersion::Absent,
            version => ExpectedVersion::Exactly(version),
        };
        let change =
            SettingChange { key: SETTING.to_owned(), value: document.to_json()?, expected };
        match self.settings.change_setting(change).await {
            Ok(_) => Ok(Written::Yes),
            Err(StoreError::Conflict { .. }) => Ok(Written::OvertakenByAnother),
            Err(error) => Err(error.into()),
        }
    }

    /// Finishes a rotation that was interrupted after everything was sealed anew.
    async fn settled(&self, ring: KeyRing, document: &Document) -> Result<KeyRing, SecretsError> {
        let Some(next) = &ring.next else { return Ok(ring) };
        let id = next.id();
        if document.secrets.is_empty() || document.secrets.values().any(|record| record.key != id) {
            return Ok(ring);
        }
        self.key_file.promote_next().await?;
        tracing::info!(key_id = id, "the rotation of the secrets' key is finished");
        Ok(KeyRing { current: ring.next, next: None })
    }

    /// The key to seal one more secret with: that of all others.
    async fn key_for(&self, document: &Document) -> Result<SealingKey, SecretsError> {
        let ring = self.key_file.read().await?;
        let ring = self.settled(ring, document).await?;
        for record in document.secrets.values() {
            self.key_of(&ring, record)?;
        }
        match ring.current {
            Some(key) => Ok(key),
            None => self.key_file.create().await,
        }
    }

    fn opened(
        &self,
        ring: &KeyRing,
        document: &Document,
    ) -> Result<Vec<(SecretName, Secret)>, SecretsError> {
        let open = |(name, record): (&SecretName, &Record)| {
            let secret = record.open(self.key_of(ring, record)?, name)?;
            Ok((name.clone(), secret))
        };
        document.secrets.iter().map(open).collect()
    }

    fn key_of<'a>(
        &self,
        ring: &'a KeyRing,
        record: &Record,
    ) -> Result<&'a SealingKey, SecretsError> {
        let path = self.key_file.path().to_owned();
        match ring.key(&record.key) {
            Some(key) => Ok(key),
            None => match &ring.current {
                None => Err(SecretsError::KeyMissing { path, sealed_with: record.key.clone() }),
                Some(key) => Err(SecretsError::WrongKey {
                    path,
                    sealed_with: record.key.clone(),
                    found: key.id(),
                }),
            },
        }
    }

    async fn open_one(&self, name: &SecretName) -> Result<Option<Secret>, SecretsError> {
        let Kept { document, .. } = self.read().await?;
        let Some(record) = document.secrets.get(name) else { return Ok(None) };
        let ring = self.key_file.read().await?;
        let secret = record.open(self.key_of(&ring, record)?, name)?;
        self.redactor.learn(name.as_str(), &secret);
        Ok(Some(secret))
    }
}

/// How a change came out that the store did not refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Yes,
    OvertakenByAnother,
}

#[async_trait]
impl SecretSource for SealedSecrets {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, SecretSourceError> {
        // A text that is no name names no secret.
        let Ok(parsed) = name.parse::<SecretName>() else { return Ok(None) };
        let opened = self.open_one(&parsed).await;
        opened.map_err(|error| match error {
            SecretsError::Store(error) if error.is_transient() => {
                SecretSourceError::Unavailable { name: name.to_owned(), source: error.into() }
            }
            error => SecretSourceError::Locked { name: name.to_owned(), source: error.into() },
        })
    }
}

fn check_value(secret: &Secret) -> Result<(), SecretsError> {
    let bytes = secret.expose().len();
    if bytes < Redactor::SHORTEST {
        return Err(SecretsError::TooShort { shortest: Redactor::SHORTEST });
    }
    if bytes > MAX_VALUE {
        return Err(SecretsError::TooLong { limit: MAX_VALUE });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
