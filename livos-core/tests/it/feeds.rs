//! What happens in a session reaches everybody who watches.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::Append;
use livos_core::EventFeed;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::LocalFeed;
use livos_core::MemoryStore;
use livos_core::NewEntry;
use livos_core::Position;
use livos_core::RedisStore;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::Shown;
use livos_core::Timestamp;
use livos_core::Watch;

use crate::redis_store::RedisServer;

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

    async fn say(&self, text: &str) {
        let event = AgentEvent {
            session_id: self.session,
            run_id: self.run,
            position: Position::After(1),
            at: Timestamp::from_unix_micros(1),
            kind: EventKind::TextDelta { text: text.to_owned() },
        };
        self.stage.show(event).await.unwrap();
    }

    async fn write(&self) {
        let (run_id, at) = (self.run, Timestamp::from_unix_micros(1));
        let kind = EventKind::TurnStarted { turn: 1 };
        let entry = NewEntry { run_id, at, kind: kind.clone() };
        let seq = self.journal.append(Append::new(self.session, vec![entry])).await.unwrap();
        let position = Position::Seq(seq);
        let event = AgentEvent { session_id: self.session, run_id, position, at, kind };
        self.stage.show(event).await.unwrap();
    }

    async fn watch(&self) -> Watch {
        self.house.watch(self.session).await.unwrap()
    }
}

fn said<'a>(events: impl IntoIterator<Item = &'a AgentEvent>) -> String {
    events
        .into_iter()
        .map(|event| match &event.kind {
            EventKind::TextDelta { text } => text.as_str(),
            other => other.name(),
        })
        .collect()
}

/// The next thing that is seen, as text; a dot for a journal that grew.
async fn seen(watch: &mut Watch) -> String {
    let shown = tokio::time::timeout(Duration::from_secs(10), watch.live.next()).await;
    match shown.expect("nothing is shown") {
        Some(Shown::Event(event)) => said([&*event]),
        Some(Shown::Grown) => ".".to_owned(),
        None => "the end".to_owned(),
    }
}

async fn shows_everything(stage: Stage) {
    stage.write().await;
    stage.say("old ").await;
    stage.write().await;
    let mut early = stage.watch().await;
    assert!(early.partial.is_empty(), "what an entry made void is shown: {:?}", early.partial);
    stage.say("a").await;
    stage.say("b").await;
    let mut late = stage.watch().await;
    assert_eq!(said(&late.partial), "ab", "who comes late sees the answer so far");
    stage.say("c").await;
    stage.write().await;
    stage.say("d").await;
    for expected in ["a", "b", "c", ".", "d"] {
        assert_eq!(seen(&mut early).await, expected);
    }
    for expected in ["c", ".", "d"] {
        assert_eq!(seen(&mut late).await, expected, "no gap and no repeat");
    }
    let other = Stage { session: SessionId::generate(), ..stage };
    other.say("elsewhere").await;
    assert!(early.live.next().now_or_never().is_none(), "another session is seen");
}

#[tokio::test]
async fn in_one_process() {
    let feed = Arc::new(LocalFeed::new());
    shows_everything(Stage::new(Arc::new(MemoryStore::new()), feed.clone(), feed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn across_processes() {
    let server = RedisServer::start();
    let driving = Arc::new(RedisStore::connect(server.config()).await.unwrap());
    let watching = Arc::new(RedisStore::connect(server.config()).await.unwrap());
    shows_everything(Stage::new(driving.clone(), driving, watching)).await;
}

#[tokio::test]
async fn who_is_too_slow_is_dropped_and_holds_nobody_up() {
    let feed = Arc::new(LocalFeed::new());
    let stage = Stage::new(Arc::new(MemoryStore::new()), feed.clone(), feed);
    let mut slow = stage.watch().await;
    for _ in 0..2000 {
        stage.say("x").await;
    }
    let mut seen = 0;
    while slow.live.next().await.is_some() {
        seen += 1;
    }
    assert!(seen < 2000, "all of it was kept");
    assert_eq!(stage.watch().await.partial.len(), 2000, "who comes back sees all");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watched_when_redis_died_is_told_to_begin_anew() {
    let mut server = RedisServer::start_durable();
    let store = Arc::new(RedisStore::connect(server.config()).await.unwrap());
    let stage = Stage::new(store.clone(), store.clone(), store.clone());
    let mut signals = livos_core::WorkSignals::signals(&*store);
    let mut watch = stage.watch().await;
    server.kill();
    assert_eq!(seen(&mut watch).await, "the end");
    server.restart();
    let missed = async { while signals.next().await != Some(livos_core::WorkSignal::Missed) {} };
    tokio::time::timeout(Duration::from_secs(20), missed).await.unwrap();
    let mut again = stage.watch().await;
    stage.say("back").await;
    assert_eq!(seen(&mut again).await, "back");
}
