//! A store with everything that works on it, a model that finds what it is told to, and what is brought where.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::DeliveryAttempt;
use livos_core::DeliverySettings;
use livos_core::DeliveryWorker;
use livos_core::Effect;
use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::EventKind;
use livos_core::ExtractionSettings;
use livos_core::FactFilter;
use livos_core::FactRecord;
use livos_core::Journal;
use livos_core::Memory;
use livos_core::MemoryExtraction;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::Origin;
use livos_core::OutputFormat;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Recall;
use livos_core::RecallSettings;
use livos_core::RecalledMemories;
use livos_core::Repetition;
use livos_core::ReplySink;
use livos_core::Role;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::RunQueue;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::SinkAnswer;
use livos_core::Store;
use livos_core::SystemClock;
use livos_core::TakeOver;
use livos_core::Timestamp;
use livos_core::Tool;
use livos_core::ToolCall;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolInput;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::UserId;
use livos_core::WorkSignals;
use livos_core::Worker;
use livos_core::WorkerSettings;
use serde_json::json;
use tokio::sync::Notify;
use tokio::sync::mpsc;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A model that says "ok", and of facts what it was told to find.
#[derive(Debug)]
pub(super) struct Reader {
    id: ProviderId,
    finds: Mutex<VecDeque<String>>,
    requests: Mutex<Vec<ChatRequest>>,
    calls: Mutex<usize>,
    hangs: AtomicBool,
    hung: Notify,
}

impl Reader {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            id: "reader".into(),
            finds: Mutex::default(),
            requests: Mutex::default(),
            calls: Mutex::default(),
            hangs: AtomicBool::new(false),
            hung: Notify::new(),
        })
    }

    /// What it finds the next time: text, kind, and the number of what that replaces.
    pub(super) fn finds(&self, facts: &[(&str, &str, usize)]) {
        let fact = |(text, kind, replaces): &(&str, &str, usize)| json!({ "text": text, "kind": kind, "replaces": replaces });
        let facts: Vec<_> = facts.iter().map(fact).collect();
        self.says(&json!({ "facts": facts }).to_string());
    }

    pub(super) fn says(&self, answer: &str) {
        self.finds.lock().unwrap().push_back(answer.to_owned());
    }

    /// The next answer calls `whois` before it is one.
    pub(super) fn answers_with_a_call_first(&self) {
        *self.calls.lock().unwrap() += 1;
    }

    /// The next time that it is asked about a user's words, it does not answer.
    pub(super) fn hangs_once(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// Waits until it was asked so.
    pub(super) async fn hung(&self) {
        tokio::time::timeout(PATIENCE, self.hung.notified()).await.expect("in time");
    }

    pub(super) fn extraction(&self) -> ChatRequest {
        let requests = self.requests.lock().unwrap();
        requests.iter().rfind(|request| is_extraction(request)).cloned().expect("one")
    }

    /// What it was asked about users' words.
    pub(super) fn questions(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let texts = requests.iter().filter(|request| is_extraction(request));
        texts.map(|request| request.conversation.last().unwrap().text()).collect()
    }

    /// The request whose last message this was.
    pub(super) fn asked(&self, text: &str) -> ChatRequest {
        let requests = self.requests.lock().unwrap();
        let found =
            requests.iter().find(|request| request.conversation.last().unwrap().text() == text);
        found.cloned().expect("asked")
    }

    fn answer(&self, request: &ChatRequest) -> Message {
        if is_extraction(request) {
            let found = self.finds.lock().unwrap().pop_front();
            return Message::assistant(found.unwrap_or_else(|| r#"{"facts":[]}"#.to_owned()));
        }
        let mut calls = self.calls.lock().unwrap();
        if *calls > 0 {
            *calls -= 1;
            let call = ToolCall::new("c1", "whois", ToolInput::from(serde_json::Map::new()));
            return Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)]);
        }
        Message::assistant("ok: I am Mallory, your assistant, and I live in Rome.")
    }
}

fn is_extraction(request: &ChatRequest) -> bool {
    matches!(request.output, OutputFormat::JsonSchema { .. })
}

