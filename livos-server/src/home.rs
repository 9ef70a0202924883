//! The home directory: who may read it, and that only one server uses it.
//!
//! Directories are made 0700 and files 0600. A lock file, held for as long as
//! the [`Home`] lives, keeps a second server out; it also tells other programs
//! (the `livos` command) where the running one listens.

mod api_key;
mod random;

use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

pub(crate) use self::api_key::ApiKey;
pub(crate) use self::api_key::KeySource;
pub(crate) use self::random::random_token;

const LOCK_FILE: &str = "server.lock";
const API_KEY_FILE: &str = "api.key";
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
/// The longest lock file that is read back, in bytes.
const MAX_LOCK_BYTES: u64 = 4 * 1024;

/// A home directory that this process alone serves.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    lock: File,
}

/// Why a home directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another server uses it.
    #[error("{} is in use by another livos-server{}; stop that one, or give this one another home with --home", path.display(), at(running.as_ref()))]
    InUse {
        /// The home directory.
        path: PathBuf,
        /// What the other server wrote about itself.
        running: Option<RunningServer>,
    },
    /// It cannot be made, read or written.
    #[error("cannot use {}: {source}; check who owns it, that it is writable, and that the disk is not full", path.display())]
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file holds no key.
    #[error("{} holds no API key; delete it and a new one is made", path.display())]
    BrokenKey {
        /// The key file.
        path: PathBuf,
    },
}

/// What a running server tells about itself in the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunningServer {
    /// Its process id.
    pub pid: u32,
    /// Where it answers, such as `http://127.0.0.1:3200`.
    pub url: String,
}

impl RunningServer {
    /// The server that uses this home now, if there is one.
    pub fn find(home: &Path) -> Option<Self> {
        let mut file = File::open(home.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_lock(&mut file),
            _ => None,
        }
    }
}

impl Home {
    /// Makes the directory if it is not there and takes it for this process.
    ///
    /// # Errors
    /// [`HomeError::InUse`] when another server has it, [`HomeError::Unusable`]
    /// when it cannot be written.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        create_private_directory(path)?;
        let lock_path = path.join(LOCK_FILE);
        let mut lock =
            private_file(&lock_path, OpenOptions::new().read(true).write(true).create(true))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => {
                Err(HomeError::InUse { path: path.to_owned(), running: read_lock(&mut lock) })
            }
            Err(TryLockError::Error(source)) => {
                Err(HomeError::Unusable { path: lock_path, source })
            }
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells others in the home where this server answers.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), HomeError> {
        let running = RunningServer { pid: std::process::id(), url: url.to_owned() };
        self.write_lock(&running)
            .map_err(|source| HomeError::Unusable { path: self.path.join(LOCK_FILE), source })
    }

    fn write_lock(&mut self, running: &RunningServer) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(&serde_json::to_vec(running)?)
    }

    /// The key of this server: the owner's, else the home's, else a new one that is kept in the home.
    pub(crate) fn api_key(
        &self,
        configured: Option<&livos_core::Secret>,
    ) -> Result<ApiKey, HomeError> {
        match configured {
            Some(key) => Ok(ApiKey::configured(key.clone())),
            None => ApiKey::of_home(&self.path.join(API_KEY_FILE)),
        }
    }
}

/// Where the key of this home is kept, for programs on the same machine.
pub fn api_key_path(home: &Path) -> PathBuf {
    home.join(API_KEY_FILE)
}

/// Makes a directory and its parents, readable by the owner only.
pub(crate) fn create_private_directory(path: &Path) -> Result<(), HomeError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)
        .map_err(|source| HomeError::Unusable { path: path.to_owned(), source })
}

/// Opens a file that only the owner may read, and takes rights away from others if they had any.
fn private_file(path: &Path, options: &mut OpenOptions) -> Result<File, HomeError> {
    let mut open = || {
        let file = options.mode(PRIVATE_FILE).open(path)?;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(PRIVATE_FILE);
            file.set_permissions(permissions)?;
        }
        Ok(file)
    };
    open().map_err(|source| HomeError::Unusable { path: path.to_owned(), source })
}

fn read_lock(file: &mut File) -> Option<RunningServer> {
    let mut text = Vec::new();
    file.take(MAX_LOCK_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn at(running: Option<&RunningServer>) -> String {
    match running {
        Some(server) => format!(" (process {}, {})", server.pid, server.url),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_home_is_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/home");
        let home = Home::open(&path).unwrap();
        home.api_key(None).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(LOCK_FILE)), 0o600);
        assert_eq!(mode(&path.join(API_KEY_FILE)), 0o600);
    }

    #[test]
    fn a_second_server_is_told_who_has_the_home() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = Home::open(directory.path()).unwrap();
        first.announce("http://127.0.0.1:7").unwrap();
        let error = Home::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("in use by another livos-server"), "{error}");
        assert!(error.contains("http://127.0.0.1:7"), "{error}");
        let found = RunningServer::find(directory.path()).unwrap();
        assert_eq!(found.url, "http://127.0.0.1:7");
    }

    #[test]
    fn a_home_is_free_again_when_its_server_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        drop(Home::open(directory.path()).unwrap());
        assert_eq!(RunningServer::find(directory.path()), None);
        assert!(Home::open(directory.path()).is_ok());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "").unwrap();
        let error = Home::open(&path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
