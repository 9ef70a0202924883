//! Every backend keeps the same promises.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use livos_core::AgentLoop;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::RunRequest;
use livos_core::RunState;
use livos_core::RunStore;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::testing::ScriptedProvider;
use livos_core::testing::check_store;

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let empty = async || Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    assert_eq!(check_store(empty).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let home = tempfile::tempdir().unwrap();
    let stores = AtomicU32::new(0);
    let empty = async || {
        let name = format!("{}.db", stores.fetch_add(1, Ordering::Relaxed));
        Arc::new(SqliteStore::open(home.path().join(name)).unwrap()) as Arc<dyn Store>
    };
    assert_eq!(check_store(empty).await, Ok(()));
}

#[tokio::test]
async fn sqlite_remembers_after_it_was_closed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let agent = |text: &str| {
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        AgentLoop::builder(ScriptedProvider::answering(text)).journal(store).build()
    };
    let first = agent("Hello Ann.").run("I am Ann.").await;
    let second = agent("Ann.").run(RunRequest::new("Who am I?").in_session(first.session_id)).await;
    let store = SqliteStore::open(&path).unwrap();
    let entries = store.read(first.session_id, 0, 100).await.unwrap();
    assert_eq!(entries.len(), 10, "five entries a run");
    let run = store.run(second.run_id).await.unwrap().unwrap();
    assert_eq!((run.state, run.text.as_deref()), (RunState::Completed, Some("Ann.")));
}

#[test]
fn a_second_sqlite_store_on_one_file_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let first = SqliteStore::open(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::InUse { .. })));
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_called_damaged() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    std::fs::write(
        &path,
        "this is no database, but it is long enough to be taken for one".repeat(99),
    )
    .unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt { .. })));
}
