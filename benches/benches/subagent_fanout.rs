//! One run that asks for 200 agents at once: what each of them takes beside its model call.
//!
//! In memory and in SQLite (both levels), with 2 and with 16 of them at a time. The model answers at once and from
//! memory, so that what is left is ours: the child's session and admission, its turn in the
//! queue, its run, and the way back of its result into the parent's journal. A figure is the least
//! of three. Every agent must have answered: a bench that loses one fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use livos_benches::durable::Backend;
use livos_benches::durable::Opened;
use livos_benches::probe::Failure;
use livos_benches::report::Report;
use livos_benches::report::least;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::Clock;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::RunObserver;
use livos_core::RunState;
use livos_core::SessionId;
use livos_core::SubagentLimits;
use livos_core::SubagentManager;
use livos_core::SystemClock;
use livos_core::ToolCall;
use livos_core::ToolInput;
use livos_core::ToolRegistry;
use livos_core::Worker;
use livos_core::WorkerSettings;
use serde_json::json;

const AGENTS: u32 = 200;
const REPEATS: u32 = 3;
/// What the parent is told, and nobody else.
const FAN_OUT: &str = "Ask them all.";

/// Asks for all agents when it is told to, and answers everything else in a word.
#[derive(Debug)]
struct Delegating(ProviderId);

#[async_trait]
impl AIProvider for Delegating {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let asked = request.conversation.last().map(|message| message.text()).unwrap_or_default();
        let content = match asked == FAN_OUT {
            true => (0..AGENTS).map(call).collect(),
            false => vec![ContentBlock::text("Done.")],
        };
        let message = Message::new(Role::Assistant, content);
        let response = ChatResponse::new(self.0.clone(), request.model, message);
        let finished = ChatChunk::Finished(Box::new(response));
        Ok(Box::pin(futures::stream::iter([Ok(finished)])))
    }
}

fn call(number: u32) -> ContentBlock {
    let arguments = ToolInput::from(json!({ "task": format!("Look at part {number}.") }));
    let id = format!("call-{number}");
    ContentBlock::ToolUse(ToolCall::new(id.as_str(), "sessions_create", arguments))
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::absolute("subagent_fanout: milliseconds an agent, 200 of one run");
    for backend in [Backend::Memory, Backend::SqliteRelaxed, Backend::SqliteStrict] {
        for at_a_time in [2, 16] {
            let times = (0..REPEATS).map(|_| runtime.block_on(fan_out(backend, at_a_time)));
            let times = times.collect::<Result<Vec<f64>, Failure>>()?;
            report.note(&format!("{backend}, {at_a_time} at a time"), least(times));
        }
    }
    Ok(report.finish())
}

async fn fan_out(backend: Backend, at_a_time: u32) -> Result<f64, Failure> {
    let opened = Opened::new(backend).await?;
    let limits = SubagentLimits::default().with_concurrent(at_a_time);
    let manager = SubagentManager::new(Arc::clone(&opened.store)).with_limits(limits);
    let tools = ToolRegistry::new();
    livos_tools::subagents::register(&tools, &manager)?;
    let agent = AgentLoop::builder(Delegating("delegating".into()))
        .tools(tools)
        .journal(Arc::clone(&opened.store) as _)
        .build();
    let settings = WorkerSettings::default();
    let worker = Worker::start(agent, Arc::clone(&opened.store), Arc::new(Nobody), settings);
    let session = SessionId::generate();
    let began = Instant::now();
    let run = NewRun::new(session, Message::user(FAN_OUT), SystemClock.now());
    let run_id = run.run_id;
    opened.store.admit(run).await?;
    let outcome = manager.outcome(run_id).await?;
    let elapsed = began.elapsed();
    worker.stop(Duration::from_secs(5)).await;
    let children = manager.children(session).await?;
    let answered = children.iter().filter(|child| child.state == RunState::Completed).count();
    if outcome.state != RunState::Completed || u32::try_from(answered)? != AGENTS {
        return Err(format!("{answered} agents answered: {outcome:?}").into());
    }
    Ok(elapsed.as_secs_f64() * 1e3 / f64::from(AGENTS))
}
