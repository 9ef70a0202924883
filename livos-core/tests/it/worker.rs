//! Workers: what they take from the queue, and what becomes of it when they, or the store, fail.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use livos_core::AIProvider;
use livos_core::Admission;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Append;
use livos_core::Budget;
use livos_core::CancelRequest;
use livos_core::Cancellation;
use livos_core::ClaimRequest;
use livos_core::ClaimScope;
use livos_core::Claimed;
use livos_core::Clock;
use livos_core::DeliveryFilter;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::NewRun;
use livos_core::Outbox;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderManager;
use livos_core::QueueMode;
use livos_core::ReplyAddress;
use livos_core::RetryPolicy;
use livos_core::RunId;
use livos_core::RunLeases;
use livos_core::RunObserver;
use livos_core::RunQueue;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::SystemClock;
use livos_core::TakeOver;
use livos_core::Tiers;
use livos_core::Timestamp;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::Usage;
use livos_core::UsageGroup;
use livos_core::UsageLog;
use livos_core::UsageQuery;
use livos_core::UsageRow;
use livos_core::Worker;
use livos_core::WorkerId;
use livos_core::WorkerSettings;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::json;
use tokio::sync::Notify;
use tokio::sync::mpsc;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Passes events on to the test.
#[derive(Debug)]
struct Watch(mpsc::UnboundedSender<AgentEvent>);

impl RunObserver for Watch {
    fn observe(&self, event: AgentEvent) {
        let _ = self.0.send(event);
    }
}

struct Watched(mpsc::UnboundedReceiver<AgentEvent>);

impl Watched {
    async fn next(&mut self) -> AgentEvent {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("in time").expect("an event")
    }

    async fn until(&mut self, name: &str) -> AgentEvent {
        loop {
            let event = self.next().await;
            if event.kind.name() == name {
                return event;
            }
        }
    }

    async fn end(&mut self) -> (RunId, RunStatus, String) {
        let event = self.until("run_finished").await;
        let EventKind::RunFinished { status, text, .. } = event.kind else { unreachable!() };
        (event.run_id, status, text)
    }
}

fn watch() -> (Arc<Watch>, Watched) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(Watch(sender)), Watched(receiver))
}

/// Counts its calls, and waits to be let go.
#[derive(Debug)]
struct Gate {
    effect: Effect,
    calls: Arc<AtomicU32>,
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Tool for Gate {
    type Args = Nothing;

    fn name(&self) -> &'static str {
        "gate"
    }

    fn description(&self) -> &'static str {
        "Waits."
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    async fn call(&self, _: Nothing, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.begun.notify_one();
        self.open.notified().await;
        Ok("through".into())
    }
}

struct Bench {
    store: Arc<MemoryStore>,
    provider: Arc<ScriptedProvider>,
    agent: AgentLoop,
    calls: Arc<AtomicU32>,
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

fn bench_with(scripts: impl IntoIterator<Item = Script>, effect: Effect) -> Bench {
    let store = Arc::new(MemoryStore::new());
    let provider = Arc::new(ScriptedProvider::new("scripted", scripts));
    let (calls, begun, open) =
        (Arc::<AtomicU32>::default(), Arc::<Notify>::default(), Arc::<Notify>::default());
    let tools = ToolRegistry::new();
    let gate = Gate { effect, calls: calls.clone(), begun: begun.clone(), open: open.clone() };
    tools.register(gate).unwrap();
    let agent =
        AgentLoop::builder_shared(provider.clone()).tools(tools).journal(store.clone()).build();
    Bench { store, provider, agent, calls, begun, open }
}

fn bench(scripts: impl IntoIterator<Item = Script>) -> Bench {
    bench_with(scripts, Effect::ReadOnly)
}

fn gate(id: &str) -> Script {
    Script::tool(id, "gate", json!({}))
}

impl Bench {
    fn start(&self, settings: WorkerSettings) -> (Worker, Watched) {
        let (observer, watched) = watch();
        (Worker::start(self.agent.clone(), self.store.clone(), observer, settings), watched)
    }

    fn started(&self) -> (Worker, Watched) {
        self.start(WorkerSettings::default())
    }
}

fn message(session: SessionId, text: &str, mode: QueueMode) -> NewRun {
    let mut run = NewRun::new(session, Message::user(text), SystemClock.now());
    run.mode = mode;
    run
}

async fn queue(store: &MemoryStore, session: SessionId, text: &str) -> RunId {
    let run = message(session, text, QueueMode::Queue);
    let id = run.run_id;
    store.admit(run).await.unwrap();
    id
}

fn asked(provider: &ScriptedProvider, index: usize) -> Vec<String> {
    provider.requests()[index].conversation.iter().map(|message| message.text()).collect()
}

async fn entries(store: &MemoryStore, session: SessionId) -> Vec<&'static str> {
    let entries = store.read(session, 0, 1000).await.unwrap();
    entries.iter().map(|entry| entry.kind.name()).collect()
}

