//! Agents that work for others, through the queue and the outbox of a real store.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::CancelRequest;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::DeliverySettings;
use livos_core::DeliveryWorker;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::ReplySink;
use livos_core::ResultSink;
use livos_core::Role;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::RunQueue;
use livos_core::RunRecord;
use livos_core::RunState;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::SubagentManager;
use livos_core::SystemClock;
use livos_core::ToolCall;
use livos_core::ToolRegistry;
use livos_core::Trigger;
use livos_core::Usage;
use livos_core::WorkSignals;
use livos_core::Worker;
use livos_core::WorkerSettings;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A model that follows what it reads: `CALL name {..}` lines of the user become calls, and
/// a run whose calls are done answers with their results.
#[derive(Debug)]
struct Obedient {
    id: ProviderId,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
    gate: Notify,
}

impl Obedient {
    fn new() -> Arc<Self> {
        let (at_work, most_at_work) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { id: "obedient".into(), at_work, most_at_work, gate: Notify::new() })
    }

    async fn answer(&self, request: &ChatRequest) -> Vec<ContentBlock> {
        let messages = &request.conversation;
        let last = messages.last().expect("a message");
        let results = last.content.iter().filter_map(|block| match block {
            ContentBlock::ToolResult(result) => Some(result.text()),
            _ => None,
        });
        let results: Vec<String> = results.collect();
        if !results.is_empty() {
            return vec![ContentBlock::text(format!("RESULTS {}", results.join(" | ")))];
        }
        let text = last.text();
        if text.starts_with("HOLD") {
            let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_work.fetch_max(now, Ordering::SeqCst);
            self.gate.notified().await;
            self.at_work.fetch_sub(1, Ordering::SeqCst);
        }
        let offered: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        let calls: Vec<ContentBlock> = text
            .lines()
            .filter_map(|line| line.strip_prefix("CALL "))
            .enumerate()
            .map(|(number, call)| {
                let (name, arguments) = call.split_once(' ').expect("a name and arguments");
                let arguments: Value = serde_json::from_str(arguments).expect("JSON");
                let id = format!("call-{}-{number}", messages.len());
                ContentBlock::ToolUse(ToolCall::new(
                    id.as_str(),
                    name,
                    livos_core::ToolInput::from(arguments),
                ))
            })
            .collect();
        match calls.is_empty() {
            false => calls,
            true => vec![ContentBlock::text(format!(
                "I was told: {text} [{}] as {}",
                offered.join(","),
                request.system.as_deref().unwrap_or("nobody")
            ))],
        }
    }
}

#[async_trait]
impl AIProvider for Obedient {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let content = self.answer(&request).await;
        let message = Message::new(Role::Assistant, content);
        let mut response = ChatResponse::new(self.id.clone(), request.model, message);
        response.usage = Usage { input_tokens: 100, output_tokens: 10, ..Usage::default() };
        let finished = ChatChunk::Finished(Box::new(response));
        Ok(Box::pin(futures::stream::iter([Ok(finished)])))
    }
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

struct Bench {
    store: Arc<MemoryStore>,
    model: Arc<Obedient>,
    manager: SubagentManager,
    worker: Worker,
    deliveries: DeliveryWorker,
}

impl Bench {
    fn start() -> Self {
        Self::driving(livos_core::DEFAULT_CONCURRENT_RUNS)
    }

    fn driving(runs: usize) -> Self {
        let store = Arc::new(MemoryStore::new());
        let model = Obedient::new();
        let manager = SubagentManager::new(Arc::clone(&store) as Arc<dyn Store>);
        let tools = ToolRegistry::new();
        livos_tools::subagents::register(&tools, &manager).unwrap();
        livos_tools::time::register(&tools).unwrap();
        let agent = AgentLoop::builder_shared(Arc::clone(&model) as Arc<dyn AIProvider>)
            .tools(tools)
            .system_prompt("the parent")
            .journal(Arc::clone(&store) as Arc<dyn Journal>)
            .build();
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let settings = WorkerSettings::default().with_max_concurrent_runs(runs);
        let worker = Worker::start(agent, Arc::clone(&shared), Arc::new(Nobody), settings);
        let sink: Arc<dyn ReplySink> = Arc::new(ResultSink::new(Arc::clone(&shared)));
        let clock = Arc::new(SystemClock);
        let deliveries =
            DeliveryWorker::start(shared, vec![sink], clock, DeliverySettings::default());
        Self { store, model, manager, worker, deliveries }
    }

    async fn admit(&self, session: SessionId, text: &str) -> RunId {
        let run = NewRun::new(session, Message::user(text), livos_core::Clock::now(&SystemClock));
        let id = run.run_id;
        self.store.admit(run).await.unwrap();
        id
    }

    async fn ask(&self, text: &str) -> RunRecord {
        let id = self.admit(SessionId::generate(), text).await;
        self.end_of(id).await
    }

