//! The key that opens the API.

use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use livos_core::Secret;
use sha2::Digest;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::HomeError;
use super::private_file;
use super::random_token;

/// The longest key file that is read, in bytes.
const MAX_KEY_BYTES: u64 = 4 * 1024;

/// The key that opens the API.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    secret: Secret,
    source: KeySource,
}

/// Where a key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The owner chose it.
    Configured,
    /// An earlier start made it.
    Home,
    /// This start made it.
    Generated,
}

impl ApiKey {
    pub(super) fn configured(secret: Secret) -> Self {
        Self { secret, source: KeySource::Configured }
    }

    pub(super) fn of_home(path: &Path) -> Result<Self, HomeError> {
        let unusable = |source| HomeError::Unusable { path: path.to_owned(), source };
        if path.exists() {
            return Self::read(path);
        }
        let mut file = private_file(path, OpenOptions::new().write(true).create_new(true))?;
        let token = random_token().map_err(unusable)?;
        file.write_all(format!("{token}\n").as_bytes())
            .and_then(|()| file.sync_all())
            // Half a key would be taken for a whole one by the next start.
            .inspect_err(|_| drop(std::fs::remove_file(path)))
            .map_err(unusable)?;
        Ok(Self { secret: Secret::new(token), source: KeySource::Generated })
    }

    fn read(path: &Path) -> Result<Self, HomeError> {
        let file = private_file(path, OpenOptions::new().read(true))?;
        let mut text = String::new();
        match file.take(MAX_KEY_BYTES).read_to_string(&mut text) {
            Err(source) if source.kind() != io::ErrorKind::InvalidData => {
                return Err(HomeError::Unusable { path: path.to_owned(), source });
            }
            _ => {}
        }
        let secret = Secret::new(text);
        let is_key = secret.expose().len() >= crate::config::MIN_API_KEY_BYTES
            && secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if is_key {
            Ok(Self { secret, source: KeySource::Home })
        } else {
            Err(HomeError::BrokenKey { path: path.to_owned() })
        }
    }

    pub(crate) fn source(&self) -> KeySource {
        self.source
    }

    /// The key itself, to be kept out of what leaves.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether a text is this key. The time it takes tells nothing about either.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        let ours = Sha256::digest(self.secret.expose());
        let theirs = Sha256::digest(candidate);
        ours.as_slice().ct_eq(theirs.as_slice()).into()
    }

    /// A key for one purpose, from which this one cannot be found.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        crate::http::hmac_sha256(self.secret.expose().as_bytes(), purpose.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.key");
        let first = ApiKey::of_home(&path).unwrap();
        let second = ApiKey::of_home(&path).unwrap();
        assert_eq!((first.source(), second.source()), (KeySource::Generated, KeySource::Home));
        assert!(second.matches(first.secret.expose()));
        assert_eq!(first.secret.expose().len(), 64);
    }

    #[test]
    fn only_the_whole_key_matches() {
        let key = ApiKey::configured(Secret::new("0123456789abcdef"));
        assert!(key.matches("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF"] {
            assert!(!key.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_empty_key_file_is_an_error_and_not_an_open_door() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.key");
        for broken in ["", "\n", "short", "0123456789 abcdef"] {
            std::fs::write(&path, broken).unwrap();
            let error = ApiKey::of_home(&path).unwrap_err();
            assert!(matches!(error, HomeError::BrokenKey { .. }), "{broken:?}");
        }
    }
}
