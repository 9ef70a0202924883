//! Workers that die at any moment, two at a time, on the stores of one process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::Clock;
use livos_core::ContentBlock;
use livos_core::DeliveryFilter;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::QueueMode;
use livos_core::ReplyAddress;
use livos_core::Role;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::RunState;
use livos_core::SessionId;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_core::SystemClock;
use livos_core::Tool;
use livos_core::ToolCall;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::Worker;
use livos_core::WorkerSettings;
use serde_json::json;

const SESSIONS: usize = 12;
const MESSAGES: usize = 4;
const LEASE: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls the tool once for each message, then says so.
#[derive(Debug)]
struct Caller(ProviderId);

#[async_trait]
impl AIProvider for Caller {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let last = request.conversation.last().unwrap();
        let is_result = matches!(last.content.first(), Some(ContentBlock::ToolResult(_)));
        let content = match is_result {
            true => ContentBlock::text("done"),
            false => {
                let text = last.text();
                let call = ToolCall::new(text.as_str(), "act", json!({"what": text}));
                ContentBlock::ToolUse(call)
            }
        };
        let message = Message::new(Role::Assistant, vec![content]);
        let response = ChatResponse::new(self.0.clone(), request.model, message);
        Ok(stream::iter([Ok(ChatChunk::Finished(Box::new(response)))]).boxed())
    }
}

/// Writes down outside what it did.
#[derive(Debug, Default, Clone)]
struct Act(Arc<Mutex<HashMap<String, u32>>>);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct ActArgs {
    what: String,
}

impl Tool for Act {
    type Args = ActArgs;

    fn name(&self) -> &'static str {
        "act"
    }

    fn description(&self) -> &'static str {
        "Acts."
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(&self, args: ActArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        *self.0.lock().unwrap().entry(args.what).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok("acted".into())
    }
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

async fn has_open_runs(store: &dyn Store) -> bool {
    for state in [RunState::Queued, RunState::Running] {
        let filter = RunFilter { state: Some(state), ..RunFilter::default() };
        if !store.runs(filter, 1).await.unwrap().items.is_empty() {
            return true;
        }
    }
    false
}

/// Kills one of two workers again and again until everything is done.
async fn let_workers_die(store: &Arc<dyn Store>, agent: &AgentLoop) -> u32 {
    let settings =
        || WorkerSettings::default().with_lease(LEASE).with_max_concurrent_runs(SESSIONS / 2);
    let start = || Worker::start(agent.clone(), Arc::clone(store), Arc::new(Nobody), settings());
    let mut workers = [start(), start()];
    let mut kills = 0;
    let mut noise: u64 = 0x9E37_79B9_7F4A_7C15;
    while has_open_runs(&**store).await {
        noise =
            noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(5 + (noise >> 33) % 20)).await;
        if kills < 40 {
            // Dropped where it is, as by a kill: nothing is given back.
            workers[(noise >> 40) as usize % 2] = start();
            kills += 1;
        }
    }
    kills
}

async fn nothing_is_lost_and_nothing_is_done_twice(store: Arc<dyn Store>) {
    let act = Act::default();
    let tools = ToolRegistry::new();
    tools.register(act.clone()).unwrap();
    let agent = AgentLoop::builder(Caller("p".into()))
        .tools(tools)
        .journal(Arc::clone(&store) as Arc<dyn Journal>)
        .build();
    let mut admitted: HashMap<SessionId, Vec<RunId>> = HashMap::new();
    for number in 0..MESSAGES {
        for session in 0..SESSIONS {
            let id = SessionId::from_u128(session as u128 + 1);
            let message = Message::user(format!("{session}.{number}"));
            let mut run = NewRun::new(id, message, SystemClock.now());
            run.mode = QueueMode::Queue;
            run.reply_to = Some(ReplyAddress { kind: "test".into(), address: json!(session) });
            admitted.entry(id).or_default().push(run.run_id);
            store.admit(run).await.unwrap();
        }
    }
    let working = let_workers_die(&store, &agent);
    let kills = tokio::time::timeout(PATIENCE, working).await.expect("all is done in time");
    assert!(kills > 3, "only {kills} workers died");
    for (session, runs) in &admitted {
        let entries = store.read(*session, 0, 10_000).await.unwrap();
        let numbers: Vec<_> = entries.iter().filter_map(AgentEvent::seq).collect();
        assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>());
        let ended: Vec<_> = entries
            .iter()
            .filter(|entry| entry.kind.name() == "run_finished")
            .map(|entry| entry.run_id)
            .collect();
        assert_eq!(ended, *runs, "each ended once, in order");
        one_at_a_time(&entries);
    }
    let acted = act.0.lock().unwrap().clone();
    assert!(acted.values().all(|times| *times == 1), "done twice: {acted:?}");
    let owed = store.deliveries(DeliveryFilter::default(), 1_000).await.unwrap().items;
    assert_eq!(owed.len(), SESSIONS * MESSAGES, "each run owes one reply");
}

/// Between the start and the end of a run there is no entry of another, but for admissions;
/// what was begun and not finished was told as unknown.
fn one_at_a_time(entries: &[AgentEvent]) {
    let mut current = None;
    let mut started = None;
    for entry in entries {
        match &entry.kind {
            EventKind::RunAdmitted { .. } => continue,
            EventKind::RunStarted { .. } => {
                assert!(current.is_none_or(|run| run == entry.run_id));
                current = Some(entry.run_id);
            }
            EventKind::ToolStarted { call_id, .. } => {
                assert_eq!(started.replace(call_id.clone()), None, "a call is begun once");
            }
            EventKind::ToolFinished { call_id, status, .. } => {
                assert_eq!(started.take().as_ref(), Some(call_id));
                assert!(matches!(status, ToolStatus::Ok | ToolStatus::Unknown));
            }
            EventKind::RunFinished { .. } => {
                assert_eq!(current.take(), Some(entry.run_id));
                continue;
            }
            _ => {}
        }
        assert_eq!(current, Some(entry.run_id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    nothing_is_lost_and_nothing_is_done_twice(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("livos.db")).unwrap();
    nothing_is_lost_and_nothing_is_done_twice(Arc::new(store)).await;
}