fn tool_status(entries: &[AgentEvent]) -> Option<ToolStatus> {
    entries.iter().find_map(|entry| match &entry.kind {
        EventKind::ToolFinished { status, .. } => Some(*status),
        _ => None,
    })
}

#[tokio::test]
async fn runs_of_a_session_go_in_order_and_know_each_other() {
    let bench = bench([Script::text("One."), Script::text("Two."), Script::text("Three.")]);
    let session = SessionId::generate();
    let first = queue(&bench.store, session, "first").await;
    let second = queue(&bench.store, session, "second").await;
    let (worker, mut watched) = bench.started();
    assert_eq!(watched.end().await, (first, RunStatus::Completed, "One.".to_owned()));
    assert_eq!(watched.end().await, (second, RunStatus::Completed, "Two.".to_owned()));
    let third = queue(&bench.store, session, "third").await;
    assert_eq!(watched.end().await.0, third, "a signal is enough");
    assert_eq!(asked(&bench.provider, 1), ["first", "One.", "second"]);
    assert_eq!(asked(&bench.provider, 2), ["first", "One.", "second", "Two.", "third"]);
    worker.stop(PATIENCE).await;
    assert_eq!(worker.driving(), 0);
}

#[tokio::test]
async fn sessions_go_beside_each_other_as_far_as_there_are_places() {
    let hangs = || Script::text("Wait").then_hang();
    let bench = bench([hangs(), hangs(), Script::text("Third.")]);
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(queue(&bench.store, SessionId::generate(), "go").await);
    }
    let (worker, mut watched) = bench.start(WorkerSettings::default().with_max_concurrent_runs(2));
    let one = watched.until("text_delta").await.run_id;
    let two = watched.until("text_delta").await.run_id;
    assert_eq!((one, two, worker.driving()), (runs[0], runs[1], 2), "the third waits for a place");
    let cancel = CancelRequest { run_id: one, at: SystemClock.now() };
    bench.store.request_cancel(cancel).await.unwrap();
    assert_eq!(watched.end().await.0, one);
    assert_eq!(watched.end().await, (runs[2], RunStatus::Completed, "Third.".to_owned()));
    worker.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_is_said_during_a_run_joins_it_at_its_next_turn_and_its_sender_is_answered() {
    let bench = bench([gate("c1"), Script::text("Both.")]);
    let session = SessionId::generate();
    let run = queue(&bench.store, session, "first").await;
    let (_worker, mut watched) = bench.started();
    bench.begun.notified().await;
    let mut second = message(session, "and this", QueueMode::Steer);
    let address = ReplyAddress { kind: "test".into(), address: json!("somewhere") };
    second.reply_to = Some(address.clone());
    let joined = bench.store.admit(second).await.unwrap();
    assert!(matches!(joined, Admission::Joined { run_id, .. } if run_id == run), "{joined:?}");
    bench.open.notify_one();
    assert_eq!(watched.end().await, (run, RunStatus::Completed, "Both.".to_owned()));
    assert_eq!(asked(&bench.provider, 1).last().unwrap(), "and this");
    let owed = bench.store.deliveries(DeliveryFilter::default(), 10).await.unwrap().items;
    assert_eq!((owed.len(), &owed[0].to, owed[0].reply.text.as_str()), (1, &address, "Both."));
    let names = entries(&bench.store, session).await;
    assert_eq!(names.iter().filter(|name| **name == "input_joined").count(), 1);
}

#[tokio::test]
async fn a_cancel_reaches_the_run_and_keeps_what_was_said_to_it() {
    let bench = bench([Script::text("I will nev").then_hang()]);
    let session = SessionId::generate();
    let run = queue(&bench.store, session, "first").await;
    let (_worker, mut watched) = bench.started();
    watched.until("text_delta").await;
    bench.store.admit(message(session, "too late", QueueMode::Steer)).await.unwrap();
    let cancel = CancelRequest { run_id: run, at: SystemClock.now() };
    let requested = bench.store.request_cancel(cancel).await.unwrap();
    assert_eq!(requested, Cancellation::Requested);
    assert_eq!(watched.end().await, (run, RunStatus::Cancelled, "I will nev".to_owned()));
    let names = entries(&bench.store, session).await;
    assert_eq!(&names[names.len() - 3..], ["assistant_message", "input_joined", "run_finished"]);
}

