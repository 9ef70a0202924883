//! The same work through LivOS: `AgentLoop`, its events read by one observer, its journal in memory.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_core::AgentLoopBuilder;
use livos_core::Budget;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::Delivery;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::RunStatus;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;

use crate::mock::TOOL;
use crate::probe::Failure;
use crate::task::AddArguments;
use crate::task::MODEL;
use crate::task::Outcome;
use crate::task::QUESTION;
use crate::task::SYSTEM;
use crate::task::TOOL_DESCRIPTION;

/// No run of a bench may end because its budget does.
const BUDGET_TURNS: u32 = 10_000;
const BUDGET_TOKENS: u64 = u64::MAX;
const BUDGET_TIME: Duration = Duration::from_secs(3600);

struct Add;

impl Tool for Add {
    type Args = AddArguments;

    fn name(&self) -> &str {
        TOOL
    }

    fn description(&self) -> &str {
        TOOL_DESCRIPTION
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: AddArguments, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::text(args.answer()))
    }
}

/// An agent for the task of the benches.
///
/// # Errors
/// When the tool is refused.
pub fn agent(provider: Arc<dyn AIProvider>, delivery: Delivery) -> Result<AgentLoop, Failure> {
    agent_with(provider, delivery, Arc::new(MemoryStore::new()))
}

/// The same with this journal.
///
/// # Errors
/// When the tool is refused.
pub fn agent_with(
    provider: Arc<dyn AIProvider>,
    delivery: Delivery,
    journal: Arc<dyn Journal>,
) -> Result<AgentLoop, Failure> {
    Ok(builder(provider, delivery)?.journal(journal).build())
}

/// The same before it is built, to be given more.
///
/// # Errors
/// When the tool is refused.
pub fn builder(
    provider: Arc<dyn AIProvider>,
    delivery: Delivery,
) -> Result<AgentLoopBuilder, Failure> {
    let tools = ToolRegistry::new();
    tools.register(Add)?;
    let budget = Budget::default()
        .with_turns(BUDGET_TURNS)
        .with_tokens(BUDGET_TOKENS)
        .with_wall_clock(BUDGET_TIME);
    Ok(AgentLoop::builder_shared(provider)
        .model(MODEL)
        .system_prompt(SYSTEM)
        .tools(tools)
        .budget(budget)
        .delivery(delivery))
}

/// One run, with every event read.
///
/// # Errors
/// When the run did not complete.
pub async fn run(agent: &AgentLoop) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let mut run = agent.run(QUESTION);
    while let Some(event) = run.next().await {
        if let EventKind::TextDelta { text } = &event.kind {
            outcome.deltas += u32::from(!text.is_empty());
        }
    }
    let ended = run.await;
    if ended.status != RunStatus::Completed {
        return Err(format!("the run ended as {:?}: {:?}", ended.status, ended.error).into());
    }
    outcome.text = ended.text;
    outcome.tool_calls = ended.tool_calls;
    Ok(outcome)
}

/// One streamed answer of a provider, without a loop.
///
/// # Errors
/// When the answer breaks off.
pub async fn stream(provider: &dyn AIProvider) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let request = ChatRequest::new(MODEL, [Message::user(QUESTION)]);
    let mut chunks = provider.chat_stream(request).await?;
    while let Some(chunk) = chunks.next().await {
        match chunk? {
            ChatChunk::Text(text) => outcome.deltas += u32::from(!text.is_empty()),
            ChatChunk::Finished(response) => outcome.text = response.message.text(),
            _ => {}
        }
    }
    Ok(outcome)
}