    async fn end_of(&self, id: RunId) -> RunRecord {
        tokio::time::timeout(PATIENCE, self.manager.outcome(id)).await.expect("in time").unwrap();
        self.store.run(id).await.unwrap().unwrap()
    }

    /// Waits until as many runs of a kind stand somewhere.
    async fn until(&self, state: RunState, count: usize) -> Vec<RunRecord> {
        let mut signals = self.store.signals();
        let found = async {
            loop {
                let filter = RunFilter {
                    state: Some(state),
                    trigger: Some(Trigger::Subagent),
                    ..RunFilter::default()
                };
                let runs = self.store.runs(filter, 100).await.unwrap().items;
                if runs.len() == count {
                    return runs;
                }
                // Entries of running runs raise no signal.
                let look = tokio::time::sleep(Duration::from_millis(5));
                tokio::select! {
                    _ = futures::StreamExt::next(&mut signals) => {}
                    () = look => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("in time")
    }

    async fn stop(self) {
        self.worker.stop(PATIENCE).await;
        self.deliveries.stop().await;
    }
}

fn create(arguments: &Value) -> String {
    format!("CALL sessions_create {arguments}")
}

#[tokio::test]
async fn a_parent_gets_what_its_agents_say() {
    let bench = Bench::start();
    let first = create(&json!({ "task": "one" }));
    let second = create(&json!({ "task": "two", "tools": ["time"], "instructions": "a clerk" }));
    let run = bench.ask(&format!("{first}\n{second}")).await;
    let text = run.text.unwrap();
    assert_eq!(
        text,
        "RESULTS I was told: one [agent_list,sessions_history,sessions_list,time] as the parent \
         | I was told: two [time] as a clerk"
    );
    let entries = bench.store.read(run.session_id, 0, 100).await.unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.kind.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "subagent_started").count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "subagent_finished").count(), 2, "{names:?}");
    let children = bench.manager.children(run.session_id).await.unwrap();
    let mut titles: Vec<_> = children.iter().filter_map(|child| child.title.as_deref()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["one", "two"]);
    let by_parent = RunFilter { parent: Some(run.id), ..RunFilter::default() };
    assert_eq!(bench.store.runs(by_parent, 10).await.unwrap().items.len(), 2);
    bench.stop().await;
}

#[tokio::test]
async fn two_go_at_a_time_and_the_others_wait_visibly() {
    let bench = Bench::start();
    let calls: Vec<String> =
        (0..5).map(|number| create(&json!({ "task": format!("HOLD {number}") }))).collect();
    let parent = bench.admit(SessionId::generate(), &calls.join("\n")).await;
    for waiting in (0..=3).rev() {
        bench.until(RunState::Running, 2).await;
        bench.until(RunState::Queued, waiting).await;
        bench.model.gate.notify_one();
        bench.until(RunState::Completed, 4 - waiting).await;
    }
    bench.model.gate.notify_one();
    assert_eq!(bench.end_of(parent).await.state, RunState::Completed);
    assert_eq!(bench.model.most_at_work.load(Ordering::SeqCst), 2);
    bench.stop().await;
}

#[tokio::test]
async fn a_result_that_is_wanted_later_comes_as_a_message_once() {
    let bench = Bench::start();
    let session = SessionId::generate();
    let call = create(&json!({ "task": "HOLD it", "result": "later" }));
    let parent = bench.admit(session, &call).await;
    let told = bench.end_of(parent).await.text.unwrap();
    assert!(told.contains("comes as a message"), "{told}");
    let child = bench.until(RunState::Running, 1).await.remove(0);
    bench.model.gate.notify_one();
    bench.end_of(child.id).await;
    let answered = bench.until(RunState::Completed, 2).await;
    let told: Vec<_> = answered.iter().filter(|run| run.session_id == session).collect();
    assert_eq!(told.len(), 1, "the parent was told once");
    let text = told[0].text.clone().unwrap();
    assert!(text.contains("is done. What it said:]\nI was told: HOLD it"), "{text}");
    bench.stop().await;
}