#[tokio::test]
async fn an_interrupting_message_ends_the_run_and_goes_next() {
    let bench = bench([Script::text("I will nev").then_hang(), Script::text("Now.")]);
    let session = SessionId::generate();
    let run = queue(&bench.store, session, "first").await;
    let (_worker, mut watched) = bench.started();
    watched.until("text_delta").await;
    bench.store.admit(message(session, "stop, this", QueueMode::Interrupt)).await.unwrap();
    assert_eq!(watched.end().await.0, run);
    assert_eq!(watched.end().await.2, "Now.");
}

#[tokio::test]
async fn a_dead_workers_run_is_taken_over_and_nothing_is_done_twice() {
    for (effect, calls, status) in
        [(Effect::ReadOnly, 2, ToolStatus::Ok), (Effect::Mutating, 1, ToolStatus::Unknown)]
    {
        let bench = bench_with([gate("c1"), Script::text("Recovered.")], effect);
        let session = SessionId::generate();
        queue(&bench.store, session, "go").await;
        let lease = Duration::from_millis(200);
        let (worker, _) = bench.start(WorkerSettings::default().with_lease(lease));
        bench.begun.notified().await;
        drop(worker);
        let (_second, mut watched) = bench.start(WorkerSettings::default());
        bench.open.notify_one();
        let EventKind::RunStarted { attempt, .. } = watched.until("run_started").await.kind else {
            unreachable!()
        };
        assert_eq!(attempt, 2);
        assert_eq!(watched.end().await.2, "Recovered.");
        assert_eq!(bench.calls.load(Ordering::SeqCst), calls, "{effect:?}");
        let journal = bench.store.read(session, 0, 100).await.unwrap();
        assert_eq!(tool_status(&journal), Some(status));
    }
}

#[tokio::test]
async fn a_worker_that_is_alone_takes_over_at_its_start() {
    let bench = bench([gate("c1"), Script::text("Recovered.")]);
    queue(&bench.store, SessionId::generate(), "go").await;
    let (worker, _) = bench.started();
    bench.begun.notified().await;
    drop(worker);
    bench.open.notify_one();
    let settings = WorkerSettings::default().with_take_over(TakeOver::AtStart);
    let (_second, mut watched) = bench.start(settings);
    // The lease of the first would last 15 seconds.
    let end = tokio::time::timeout(Duration::from_secs(5), watched.end()).await;
    assert_eq!(end.expect("at once").2, "Recovered.");
}

#[tokio::test]
async fn a_worker_that_stops_gives_its_runs_back() {
    let bench = bench([gate("c1"), Script::text("Done.")]);
    let session = SessionId::generate();
    let run = queue(&bench.store, session, "go").await;
    let (worker, mut left) = bench.started();
    bench.begun.notified().await;
    worker.stop(Duration::from_millis(1)).await;
    assert_eq!(worker.driving(), 0);
    while let Ok(event) = left.0.try_recv() {
        assert_ne!(event.kind.name(), "run_finished");
    }
    bench.open.notify_one();
    let (_second, mut watched) = bench.started();
    assert_eq!(watched.end().await, (run, RunStatus::Completed, "Done.".to_owned()));
}

#[tokio::test]
async fn a_run_that_another_worker_got_is_dropped_at_its_next_entry() {
    let bench = bench([gate("c1"), Script::text("never")]);
    let session = SessionId::generate();
    let run = queue(&bench.store, session, "go").await;
    let (worker, mut watched) = bench.started();
    bench.begun.notified().await;
    let hour = Timestamp::from_unix_micros(SystemClock.now().as_unix_micros() + 3_600_000_000);
    let lease_for = Duration::from_secs(60);
    let thief = ClaimRequest {
        worker: WorkerId::from("thief"),
        now: hour,
        lease_for,
        scope: ClaimScope::All,
    };
    let Claimed::Run(stolen) = bench.store.claim(thief).await.unwrap() else {
        panic!("the lease expired")
    };
    assert_eq!(stolen.lease.run_id, run);
    let before = entries(&bench.store, session).await;
    bench.open.notify_one();
    while worker.driving() > 0 {
        tokio::time::timeout(PATIENCE, tokio::task::yield_now()).await.unwrap();
    }
    assert_eq!(entries(&bench.store, session).await, before, "nothing was written any more");
    assert_eq!(bench.provider.requests().len(), 1, "and nobody was asked");
    watched.0.close();
    while let Some(event) = watched.0.recv().await {
        assert_ne!(event.kind.name(), "run_finished");
    }
}

/// A journal that can be out of order for a while.
#[derive(Debug)]
struct Flaky {
    store: Arc<MemoryStore>,
    broken: AtomicBool,
    refused: Notify,
}

#[async_trait::async_trait]
impl Journal for Flaky {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            self.refused.notify_one();
            return Err(StoreError::unavailable("the disk went away"));
        }
        self.store.append(append).await
    }

    async fn read(
        &self,
        session: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        self.store.read(session, after, limit).await
    }

    async fn last_seq(&self, session: SessionId) -> Result<u64, StoreError> {
        self.store.last_seq(session).await
    }
}

