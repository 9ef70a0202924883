//! The store for several machines, on a real Redis that the tests start.

mod outage;
mod proxy;
pub(crate) mod scenario;
mod server;
mod sharing;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use livos_core::Append;
use livos_core::Clock;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::NewEntry;
use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::SystemClock;
use livos_core::testing::check_store;

pub(crate) use self::server::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_all_promises() {
    let server = RedisServer::start();
    let stores = AtomicU32::new(0);
    let empty = async || {
        let number = stores.fetch_add(1, Ordering::Relaxed);
        let config = server.config().prefix(&format!("suite{number}:"));
        Arc::new(RedisStore::connect(config).await.unwrap()) as Arc<dyn Store>
    };
    assert_eq!(check_store(empty).await, Ok(()));
    let keys = server.cli(&["KEYS", "*"]);
    assert!(keys.lines().count() > 10, "the suite left something: {keys}");
    let untagged: Vec<_> = keys.lines().filter(|key| !key.starts_with("{suite")).collect();
    assert!(untagged.is_empty(), "keys outside the slots of their stores: {untagged:?}");
}

#[tokio::test]
async fn a_deleted_session_leaves_nothing_behind() {
    let server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    scenario::every_operation(&store, || {}).await;
    // What stays on purpose: usage, settings, counters, other sessions, and answers for a while.
    let keys = server.cli(&["KEYS", "*"]);
    for kind in
        ["queued", "inputs", "replies", "waiting", "delivery", "ready", "leased", "due", "flying"]
    {
        let left = keys.lines().filter(|key| key.starts_with(&format!("{{livos}}:{kind}")));
        assert_eq!(left.collect::<Vec<_>>(), Vec::<&str>::new(), "{kind}");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let server = RedisServer::start();
    server.cli(&["SET", "{livos}:format", "2"]);
    let refused = RedisStore::connect(server.config()).await;
    let expected = matches!(refused, Err(StoreError::NewerFormat { found: 2, supported: 1 }));
    assert!(expected, "{refused:?}");
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2"]);
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port);
    let config = RedisConfig::new(url("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    let store = RedisStore::connect(config).await.unwrap();
    assert!(!format!("{store:?} {}", store.address()).contains("hunter2"), "{store:?}");
    for url in
        [url("wrong-hunter2"), "redis://:hunter2@[".to_owned(), "rediss://:hunter2@h".to_owned()]
    {
        let error = RedisStore::connect(RedisConfig::new(url)).await.unwrap_err();
        let first: &dyn std::error::Error = &error;
        let causes = std::iter::successors(Some(first), |error| error.source());
        let told = causes.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("\n");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_full_redis_is_called_full_and_loses_nothing() {
    let server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    let session = SessionId::generate();
    let (run, text) = (scenario::message(session, "hello"), "x".repeat(100_000));
    livos_core::RunQueue::admit(&store, run).await.unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let refused = livos_core::RunQueue::admit(&store, scenario::message(session, &text)).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let seq = store.last_seq(session).await.unwrap();
    assert_eq!(seq, 1, "what was refused left a trace");
    livos_core::RunQueue::admit(&store, scenario::message(session, &text)).await.unwrap();
}

#[tokio::test]
async fn an_append_repeated_by_its_writer_is_written_once() {
    let server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    let session = SessionId::generate();
    let kind = EventKind::TurnStarted { turn: 1 };
    let entry = NewEntry { run_id: RunId::generate(), at: SystemClock.now(), kind };
    let append = Append::new(session, vec![entry.clone()]);
    assert_eq!(store.append(append.clone()).await.unwrap(), 1);
    assert_eq!(store.append(append).await.unwrap(), 1, "its answer may have been lost");
    assert_eq!(store.append(Append::new(session, vec![entry])).await.unwrap(), 2);
    assert_eq!(store.last_seq(session).await.unwrap(), 2);
}
