//! A run and the agents it asked for spend one budget, whoever drives them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Budget;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::Clock;
use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Reporting;
use livos_core::Right;
use livos_core::Role;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunQueue;
use livos_core::RunRecord;
use livos_core::RunState;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::SubagentManager;
use livos_core::SubagentTask;
use livos_core::SystemClock;
use livos_core::TakeOver;
use livos_core::Tool;
use livos_core::ToolCall;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolInput;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::Usage;
use livos_core::WorkSignals;
use livos_core::Worker;
use livos_core::WorkerSettings;
use serde_json::json;
use tokio::sync::Semaphore;

use super::Nobody;

const PATIENCE: Duration = Duration::from_secs(20);
/// What each answer uses.
const ANSWER: u64 = 300;
/// What the tree may spend.
const TREE: u64 = 3_000;
/// How many agents the run starts.
const AGENTS: usize = 3;

/// Starts all agents in its first answer; agents call a tool again and again until they may no more.
#[derive(Debug)]
struct Spender {
    id: ProviderId,
    answers: Semaphore,
    asked: Mutex<HashMap<String, usize>>,
}

impl Spender {
    fn new(answers: usize) -> Arc<Self> {
        let (id, answers) = ("spender".into(), Semaphore::new(answers));
        Arc::new(Self { id, answers, asked: Mutex::default() })
    }
}

fn call(id: &str, tool: &str, input: serde_json::Value) -> ContentBlock {
    ContentBlock::ToolUse(ToolCall::new(id, tool, ToolInput::from(input)))
}

#[async_trait]
impl AIProvider for Spender {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        self.answers.acquire().await.unwrap().forget();
        let asked = request.conversation.first().map(|message| message.text()).unwrap_or_default();
        let number = {
            let mut counts = self.asked.lock().unwrap();
            let count = counts.entry(asked.clone()).or_default();
            *count += 1;
            *count
        };
        let is_first = request.conversation.len() == 1;
        let content = match asked.as_str() {
            _ if request.tools.is_empty() => vec![ContentBlock::text("That is all.")],
            "Have it done." if is_first => (0..AGENTS)
                .map(|agent| {
                    call(
                        &format!("start-{agent}"),
                        "start",
                        json!({"task": format!("Part {agent}.")}),
                    )
                })
                .collect(),
            "Have it done." => vec![ContentBlock::text("They work.")],
            _ => vec![call(&format!("look-{number}"), "look", json!({"at": number}))],
        };
        let message = Message::new(Role::Assistant, content);
        let mut answer = ChatResponse::new(self.id.clone(), request.model, message);
        answer.usage = Usage { output_tokens: ANSWER, ..Usage::default() };
        Ok(Box::pin(futures::stream::iter([Ok(ChatChunk::Finished(Box::new(answer)))])))
    }
}

/// Starts an agent that is heard of later.
struct Start(SubagentManager);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct StartArgs {
    task: String,
}

impl Tool for Start {
    type Args = StartArgs;

    fn name(&self) -> &'static str {
        "start"
    }

    fn description(&self) -> &'static str {
        "Starts an agent."
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.concurrency_safe().requiring(Right::Spawn)
    }

    async fn call(&self, args: StartArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let task = SubagentTask::new(args.task).reporting(Reporting::ToSession);
        let spawned = self.0.spawn(context, task).await;
        spawned.map_err(|error| ToolError::model(error.to_string()))?;
        Ok("It works.".into())
    }
}

/// Does nothing.
struct Look;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct LookArgs {
    at: u64,
}

impl Tool for Look {
    type Args = LookArgs;

    fn name(&self) -> &'static str {
        "look"
    }

    fn description(&self) -> &'static str {
        "Looks."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: LookArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(format!("Nothing at {}.", args.at).into())
    }
}

/// Another process on the same store, as far as the store can tell.
fn work(store: &Arc<MemoryStore>, model: &Arc<Spender>) -> Worker {
    let shared = Arc::clone(store) as Arc<dyn Store>;
    let tools = ToolRegistry::new();
    tools.register(Start(SubagentManager::new(Arc::clone(&shared)))).unwrap();
    tools.register(Look).unwrap();
    let agent = AgentLoop::builder_shared(Arc::clone(model) as Arc<dyn AIProvider>)
        .tools(tools)
        .journal(Arc::clone(store) as Arc<dyn Journal>)
        .build();
    let settings = WorkerSettings::default().with_take_over(TakeOver::AtStart);
    Worker::start(agent, shared, Arc::new(Nobody), settings)
}

async fn until(store: &MemoryStore, is_so: impl AsyncFn() -> bool) {
    let mut signals = store.signals();
    let reached = async {
        while !is_so().await {
            drop(tokio::time::timeout(Duration::from_millis(20), signals.next()).await);
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("in time");
}

async fn agents(store: &MemoryStore, parent: RunId) -> Vec<RunRecord> {
    let filter = RunFilter { parent: Some(parent), ..RunFilter::default() };
    store.runs(filter, 100).await.unwrap().items
}

#[tokio::test]
async fn agents_that_are_heard_of_later_spend_their_parents_budget_over_restarts_too() {
    let store = Arc::new(MemoryStore::new());
    let session = SessionId::generate();
    let mut run = NewRun::new(session, Message::user("Have it done."), SystemClock.now());
    run.budget = Some(Budget::default().with_tokens(TREE));
    let parent = run.run_id;
    store.admit(run).await.unwrap();

    // It dies when the run is over and its agents are at work.
    let model = Spender::new(5);
    let first = work(&store, &model);
    until(&store, async || {
        let has_ended = store.run(parent).await.unwrap().is_some_and(|run| run.state.is_final());
        has_ended && model.answers.available_permits() == 0
    })
    .await;
    assert_eq!(agents(&store, parent).await.len(), AGENTS);
    drop(first);
    let second = work(&store, &Spender::new(1_000));
    until(&store, async || agents(&store, parent).await.iter().all(|agent| agent.state.is_final()))
        .await;

    let agents = agents(&store, parent).await;
    let of = |run: &RunRecord| run.usage.total_tokens();
    let own = of(&store.run(parent).await.unwrap().unwrap());
    let spent = own + agents.iter().map(of).sum::<u64>();
    // Whoever finds nothing left may end the answer it is at, and sum up in one more.
    let most = TREE + 2 * 2 * ANSWER + ANSWER;
    assert!((TREE..=most).contains(&spent), "{spent} of {TREE}: {agents:?}");
    // Without it each would have made its eight calls.
    assert!(agents.iter().all(|agent| agent.state == RunState::Exhausted), "{agents:?}");
    let reasons = agents.iter().filter_map(|agent| agent.error.as_ref());
    assert!(reasons.clone().any(|reason| reason.kind == "tokens"), "{agents:?}");

    let entries = store.read(session, 0, 200).await.unwrap();
    let is_start = |entry: &&AgentEvent| matches!(entry.kind, EventKind::SubagentStarted { .. });
    assert_eq!(entries.iter().filter(is_start).count(), AGENTS);
    second.stop(PATIENCE).await;
}
