//! The store for several machines, on a real Redis that the tests start.

mod server;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use livos_core::RedisStore;
use livos_core::Store;
use livos_core::testing::check_store;

use self::server::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_all_promises() {
    let server = RedisServer::start();
    let stores = AtomicU32::new(0);
    let empty = async || {
        let number = stores.fetch_add(1, Ordering::Relaxed);
        let config = server.config().prefix(&format!("suite{number}"));
        Arc::new(RedisStore::connect(config).await.unwrap()) as Arc<dyn Store>
    };
    assert_eq!(check_store(empty).await, Ok(()));
}