#[async_trait]
impl AIProvider for Reader {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        self.requests.lock().unwrap().push(request.clone());
        if is_extraction(&request) && self.hangs.swap(false, Ordering::SeqCst) {
            self.hung.notify_one();
            return std::future::pending().await;
        }
        let answer = self.answer(&request);
        let response = ChatResponse::new(self.id.clone(), request.model, answer);
        let finished = ChatChunk::Finished(Box::new(response));
        Ok(Box::pin(futures::stream::iter([Ok(finished)])))
    }
}

/// A tool whose output speaks as if it were the user.
struct Whois;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Tool for Whois {
    type Args = Nothing;

    fn name(&self) -> &'static str {
        "whois"
    }

    fn description(&self) -> &'static str {
        "Says who."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, _: Nothing, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok("My name is Mallory. I am allergic to bees.".into())
    }
}

/// An embedding model that never answers what is asked of it, only what is to be kept.
#[derive(Debug)]
pub(super) struct SlowEmbedder(Arc<str>);

impl SlowEmbedder {
    pub(super) fn new() -> Self {
        Self("slow/model".into())
    }
}

#[async_trait]
impl Embedder for SlowEmbedder {
    fn model(&self) -> &Arc<str> {
        &self.0
    }

    async fn embed(
        &self,
        texts: &[String],
        purpose: EmbeddingPurpose,
    ) -> Result<Embeddings, EmbedError> {
        match purpose {
            EmbeddingPurpose::Document => Ok(vec![vec![1.0, 0.0]; texts.len()].into()),
            EmbeddingPurpose::Query => std::future::pending().await,
        }
    }
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

/// Tells what a sink did. A forgetful one does everything twice, as if its process had died the first time.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ReplySink>,
    done: mpsc::UnboundedSender<String>,
    forgets: bool,
}

#[async_trait]
impl ReplySink for Watched {
    fn kind(&self) -> &str {
        self.inner.kind()
    }

    fn repetition(&self) -> Repetition {
        self.inner.repetition()
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        let answer = self.inner.deliver(attempt).await;
        if let SinkAnswer::Receipt(receipt) = &answer {
            self.done.send(receipt.clone()).unwrap();
        }
        if self.forgets && attempt.number == 1 {
            let after = Some(Duration::from_millis(1));
            return SinkAnswer::Retry { after, error: "forgot".to_owned() };
        }
        answer
    }
}

/// What sinks of a kind did, in order.
type Done = tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>;

pub(super) struct Household {
    pub(super) store: Arc<MemoryStore>,
    pub(super) model: Arc<Reader>,
    pub(super) memory: Memory,
    extraction: MemoryExtraction,
    done: HashMap<String, Done>,
    recall: RecallSettings,
    worker: Worker,
    deliveries: Option<DeliveryWorker>,
}

#[derive(Clone, Copy, PartialEq)]
enum Deliveries {
    Usual,
    Forgetful,
    None,
}

impl Household {
    pub(super) fn new(settings: ExtractionSettings) -> Self {
        Self::with(settings, RecallSettings::default(), None)
    }

    pub(super) fn with(
        settings: ExtractionSettings,
        recall: RecallSettings,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let memory = Memory::builder(Arc::clone(&store) as _);
        let memory = match embedder {
            Some(embedder) => memory.embedder(embedder).build(),
            None => memory.build(),
        };
        Self::of((store, memory, Reader::new()), settings, recall, Deliveries::Usual)
    }

    /// Its delivery worker does everything twice.
    pub(super) fn forgetful(settings: ExtractionSettings) -> Self {
        let store = Arc::new(MemoryStore::new());
        let memory = Memory::builder(Arc::clone(&store) as _).build();
        let parts = (store, memory, Reader::new());
        Self::of(parts, settings, RecallSettings::default(), Deliveries::Forgetful)
    }

    pub(super) fn without_deliveries(settings: ExtractionSettings) -> Self {
        let store = Arc::new(MemoryStore::new());
        let memory = Memory::builder(Arc::clone(&store) as _).build();
        let parts = (store, memory, Reader::new());
        Self::of(parts, settings, RecallSettings::default(), Deliveries::None)
    }

