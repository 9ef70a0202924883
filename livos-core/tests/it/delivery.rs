//! Replies on their way: when they are sent, when again, and when not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::Append;
use livos_core::Clock;
use livos_core::DeliveryAttempt;
use livos_core::DeliveryClaim;
use livos_core::DeliveryFilter;
use livos_core::DeliveryId;
use livos_core::DeliveryRecord;
use livos_core::DeliverySettings;
use livos_core::DeliveryState;
use livos_core::DeliveryWorker;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewEntry;
use livos_core::NewRun;
use livos_core::Outbox;
use livos_core::Repetition;
use livos_core::ReplyAddress;
use livos_core::ReplySink;
use livos_core::RunQueue;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::SinkAnswer;
use livos_core::SystemClock;
use livos_core::Usage;
use livos_core::WorkerId;
use serde_json::json;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers as told, then with receipts.
#[derive(Debug)]
struct Sink {
    repetition: Repetition,
    answers: Mutex<VecDeque<SinkAnswer>>,
    sent: Mutex<Vec<(DeliveryId, String)>>,
    hold: Option<Arc<Notify>>,
}

impl Sink {
    fn new(repetition: Repetition, answers: impl IntoIterator<Item = SinkAnswer>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { repetition, answers, sent: Mutex::default(), hold: None })
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
    }
}

#[async_trait]
impl ReplySink for Sink {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn repetition(&self) -> Repetition {
        self.repetition
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        self.sent.lock().unwrap().push((attempt.id, attempt.reply.text.clone()));
        if let Some(hold) = &self.hold {
            hold.notified().await;
        }
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| SinkAnswer::Receipt("r1".to_owned()))
    }
}

/// Ends a run whose reply is owed to a place.
async fn owe(store: &MemoryStore, place: &str, text: &str) {
    let session = SessionId::generate();
    let mut run = NewRun::new(session, Message::user("hi"), SystemClock.now());
    run.reply_to = Some(ReplyAddress { kind: "test".into(), address: json!(place) });
    let run_id = run.run_id;
    store.admit(run).await.unwrap();
    let kind = EventKind::RunFinished {
        status: RunStatus::Completed,
        text: text.to_owned(),
        error: None,
        usage: Usage::default(),
        cost_micro_usd: None,
        turns: 1,
        tool_calls: 0,
        duration_ms: 1,
    };
    let entry = NewEntry { run_id, at: SystemClock.now(), kind };
    store.append(Append::new(session, vec![entry])).await.unwrap();
}

fn quick() -> DeliverySettings {
    DeliverySettings::default().with_first_pause(Duration::from_millis(5))
}

fn start(store: &Arc<MemoryStore>, sink: &Arc<Sink>, settings: DeliverySettings) -> DeliveryWorker {
    DeliveryWorker::start(store.clone(), vec![sink.clone()], Arc::new(SystemClock), settings)
}

/// Waits until no delivery is on its way, and gives them, oldest first.
async fn settled(store: &MemoryStore) -> Vec<DeliveryRecord> {
    let all = async {
        loop {
            let mut all = store.deliveries(DeliveryFilter::default(), 100).await.unwrap().items;
            let open = |delivery: &DeliveryRecord| {
                matches!(delivery.state, DeliveryState::Due | DeliveryState::InFlight)
            };
            if !all.iter().any(open) {
                all.reverse();
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("all are settled in time")
}

fn retry() -> SinkAnswer {
    SinkAnswer::Retry { after: None, error: "busy".to_owned() }
}

fn ambiguous() -> SinkAnswer {
    SinkAnswer::Ambiguous { error: "the connection broke".to_owned() }
}

#[tokio::test]
async fn a_reply_is_sent_when_it_is_owed_and_again_until_there_is_a_receipt() {
    let store = Arc::new(MemoryStore::new());
    let sink = Sink::new(Repetition::Doubles, [retry(), retry()]);
    let worker = start(&store, &sink, quick());
    owe(&store, "here", "Hello.").await;
    let delivery = settled(&store).await.remove(0);
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 3));
    assert_eq!(delivery.receipt.as_deref(), Some("r1"));
    let ids: Vec<_> = sink.sent.lock().unwrap().iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [delivery.id; 3], "the key is the same each time");
    worker.stop().await;
}

