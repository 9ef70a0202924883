//! What happens in a session reaches everybody who watches.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::Stream;
use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::Append;
use livos_core::AtEnd;
use livos_core::EventFeed;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::LocalFeed;
use livos_core::MemoryStore;
use livos_core::NewEntry;
use livos_core::Position;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::RunQueue;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::Timestamp;
use livos_core::WorkSignal;
use livos_core::WorkSignals;
use livos_core::follow;

use crate::redis_store::RedisServer;
use crate::redis_store::scenario;

struct Stage {
    journal: Arc<dyn Journal>,
    /// The feed of the process that drives the run.
    stage: Arc<dyn EventFeed>,
    /// The feed of the process that watches.
    house: Arc<dyn EventFeed>,
    session: SessionId,
    run: RunId,
}

impl Stage {
    fn new(
        journal: Arc<dyn Journal>,
        stage: Arc<dyn EventFeed>,
        house: Arc<dyn EventFeed>,
    ) -> Self {
        Self { journal, stage, house, session: SessionId::generate(), run: RunId::generate() }
    }

    fn say(&self, after: u64, text: &str) {
        self.stage.show(AgentEvent {
            session_id: self.session,
            run_id: self.run,
            position: Position::After(after),
            at: Timestamp::from_unix_micros(1),
            kind: EventKind::TextDelta { text: text.to_owned() },
        });
    }

    /// An entry of the run, or of another that waits.
    async fn write(&self, run_id: RunId) -> AgentEvent {
        let at = Timestamp::from_unix_micros(1);
        let kind = EventKind::TurnStarted { turn: 1 };
        let entry = NewEntry { run_id, at, kind: kind.clone() };
        let seq = self.journal.append(Append::new(self.session, vec![entry])).await.unwrap();
        let position = Position::Seq(seq);
        AgentEvent { session_id: self.session, run_id, position, at, kind }
    }

    async fn turn(&self) {
        let event = self.write(self.run).await;
        self.stage.show(event);
    }

    async fn watcher(&self, after: u64) -> Watcher {
        let journal = Arc::clone(&self.journal);
        let events = follow(journal, &*self.house, self.session, after, AtEnd::Wait).await.unwrap();
        Watcher(Box::pin(events))
    }
}

struct Watcher(Pin<Box<dyn Stream<Item = Result<AgentEvent, StoreError>> + Send>>);

impl Watcher {
    /// The next thing that is seen, as text.
    async fn sees(&mut self) -> String {
        let event = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await;
        match event.expect("nothing is shown") {
            Some(event) => short(&event.unwrap()),
            None => "the end".to_owned(),
        }
    }

    async fn sees_all(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.sees().await, *expected);
        }
    }
}

fn short(event: &AgentEvent) -> String {
    match (&event.kind, event.position) {
        (EventKind::TextDelta { text }, Position::After(after)) => format!("{after}+{text}"),
        (_, Position::Seq(seq)) => seq.to_string(),
        (kind, Position::After(after)) => format!("{after}+{}", kind.name()),
    }
}

async fn shows_everything(stage: Stage) {
    stage.turn().await;
    let mut early = stage.watcher(0).await;
    stage.say(1, "old");
    early.sees_all(&["1", "1+old"]).await;
    stage.turn().await;
    early.sees_all(&["2"]).await;
    stage.watcher(1).await.sees_all(&["2"]).await;
    for text in ["a", "b"] {
        stage.say(2, text);
        early.sees_all(&[&format!("2+{text}")]).await;
    }
    // Another run waits; the answer goes on.
    stage.house.grown(stage.session, 3);
    let waiting = stage.write(RunId::generate()).await;
    stage.stage.show(waiting);
    let mut late = stage.watcher(1).await;
    late.sees_all(&["2", "3", "3+ab"]).await;
    stage.say(2, "c");
    early.sees_all(&["3", "3+c"]).await;
    late.sees_all(&["3+c"]).await;
    stage.turn().await;
    stage.say(2, "what comes after the entry that made it void");
    stage.say(4, "d");
    early.sees_all(&["4", "4+d"]).await;
    late.sees_all(&["4", "4+d"]).await;
    stage.watcher(3).await.sees_all(&["4", "4+d"]).await;
    stage.watcher(4).await.sees_all(&["4+d"]).await;
    let other = Stage { session: SessionId::generate(), ..stage };
    other.say(0, "elsewhere");
    other.watcher(0).await.sees_all(&["0+elsewhere"]).await;
    assert!(early.0.next().now_or_never().is_none(), "another session is seen");
}

