//! What happens when Redis, or the way to it, goes away.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures::StreamExt;
use futures::future::join_all;
use livos_core::AgentEvent;
use livos_core::Append;
use livos_core::Journal;
use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::RunQueue;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::WorkSignal;
use livos_core::WorkSignals;

use super::proxy::Lost;
use super::proxy::Proxy;
use super::scenario::every_operation;
use super::scenario::finished;
use super::scenario::message;
use super::scenario::turn;
use super::server::RedisServer;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

async fn through(proxy: &Proxy, prefix: &str) -> RedisStore {
    let config = RedisConfig::new(format!("redis://127.0.0.1:{}", proxy.port)).prefix(prefix);
    RedisStore::connect(config).await.unwrap()
}

/// Waits until a store says that it may have missed something, which it does when Redis is back.
async fn is_back(signals: &mut (impl futures::Stream<Item = WorkSignal> + Unpin)) {
    let missed = async { while signals.next().await != Some(WorkSignal::Missed) {} };
    tokio::time::timeout(PATIENCE, missed).await.expect("the store does not find Redis back");
}

async fn every_operation_survives(lost: Lost) {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port).await;
    // The first message is the operation itself; later ones are of those that take two steps, and of
    // the new connection on which it is asked again.
    for in_messages in 1..=3 {
        let store = through(&proxy, &format!("{lost:?}{in_messages}")).await;
        every_operation(&store, || proxy.cut(lost, in_messages)).await;
        proxy.cut(lost, 1);
        store.last_seq(SessionId::generate()).await.unwrap();
        assert!(proxy.has_cut(), "the proxy does not cut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_is_asked_again() {
    every_operation_survives(Lost::Request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_before_the_cut_is_not_done_twice() {
    every_operation_survives(Lost::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_survive_many_cuts() {
    const WRITERS: usize = 20;
    const ENTRIES: u32 = 25;
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port).await;
    let store = Arc::new(through(&proxy, "many").await);
    let run = RunId::generate();
    let sessions: Vec<SessionId> = (0..WRITERS).map(|_| SessionId::generate()).collect();
    let writers = sessions.iter().map(|session| {
        let (store, proxy) = (&store, &proxy);
        async move {
            for number in 1..=ENTRIES {
                if number % 5 == 0 {
                    proxy.cut(if number % 2 == 0 { Lost::Answer } else { Lost::Request }, 7);
                }
                let seq = store.append(Append::new(*session, vec![turn(run, number)])).await;
                assert_eq!(seq.unwrap(), u64::from(number), "an entry was lost or written twice");
            }
        }
    });
    join_all(writers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_comes_back_with_everything() {
    let mut server = RedisServer::start_durable();
    let store = RedisStore::connect(server.config()).await.unwrap();
    let mut signals = store.signals();
    let session = SessionId::generate();
    let run = message(session, "hello");
    store.admit(run.clone()).await.unwrap();
    let claim = super::scenario::claim(&store).await.unwrap().unwrap();
    for round in 1..=3 {
        let append = Append::new(session, vec![turn(run.run_id, round)]).under(claim.lease);
        store.append(append).await.unwrap();
        server.kill();
        let gone = store.last_seq(session).await;
        assert!(gone.as_ref().is_err_and(StoreError::is_transient), "{gone:?}");
        server.restart();
        is_back(&mut signals).await;
        // The new Redis has no scripts; the claim and all entries are there.
        assert_eq!(store.last_seq(session).await.unwrap(), u64::from(round) + 1);
    }
    let append = Append::new(session, vec![finished(run.run_id)]).under(claim.lease);
    assert_eq!(store.append(append).await.unwrap(), 5);
    let entries = store.read(session, 0, 100).await.unwrap();
    assert!(entries.iter().filter_map(AgentEvent::seq).eq(1..=5), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_gone_calls_fail_at_once() {
    let mut server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    let mut signals = store.signals();
    server.kill();
    let first = Instant::now();
    let refused = store.admit(message(SessionId::generate(), "hello")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(first.elapsed() < Duration::from_secs(6), "the first took {:?}", first.elapsed());
    let others = Instant::now();
    for _ in 0..200 {
        let refused = store.admit(message(SessionId::generate(), "hello")).await;
        assert!(refused.is_err_and(|error| error.is_transient()), "a gone Redis admits");
    }
    assert!(others.elapsed() < Duration::from_secs(3), "200 took {:?}", others.elapsed());
    server.restart();
    is_back(&mut signals).await;
    store.admit(message(SessionId::generate(), "hello")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stands_still_holds_nobody_up() {
    let server = RedisServer::start();
    let config = server.config().patience(Duration::from_millis(200));
    let store = RedisStore::connect(config).await.unwrap();
    let session = SessionId::generate();
    server.stand_still();
    let start = Instant::now();
    let append = Append::new(session, vec![turn(RunId::generate(), 1)]);
    let unknown = store.append(append).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
    assert!(unknown.to_string().contains("unknown"), "{unknown}");
    server.go_on();
    let answer = tokio::time::timeout(PATIENCE, async {
        loop {
            match store.last_seq(session).await {
                Ok(seq) => return seq,
                // What a caller does whom a store tells that it is away.
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(answer.await.expect("it does not recover") <= 1, "it was written more than once");
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_given_again() {
    let server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    server.cli(&["SCRIPT", "FLUSH"]);
    every_operation(&store, || {
        server.cli(&["SCRIPT", "FLUSH"]);
    })
    .await;
}

#[tokio::test]
async fn no_redis_is_no_store() {
    let mut server = RedisServer::start();
    server.kill();
    let refused = RedisStore::connect(server.config()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}
