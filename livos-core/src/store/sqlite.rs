//! The embedded store: one SQLite file, one thread that writes it.
//!
//! All writes and checkpoints go through one connection on its own thread,
//! which commits everything that waits in one transaction (group commit).
//! Reads have a connection and a thread of their own. A lock file keeps a
//! second process out: two writers on one write-ahead log can corrupt it in the
//! SQLite this is built with (fixed in 3.51.3).

mod approvals;
mod backup;
mod facts;
mod failure;
mod lanes;
mod listing;
mod outbox;
mod queries;
mod queue;
mod reader;
mod schedules;
mod schema;
mod sessions;
mod settings;
mod statement;
mod tables;
mod usage;
mod writer;

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::OpenFlags;

use self::approvals::KnownRules;
use self::failure::Damage;
use self::failure::store_error;
use self::reader::Reader;
use self::writer::Writer;
use super::StoreError;
use super::StoreHealth;
use super::signals::Signals;

pub use self::backup::StoreCheck;

/// How much a store promises when an append returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The entry survives a power cut (`synchronous=FULL`).
    #[default]
    Strict,
    /// The entry survives the death of the process; a power cut may lose the last moments (`synchronous=NORMAL`).
    Relaxed,
}

/// A store in one SQLite file. Needs no service and no system library.
///
/// ```no_run
/// use std::sync::Arc;
/// use livos_core::{AgentLoop, SqliteStore, testing::ScriptedProvider};
///
/// # fn main() -> Result<(), livos_core::StoreError> {
/// let store = SqliteStore::open("agent.db")?;
/// let agent = AgentLoop::builder(ScriptedProvider::answering("Hi.")).journal(Arc::new(store)).build();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    location: PathBuf,
    writer: Writer,
    reader: Reader,
    signals: Arc<Signals>,
    damage: Damage,
    rules: Arc<KnownRules>,
    // Held as long as the store lives; the operating system lets go of it when the process dies.
    _lock: File,
}

impl SqliteStore {
    /// Opens a store, creating it if there is none, with [`Durability::Strict`].
    ///
    /// Blocks for the time it takes to open the file (milliseconds).
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open,
    /// [`StoreError::NewerFormat`] when a newer version wrote it, or when the
    /// file cannot be opened or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, Durability::Strict)
    }

    /// Opens a store with the durability asked for.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let location = path.as_ref().to_owned();
        let lock = lock(&location)?;
        let mut connection = Connection::open(&location).map_err(store_error)?;
        schema::prepare(&mut connection, durability)?;
        queue::free_all(&connection)?;
        let (signals, damage) = (Arc::new(Signals::default()), Damage::default());
        Ok(Self {
            writer: Writer::start(connection, Arc::clone(&signals), damage.clone())?,
            reader: Reader::start(open_to_read(&location)?, damage.clone())?,
            signals,
            damage,
            rules: Arc::default(),
            location,
            _lock: lock,
        })
    }

    /// Where the store is.
    pub fn location(&self) -> &Path {
        &self.location
    }
}

#[async_trait]
impl StoreHealth for SqliteStore {
    async fn check_health(&self) -> Result<(), StoreError> {
        self.damage.check()?;
        self.reader.run(|db| statement::row(db, "SELECT 1 FROM sessions", [], |_| Ok(()))).await?;
        // A transaction without a change writes nothing.
        self.writer.run(|_| Ok(())).await
    }
}

fn open_to_read(location: &Path) -> Result<Connection, StoreError> {
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(location, reading).map_err(store_error)
}

fn lock(location: &Path) -> Result<File, StoreError> {
    let mut path = location.as_os_str().to_owned();
    path.push(".lock");
    let unavailable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly(error.into())
        }
        std::io::ErrorKind::StorageFull => StoreError::Full(error.into()),
        _ => StoreError::Unavailable {
            message: format!("cannot open '{}'", Path::new(&path).display()),
            source: Some(error.into()),
        },
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::InUse { location: location.display().to_string() })
        }
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

#[cfg(test)]
mod tests;
