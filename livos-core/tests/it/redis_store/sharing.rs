//! Several servers on one Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::Append;
use livos_core::Journal;
use livos_core::LeaseToken;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::RunLeases;
use livos_core::RunQueue;
use livos_core::RunState;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::WorkSignal;
use livos_core::WorkSignals;

use super::scenario::claim;
use super::scenario::finished;
use super::scenario::message;
use super::scenario::turn;
use super::server::RedisServer;

const SESSIONS: usize = 10;
const RUNS: usize = 6;

async fn pair(server: &RedisServer) -> [Arc<RedisStore>; 2] {
    let one = RedisStore::connect(server.config()).await.unwrap();
    let other = RedisStore::connect(server.config()).await.unwrap();
    [Arc::new(one), Arc::new(other)]
}

/// Drives runs until none is left; gives those it drove.
async fn drive(store: Arc<RedisStore>) -> Vec<(RunId, LeaseToken)> {
    let mut signals = store.signals();
    let mut driven = Vec::new();
    loop {
        let Some(claim) = claim(&store).await.unwrap() else {
            // Others may still drive what a next run waits for; their end is told.
            let quiet = Duration::from_millis(500);
            match tokio::time::timeout(quiet, signals.next()).await {
                Ok(_) => continue,
                Err(_) => return driven,
            }
        };
        let run = claim.lease.run_id;
        for entry in [turn(run, 1), finished(run)] {
            let append = Append::new(claim.session_id, vec![entry]).under(claim.lease);
            store.append(append).await.unwrap();
        }
        driven.push((run, claim.lease.token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_work_and_none_is_done_twice() {
    let server = RedisServer::start();
    let stores = pair(&server).await;
    let mut admitted: HashMap<SessionId, Vec<RunId>> = HashMap::new();
    for session in std::iter::repeat_with(SessionId::generate).take(SESSIONS) {
        for number in 0..RUNS {
            let run = message(session, &number.to_string());
            stores[number % 2].admit(run.clone()).await.unwrap();
            admitted.entry(session).or_default().push(run.run_id);
        }
    }
    let workers = (0..6).map(|number| tokio::spawn(drive(Arc::clone(&stores[number % 2]))));
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    let tokens: std::collections::HashSet<_> = all.iter().map(|(_, token)| *token).collect();
    assert_eq!((all.len(), tokens.len()), (SESSIONS * RUNS, SESSIONS * RUNS), "each run once");
    for (session, runs) in admitted {
        let entries = stores[0].read(session, 0, 1000).await.unwrap();
        assert_eq!(entries.len(), RUNS * 3, "admitted, one turn, finished");
        let ended = entries.iter().filter(|entry| entry.kind.name() == "run_finished");
        assert!(ended.map(|entry| entry.run_id).eq(runs), "the runs ended in their order");
    }
}

#[tokio::test]
async fn a_server_that_lost_a_run_to_another_cannot_write_it() {
    let server = RedisServer::start();
    let [slow, heir] = pair(&server).await;
    let run = message(SessionId::generate(), "hello");
    slow.admit(run.clone()).await.unwrap();
    let lost = claim(&slow).await.unwrap().unwrap();
    slow.release(lost.lease).await.unwrap();
    let kept = claim(&heir).await.unwrap().unwrap();
    assert!(kept.lease.token > lost.lease.token);
    let append = Append::new(lost.session_id, vec![finished(run.run_id)]);
    let refused = slow.append(append.clone().under(lost.lease)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost { .. })), "{refused:?}");
    heir.append(append.under(kept.lease)).await.unwrap();
    let record = slow.run(run.run_id).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Completed);
}

#[tokio::test]
async fn one_server_hears_what_another_admits() {
    let server = RedisServer::start();
    let [admitting, listening] = pair(&server).await;
    let mut signals = listening.signals();
    admitting.admit(message(SessionId::generate(), "hello")).await.unwrap();
    let signal = tokio::time::timeout(Duration::from_secs(10), signals.next()).await;
    assert_eq!(signal, Ok(Some(WorkSignal::RunReady)));
}

#[tokio::test]
async fn signals_end_with_their_store() {
    let server = RedisServer::start();
    let store = RedisStore::connect(server.config()).await.unwrap();
    let mut signals = store.signals();
    drop(store);
    let end = tokio::time::timeout(Duration::from_secs(10), signals.next()).await;
    assert_eq!(end, Ok(None));
}