#[tokio::test]
async fn the_platforms_pause_goes_before_ours() {
    let store = Arc::new(MemoryStore::new());
    let pause = Duration::from_millis(80);
    let answer = SinkAnswer::Retry { after: Some(pause), error: "slow down".to_owned() };
    let sink = Sink::new(Repetition::Doubles, [answer]);
    let _worker = start(&store, &sink, DeliverySettings::default());
    let begun = tokio::time::Instant::now();
    owe(&store, "here", "Hello.").await;
    assert_eq!(settled(&store).await[0].state, DeliveryState::Delivered);
    assert!(begun.elapsed() >= pause && begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_only_where_that_does_no_harm() {
    for (repetition, state, sent) in [
        (Repetition::Doubles, DeliveryState::Ambiguous, 1),
        (Repetition::Harmless, DeliveryState::Delivered, 2),
    ] {
        let store = Arc::new(MemoryStore::new());
        let sink = Sink::new(repetition, [ambiguous()]);
        let _worker = start(&store, &sink, quick());
        owe(&store, "here", "Hello.").await;
        let delivery = settled(&store).await.remove(0);
        assert_eq!((delivery.state, sink.sent().len()), (state, sent), "{repetition:?}");
        assert!(delivery.possibly_sent);
    }
}

#[tokio::test]
async fn what_a_dead_worker_may_have_sent_is_not_sent_again_blindly() {
    let store = Arc::new(MemoryStore::new());
    owe(&store, "here", "Hello.").await;
    let claim = DeliveryClaim {
        worker: WorkerId::from("dead"),
        now: SystemClock.now(),
        lease_for: Duration::ZERO,
        limit: 1,
    };
    assert_eq!(store.claim_due(claim).await.unwrap().claimed.len(), 1);
    let sink = Sink::new(Repetition::Doubles, []);
    let _worker = start(&store, &sink, quick());
    assert_eq!(settled(&store).await[0].state, DeliveryState::Ambiguous);
    assert!(sink.sent().is_empty());
    let id = settled(&store).await[0].id;
    store.requeue(id, SystemClock.now()).await.unwrap();
    assert_eq!(settled(&store).await[0].state, DeliveryState::Delivered);
    assert_eq!(sink.sent(), ["Hello."], "somebody decided that it is to be sent");
}

#[tokio::test]
async fn a_reply_that_cannot_arrive_is_dead_and_stays_visible() {
    let store = Arc::new(MemoryStore::new());
    let rejected = SinkAnswer::Rejected { error: "no such chat".to_owned() };
    let answers = [rejected, retry(), retry(), retry()];
    let sink = Sink::new(Repetition::Harmless, answers);
    owe(&store, "gone", "one").await;
    let _worker = start(&store, &sink, quick().with_max_attempts(3));
    assert_eq!(settled(&store).await[0].last_error.as_deref(), Some("no such chat"));
    owe(&store, "busy", "two").await;
    let dead = settled(&store).await;
    assert_eq!((dead[0].state, dead[1].state), (DeliveryState::Dead, DeliveryState::Dead));
    assert_eq!(dead[1].last_error.as_deref(), Some("given up after 3 attempts: busy"));
}

#[tokio::test]
async fn an_address_nobody_understands_is_told() {
    let store = Arc::new(MemoryStore::new());
    owe(&store, "here", "Hello.").await;
    let _worker = DeliveryWorker::start(store.clone(), Vec::new(), Arc::new(SystemClock), quick());
    let dead = settled(&store).await.remove(0);
    assert_eq!(dead.last_error.as_deref(), Some("there is no sink for addresses of kind 'test'"));
}

#[tokio::test]
async fn replies_to_one_address_keep_their_order_while_others_go_on() {
    let store = Arc::new(MemoryStore::new());
    let sink = Sink::new(Repetition::Doubles, [retry(), retry()]);
    for text in ["one", "two", "three"] {
        owe(&store, "here", text).await;
    }
    let _worker = start(&store, &sink, quick());
    owe(&store, "here", "four").await;
    assert!(settled(&store).await.iter().all(|it| it.state == DeliveryState::Delivered));
    assert_eq!(sink.sent(), ["one", "one", "one", "two", "three", "four"]);
}

#[tokio::test]
async fn waiting_in_line_is_no_attempt() {
    let store = Arc::new(MemoryStore::new());
    let sink = Sink::new(Repetition::Doubles, (0..9).map(|_| retry()));
    for text in ["one", "two", "three"] {
        owe(&store, "here", text).await;
    }
    let _worker = start(&store, &sink, quick().with_max_attempts(5));
    let seen: Vec<_> = settled(&store).await.iter().map(|it| (it.state, it.attempts)).collect();
    let expected =
        [(DeliveryState::Dead, 5), (DeliveryState::Delivered, 5), (DeliveryState::Delivered, 1)];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_deaths_of_workers_lengthen_no_pause() {
    let store = Arc::new(MemoryStore::new());
    owe(&store, "here", "Hello.").await;
    for _ in 0..30 {
        let worker = WorkerId::from("dead");
        let now = SystemClock.now();
        let claim = DeliveryClaim { worker, now, lease_for: Duration::ZERO, limit: 1 };
        assert_eq!(store.claim_due(claim).await.unwrap().claimed.len(), 1);
    }
    let sink = Sink::new(Repetition::Harmless, [retry()]);
    let _worker = start(&store, &sink, quick());
    let delivery = settled(&store).await.remove(0);
    let known = (delivery.state, delivery.attempts, delivery.failures);
    assert_eq!(known, (DeliveryState::Delivered, 32, 1));
}

#[tokio::test]
async fn a_slow_address_holds_nobody_else_up_and_a_stop_waits_for_it() {
    let store = Arc::new(MemoryStore::new());
    let hold = Arc::new(Notify::new());
    let sink = Arc::new(Sink {
        repetition: Repetition::Doubles,
        answers: Mutex::default(),
        sent: Mutex::default(),
        hold: Some(hold.clone()),
    });
    let worker = start(&store, &sink, quick());
    owe(&store, "slow", "one").await;
    owe(&store, "slow", "two").await;
    owe(&store, "other", "three").await;
    while sink.sent().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.sent(), ["one", "three"]);
    let stopping = worker.stop();
    let let_go = async {
        tokio::task::yield_now().await;
        hold.notify_one();
        tokio::task::yield_now().await;
        hold.notify_one();
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(stopping, let_go) }).await.unwrap();
    let states: Vec<_> = store
        .deliveries(DeliveryFilter::default(), 10)
        .await
        .unwrap()
        .items
        .iter()
        .rev()
        .map(|delivery| delivery.state)
        .collect();
    let expected = [DeliveryState::Delivered, DeliveryState::Due, DeliveryState::Delivered];
    assert_eq!(states, expected, "what was not begun is left for another");
}