#[tokio::test]
async fn stopping_the_parent_stops_the_tree() {
    let bench = Bench::start();
    let calls: Vec<String> =
        (0..4).map(|number| create(&json!({ "task": format!("HOLD {number}") }))).collect();
    let parent = bench.admit(SessionId::generate(), &calls.join("\n")).await;
    bench.until(RunState::Running, 2).await;
    bench.until(RunState::Queued, 2).await;
    let at = livos_core::Clock::now(&SystemClock);
    bench.store.request_cancel(CancelRequest { run_id: parent, at }).await.unwrap();
    bench.until(RunState::Cancelled, 4).await;
    assert_eq!(bench.end_of(parent).await.state, RunState::Cancelled);
    bench.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_told_by_its_field() {
    let bench = Bench::start();
    let cases = [
        (create(&json!({ "task": " " })), "task: must not be empty"),
        (create(&json!({ "task": "x", "tools": ["rocket"] })), "there is no tool 'rocket' to pass on"),
        (create(&json!({ "task": "x", "agent": "nobody" })), "there is no agent 'nobody'"),
        (
            "CALL sessions_send {\"session_id\": \"7\", \"message\": \"x\"}".to_owned(),
            "session_id: '7' is not a session id",
        ),
        (
            format!(
                "CALL sessions_send {{\"session_id\": \"{}\", \"message\": \"x\"}}",
                SessionId::generate()
            ),
            "was not started from here",
        ),
        (
            "CALL agent_create {\"id\": \"No Name\", \"description\": \"x\", \"instructions\": \"x\"}"
                .to_owned(),
            "'No Name' is no name",
        ),
        // A child has no tool that starts agents, and calling it all the same is refused.
        (
            create(&json!({ "task": "CALL sessions_create {\"task\": \"deeper\"}" })),
            "there is no tool `sessions_create`",
        ),
    ];
    for (call, expected) in cases {
        let text = bench.ask(&call).await.text.unwrap();
        assert!(text.contains(expected), "{call}: {text}");
    }
    let filter = RunFilter { trigger: Some(Trigger::Subagent), ..RunFilter::default() };
    let started = bench.store.runs(filter, 10).await.unwrap().items;
    assert_eq!(started.len(), 1, "only the last case starts an agent");
    bench.stop().await;
}

#[tokio::test]
async fn a_named_agent_is_kept_and_started() {
    let bench = Bench::start();
    let define = json!({
        "id": "clerk", "description": "Knows the time.", "instructions": "a clerk",
        "tools": ["time"],
    });
    let told = bench.ask(&format!("CALL agent_create {define}")).await.text.unwrap();
    assert_eq!(told, "RESULTS The agent 'clerk' is kept.");
    let again = bench.ask(&format!("CALL agent_create {define}")).await.text.unwrap();
    assert!(again.contains("there is an agent 'clerk' already"), "{again}");
    let listed = bench.ask("CALL agent_list {}").await.text.unwrap();
    assert_eq!(listed, "RESULTS clerk: Knows the time.");
    let run = bench.ask(&create(&json!({ "task": "now", "agent": "clerk" }))).await;
    assert_eq!(run.text.unwrap(), "RESULTS I was told: now [time] as a clerk");
    let child = bench.manager.children(run.session_id).await.unwrap().remove(0);
    assert_eq!(child.agent.unwrap().as_str(), "clerk");

    let ask = |text: String| {
        let bench = &bench;
        async move { bench.admit(run.session_id, &text).await }
    };
    let id = child.session_id;
    let send =
        ask(format!("CALL sessions_send {{\"session_id\": \"{id}\", \"message\": \"more\"}}"));
    bench.end_of(send.await).await;
    bench.until(RunState::Completed, 3).await;
    let history =
        bench.end_of(ask(format!("CALL sessions_history {{\"session_id\": \"{id}\"}}")).await);
    let history = history.await.text.unwrap();
    assert!(
        history.contains("you: more") && history.contains("agent: I was told: more"),
        "{history}"
    );
    let removed = bench.manager.remove_agent(&"clerk".into()).await.unwrap();
    assert!(removed && bench.manager.agents().await.unwrap().is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn what_agents_spend_is_their_parents_too() {
    let bench = Bench::start();
    let calls = (0..3).map(|_| create(&json!({ "task": "x" }))).collect::<Vec<_>>().join("\n");
    let run = NewRun {
        budget: Some(livos_core::Budget::default().with_tokens(400)),
        ..NewRun::new(
            SessionId::generate(),
            Message::user(calls.as_str()),
            livos_core::Clock::now(&SystemClock),
        )
    };
    let id = run.run_id;
    bench.store.admit(run).await.unwrap();
    let ended = bench.end_of(id).await;
    assert_eq!(ended.state, RunState::Exhausted, "{ended:?}");
    let entries = bench.store.read(ended.session_id, 0, 100).await.unwrap();
    let answers =
        entries.iter().filter(|entry| matches!(entry.kind, EventKind::AssistantMessage { .. }));
    assert_eq!(answers.count(), 2, "one that asks, and one that sums up");
    bench.stop().await;
}

#[tokio::test]
async fn who_waits_for_an_agent_leaves_it_the_place() {
    let bench = Bench::driving(1);
    let parents = [(); 3].map(|()| create(&json!({ "task": "x" })));
    let runs = futures::future::join_all(parents.iter().map(|call| bench.ask(call))).await;
    assert!(runs.iter().all(|run| run.state == RunState::Completed), "{runs:?}");
    bench.stop().await;
}
