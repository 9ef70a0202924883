//! Stores to measure, and what is written into them.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use futures::future::try_join_all;
use livos_core::Append;
use livos_core::Durability;
use livos_core::EventFeed;
use livos_core::EventKind;
use livos_core::LocalFeed;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewEntry;
use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::SqliteStore;
use livos_core::StopReason;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::Timestamp;
use livos_core::Usage;
use tempfile::TempDir;

use crate::redis_server::RedisServer;

/// When everything that is written happens, as far as its entries tell.
pub const AT: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In memory.
    Memory,
    /// SQLite, where an answer survives the process.
    SqliteRelaxed,
    /// SQLite, where an answer survives a power cut.
    SqliteStrict,
    /// A Redis on this machine with `appendfsync everysec`.
    RedisRelaxed,
    /// A Redis on this machine with `appendfsync always`.
    RedisStrict,
}

impl Backend {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Memory,
        Self::SqliteRelaxed,
        Self::SqliteStrict,
        Self::RedisRelaxed,
        Self::RedisStrict,
    ];
    /// One of each store, at its strict level.
    pub const STRICT: [Self; 3] = [Self::Memory, Self::SqliteStrict, Self::RedisStrict];
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::SqliteRelaxed => "SQLite relaxed",
            Self::SqliteStrict => "SQLite strict",
            Self::RedisRelaxed => "Redis everysec",
            Self::RedisStrict => "Redis always",
        })
    }
}

/// A store that is open, with what it needs.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What is shown beside its journal.
    pub feed: Arc<dyn EventFeed>,
    _directory: TempDir,
    _redis: Option<RedisServer>,
}

impl Opened {
    /// A new store of this kind.
    ///
    /// # Errors
    /// When it cannot be opened, or `redis-server` is not installed.
    pub async fn new(backend: Backend) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("bench.db");
        let redis = match backend {
            Backend::RedisRelaxed => Some(RedisServer::start("everysec")?),
            Backend::RedisStrict => Some(RedisServer::start("always")?),
            _ => None,
        };
        let (store, feed): (Arc<dyn Store>, Arc<dyn EventFeed>) = match (backend, &redis) {
            (_, Some(redis)) => {
                let store = Arc::new(RedisStore::connect(RedisConfig::new(redis.url())).await?);
                (Arc::clone(&store) as Arc<dyn Store>, store)
            }
            (Backend::Memory, _) => (Arc::new(MemoryStore::new()), Arc::new(LocalFeed::new())),
            (Backend::SqliteRelaxed, _) => {
                (sqlite(&path, Durability::Relaxed)?, Arc::new(LocalFeed::new()))
            }
            (_, _) => (sqlite(&path, Durability::Strict)?, Arc::new(LocalFeed::new())),
        };
        Ok(Self { store, feed, _directory: directory, _redis: redis })
    }
}

fn sqlite(path: &Path, durability: Durability) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(SqliteStore::open_with(path, durability)?))
}

/// So many sessions that each append one entry after the other, every second one an answer with
/// words to be found again.
///
/// # Errors
/// When the store takes one not.
pub async fn append_at_once(
    store: &dyn Store,
    sessions: u32,
    entries: u32,
) -> Result<(), StoreError> {
    try_join_all((0..sessions).map(|_| write(store, entries))).await.map(drop)
}

async fn write(store: &dyn Store, entries: u32) -> Result<(), StoreError> {
    let session = SessionId::generate();
    for number in 0..entries {
        let entry = match number % 2 {
            0 => entry(EventKind::TurnStarted { turn: 1 }),
            _ => answer(number),
        };
        store.append(Append::new(session, vec![entry])).await?;
    }
    Ok(())
}

/// An entry that tells of an answer of a sentence.
pub fn answer(number: u32) -> NewEntry {
    let text =
        format!("Answer {number}: it is sunny in Lisbon today, with a light wind from the north.");
    entry(EventKind::AssistantMessage {
        turn: 1,
        message: Arc::new(Message::assistant(text)),
        usage: Usage::default(),
        cost_micro_usd: None,
        provider: "scripted".into(),
        model: "scripted".into(),
        stop_reason: StopReason::EndTurn,
        time_to_first_token_ms: 1,
        duration_ms: 2,
    })
}

fn entry(kind: EventKind) -> NewEntry {
    NewEntry { run_id: RunId::generate(), at: AT, kind }
}