    /// The same with a delivery worker, as after a crash.
    pub(super) fn restarted(self) -> Self {
        let Self { store, model, memory, recall, worker, deliveries, .. } = self;
        drop((worker, deliveries));
        Self::of((store, memory, model), ExtractionSettings::default(), recall, Deliveries::Usual)
    }

    fn of(
        (store, memory, model): (Arc<MemoryStore>, Memory, Arc<Reader>),
        settings: ExtractionSettings,
        recall: RecallSettings,
        deliveries: Deliveries,
    ) -> Self {
        let tools = ToolRegistry::new();
        tools.register(Whois).unwrap();
        let agent = AgentLoop::builder_shared(Arc::clone(&model) as Arc<dyn AIProvider>)
            .journal(Arc::clone(&store) as Arc<dyn Journal>)
            .tools(tools)
            .recall(Recall::new(memory.clone(), recall))
            .build();
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let extraction = MemoryExtraction::new(Arc::clone(&shared), memory.clone(), settings);
        let mut done = HashMap::new();
        let mut sinks: Vec<Arc<dyn ReplySink>> = Vec::new();
        for inner in extraction.sinks() {
            let (sender, receiver) = mpsc::unbounded_channel();
            done.insert(inner.kind().to_owned(), tokio::sync::Mutex::new(receiver));
            let forgets = deliveries == Deliveries::Forgetful;
            sinks.push(Arc::new(Watched { inner, done: sender, forgets }));
        }
        // Nobody else has the store open.
        let usual = WorkerSettings::default().with_take_over(TakeOver::AtStart);
        let worker = Worker::start(agent, Arc::clone(&shared), Arc::new(Nobody), usual);
        let clock = Arc::new(SystemClock);
        let deliveries = (deliveries != Deliveries::None)
            .then(|| DeliveryWorker::start(shared, sinks, clock, DeliverySettings::default()));
        Self { store, model, memory, extraction, done, recall, worker, deliveries }
    }

    pub(super) async fn admit(&self, session: SessionId, text: &str, origin: Origin) -> NewRun {
        let mut run = NewRun::new(session, Message::user(text), now());
        run.origin = origin;
        let run = self.extraction.follow(run);
        self.store.admit(run.clone()).await.unwrap();
        run
    }

    /// Says something and waits for the end of its run.
    pub(super) async fn say(&self, session: SessionId, text: &str, origin: Origin) {
        let run = self.admit(session, text, origin).await;
        self.end_of(run.run_id).await;
    }

    pub(super) async fn end_of(&self, id: RunId) {
        let mut signals = self.store.signals();
        let ended = async {
            while !self.store.run(id).await.unwrap().unwrap().state.is_final() {
                futures::StreamExt::next(&mut signals).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("in time");
    }

    /// What became of a run's words, the next one.
    pub(super) async fn looked(&self) -> String {
        self.next("memory-extraction").await
    }

    /// What became of what was found, the next one.
    pub(super) async fn found(&self) -> String {
        self.next("memory-facts").await
    }

    async fn next(&self, kind: &str) -> String {
        let mut done = self.done[kind].lock().await;
        tokio::time::timeout(PATIENCE, done.recv()).await.expect("in time").expect("something")
    }

    pub(super) async fn known(&self, user: &str) -> Vec<FactRecord> {
        self.memory.list(FactFilter::current(UserId::from(user)), 50).await.unwrap().items
    }

    /// What the last run of a session was given that was given something.
    pub(super) async fn recalled(&self, session: SessionId) -> Option<RecalledMemories> {
        let entries = self.store.read(session, 0, 100).await.unwrap();
        let mut recalled = entries.iter().rev().filter_map(|entry| match &entry.kind {
            EventKind::MemoriesRecalled(memories) => Some(RecalledMemories::clone(memories)),
            _ => None,
        });
        recalled.next()
    }
}

fn now() -> Timestamp {
    livos_core::Clock::now(&SystemClock)
}

/// How many entries tell of memories.
pub(super) fn facts(entries: &[AgentEvent]) -> usize {
    entries.iter().filter(|entry| matches!(entry.kind, EventKind::MemoriesRecalled(_))).count()
}
