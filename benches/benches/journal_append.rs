//! What it costs to write a fact down: in memory, in SQLite at both levels of durability, and in
//! a Redis on this machine with `appendfsync` `everysec` (relaxed) and `always` (strict).
//!
//! `one` waits for each entry; `sixty_four_at_once` has that many sessions
//! append together, which SQLite commits as a group and Redis gets over one connection.

use divan::counter::ItemsCount;
use futures::future::join_all;
use livos_benches::redis_server::RedisServer;
use livos_core::Append;
use livos_core::Durability;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::NewEntry;
use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::SqliteStore;
use livos_core::Timestamp;
use livos_core::ToolCallId;
use livos_core::ToolName;
use livos_core::ToolStatus;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Sessions that append together.
const TOGETHER: usize = 64;
const BACKENDS: [Backend; 5] = [
    Backend::Memory,
    Backend::SqliteRelaxed,
    Backend::SqliteStrict,
    Backend::RedisRelaxed,
    Backend::RedisStrict,
];

#[derive(Debug, Clone, Copy)]
enum Backend {
    Memory,
    SqliteRelaxed,
    SqliteStrict,
    RedisRelaxed,
    RedisStrict,
}

struct Bench {
    runtime: Runtime,
    journal: Box<dyn Journal>,
    /// Holds the file as long as the store is used.
    _directory: TempDir,
    _redis: Option<RedisServer>,
}

impl Bench {
    fn new(backend: Backend) -> Option<Self> {
        let directory = tempfile::tempdir().ok()?;
        // One thread for the client: the other belongs to Redis.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let redis = match backend {
            Backend::RedisRelaxed => Some(RedisServer::start("everysec").ok()?),
            Backend::RedisStrict => Some(RedisServer::start("always").ok()?),
            _ => None,
        };
        let path = directory.path().join("bench.db");
        let journal: Box<dyn Journal> = match (&redis, backend) {
            (Some(redis), _) => {
                let store = RedisStore::connect(RedisConfig::new(redis.url()));
                Box::new(runtime.block_on(store).ok()?)
            }
            (None, Backend::SqliteRelaxed) => {
                Box::new(SqliteStore::open_with(&path, Durability::Relaxed).ok()?)
            }
            (None, Backend::SqliteStrict) => {
                Box::new(SqliteStore::open_with(&path, Durability::Strict).ok()?)
            }
            (None, _) => Box::new(MemoryStore::new()),
        };
        Some(Self { runtime, journal, _directory: directory, _redis: redis })
    }
}

fn main() {
    divan::main();
}

#[divan::bench(args = BACKENDS)]
fn one(bencher: divan::Bencher<'_, '_>, backend: Backend) {
    let Some(bench) = Bench::new(backend) else { return };
    let (session, run) = (SessionId::generate(), RunId::generate());
    bencher.bench_local(|| {
        bench.runtime.block_on(bench.journal.append(Append::new(session, vec![tool_finished(run)])))
    });
}

#[divan::bench(args = BACKENDS)]
fn sixty_four_at_once(bencher: divan::Bencher<'_, '_>, backend: Backend) {
    let Some(bench) = Bench::new(backend) else { return };
    let run = RunId::generate();
    let sessions: Vec<SessionId> = (0..TOGETHER).map(|_| SessionId::generate()).collect();
    bencher.counter(ItemsCount::new(TOGETHER)).bench_local(|| {
        let appends = sessions
            .iter()
            .map(|session| bench.journal.append(Append::new(*session, vec![tool_finished(run)])));
        bench.runtime.block_on(join_all(appends))
    });
}

fn tool_finished(run_id: RunId) -> NewEntry {
    let text = livos_core::ContentBlock::text("The sum of 1007 and 7 is 1014.");
    let kind = EventKind::ToolFinished {
        call_id: ToolCallId::from("call_000000000000000000000007"),
        name: ToolName::from("add"),
        status: ToolStatus::Ok,
        content: vec![text].into(),
        duration_ms: 1,
        truncated: false,
    };
    NewEntry { run_id, at: Timestamp::from_unix_micros(1_741_570_283_000_000), kind }
}