#[tokio::test]
async fn results_are_kept_in_hand_while_the_store_takes_nothing() {
    let bench = bench_with([], Effect::Mutating);
    let journal = Arc::new(Flaky {
        store: bench.store.clone(),
        broken: false.into(),
        refused: Notify::new(),
    });
    let provider = Arc::new(ScriptedProvider::new("p", [gate("c1"), Script::text("Done.")]));
    let tools = bench.agent.tools().clone();
    let agent = AgentLoop::builder_shared(provider as Arc<dyn AIProvider>);
    let agent = agent.tools(tools).journal(journal.clone()).build();
    let session = SessionId::generate();
    queue(&bench.store, session, "go").await;
    let (observer, mut watched) = watch();
    let _worker = Worker::start(agent, bench.store.clone(), observer, WorkerSettings::default());
    bench.begun.notified().await;
    journal.broken.store(true, Ordering::SeqCst);
    bench.open.notify_one();
    journal.refused.notified().await;
    journal.broken.store(false, Ordering::SeqCst);
    assert_eq!(watched.end().await.2, "Done.");
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
    let journal = bench.store.read(session, 0, 100).await.unwrap();
    assert_eq!(tool_status(&journal), Some(ToolStatus::Ok), "the model saw the result");
}

#[tokio::test]
async fn a_budget_outlives_the_process() {
    let bench = bench([gate("c1"), Script::text("Summed up.")]);
    let session = SessionId::generate();
    let mut run = message(session, "go", QueueMode::Queue);
    run.budget = Some(Budget::default().with_turns(1));
    bench.store.admit(run).await.unwrap();
    let (worker, _) = bench.started();
    bench.begun.notified().await;
    worker.stop(Duration::ZERO).await;
    bench.open.notify_one();
    let (_second, mut watched) = bench.started();
    let (_, status, text) = watched.end().await;
    assert_eq!((status, text.as_str()), (RunStatus::Exhausted, "Summed up."));
}

#[tokio::test]
async fn every_model_call_is_accounted_for() {
    let usage = Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() };
    let failed = || ProviderError::Overloaded(ProviderFailure::new("bad", "busy"));
    let bad = ScriptedProvider::new("bad", [Script::text("12345678").then_fail(failed())]);
    let good = ScriptedProvider::new("good", [Script::text("Hello.").usage(usage)]);
    let manager = ProviderManager::builder()
        .provider(bad, Tiers::single("b"))
        .provider(good, Tiers::single("g"))
        .retry(RetryPolicy::none())
        .build();
    let store = Arc::new(MemoryStore::new());
    let agent = AgentLoop::builder(manager).model("balanced").journal(store.clone()).build();
    queue(&store, SessionId::generate(), "go").await;
    let (observer, mut watched) = watch();
    let _worker = Worker::start(agent, store.clone(), observer, WorkerSettings::default());
    assert_eq!(watched.end().await.2, "Hello.");
    let query =
        UsageQuery { group_by: vec![UsageGroup::Provider], limit: 10, ..UsageQuery::default() };
    let totals = store.usage(query).await.unwrap();
    let told: Vec<_> = totals
        .iter()
        .map(|total| (total.group[0].as_str(), total.answered, total.discarded, total.usage))
        .collect();
    let estimated = Usage { output_tokens: 2, ..Usage::default() };
    assert_eq!(told, [("bad", 0, 1, estimated), ("good", 1, 0, usage)]);
}

#[tokio::test]
async fn no_run_asks_a_model_when_the_day_is_spent() {
    let store = Arc::new(MemoryStore::new());
    let spent = UsageRow {
        at: SystemClock.now(),
        provider: "p".into(),
        model: "m".into(),
        purpose: livos_core::UsagePurpose::Turn,
        status: livos_core::CallStatus::Answered,
        usage: Usage::default(),
        cost_micro_usd: Some(MicroUsd(100)),
        time_to_first_token_ms: None,
        duration_ms: 1,
        run_id: None,
        session_id: None,
        user: livos_core::UserId::owner(),
        channel: "api".into(),
    };
    store.record_usage(vec![spent]).await.unwrap();
    for (limit, expected) in [(101, RunStatus::Completed), (100, RunStatus::Exhausted)] {
        let agent = AgentLoop::builder(ScriptedProvider::answering("Yes."))
            .journal(store.clone())
            .daily_limit(store.clone(), MicroUsd(limit))
            .build();
        let outcome = agent.run("May I?").await;
        assert_eq!(outcome.status, expected);
        if let Some(error) = outcome.error {
            assert_eq!((error.kind.as_str(), outcome.turns), ("daily_limit", 0));
        }
    }
}