#[tokio::test]
async fn in_one_process() {
    let feed = Arc::new(LocalFeed::new());
    shows_everything(Stage::new(Arc::new(MemoryStore::new()), feed.clone(), feed)).await;
}

async fn connect(server: &RedisServer) -> Arc<RedisStore> {
    Arc::new(RedisStore::connect(server.config()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn across_processes() {
    let server = RedisServer::start();
    let (driving, watching) = (connect(&server).await, connect(&server).await);
    shows_everything(Stage::new(driving.clone(), driving, watching)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_attempt_still_says_is_seen_by_nobody() {
    let server = RedisServer::start();
    let (dead, heir) = (connect(&server).await, connect(&server).await);
    let mut stage = Stage::new(heir.clone(), dead, heir.clone());
    let run = scenario::message(stage.session, "hello");
    stage.run = run.run_id;
    heir.admit(run).await.unwrap();
    stage.turn().await;
    stage.say(1, "lost");
    let mut watcher = stage.watcher(0).await;
    watcher.sees_all(&["1", "2"]).await;
    // Another process goes on, while this one does not know yet.
    stage.stage = heir;
    stage.turn().await;
    stage.say(3, "new");
    watcher.sees_all(&["3", "3+new"]).await;
    stage.stage = connect(&server).await;
    stage.say(2, "late");
    stage.say(3, "er");
    watcher.sees_all(&["3+er"]).await;
    assert_eq!(stage.watcher(2).await.sees().await, "3");
}

#[tokio::test]
async fn what_waits_for_a_redis_that_stands_still_is_joined_and_comes_in_order() {
    let server = RedisServer::start();
    let store = connect(&server).await;
    let stage = Stage::new(store.clone(), store.clone(), store);
    stage.turn().await;
    let mut watcher = stage.watcher(0).await;
    watcher.sees_all(&["1"]).await;
    server.stand_still();
    let start = std::time::Instant::now();
    for number in 0..10_000 {
        stage.say(1, &format!("{number} "));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "to show something takes time");
    server.go_on();
    let words: Vec<String> = (0..10_000).map(|number| format!("{number} ")).collect();
    let all = words.concat();
    let mut seen = String::new();
    while seen.len() < all.len() {
        seen.push_str(watcher.sees().await.strip_prefix("1+").unwrap());
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn who_is_too_slow_is_dropped_and_holds_nobody_up() {
    let feed = Arc::new(LocalFeed::new());
    let stage = Stage::new(Arc::new(MemoryStore::new()), feed.clone(), feed);
    let mut slow = stage.watcher(0).await;
    for _ in 0..2000 {
        stage.say(0, "x");
    }
    let mut seen = 0;
    while slow.sees().await != "the end" {
        seen += 1;
    }
    assert!(seen < 2000, "all of it was kept");
    let all = format!("0+{}", "x".repeat(2000));
    assert_eq!(stage.watcher(0).await.sees().await, all, "who comes back sees all");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watched_when_redis_died_is_told_to_begin_anew() {
    let mut server = RedisServer::start_durable();
    let store = connect(&server).await;
    let stage = Stage::new(store.clone(), store.clone(), store.clone());
    stage.turn().await;
    stage.say(1, "before, ");
    let mut signals = store.signals();
    let mut watcher = stage.watcher(0).await;
    watcher.sees_all(&["1", "1+before, "]).await;
    server.kill();
    assert_eq!(watcher.sees().await, "the end");
    stage.say(1, "meanwhile");
    server.restart();
    let missed = async { while signals.next().await != Some(WorkSignal::Missed) {} };
    tokio::time::timeout(Duration::from_secs(20), missed).await.unwrap();
    let mut again = stage.watcher(1).await;
    let mut seen = again.sees().await;
    if seen == "1+before, " {
        seen.push_str(again.sees().await.strip_prefix("1+").unwrap());
    }
    assert_eq!(seen, "1+before, meanwhile");
}
