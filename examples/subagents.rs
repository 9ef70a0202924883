//! An agent that lets others work for it: it waits for one, and hears of another later.
//!
//! ```sh
//! cargo run -p livos-examples --example subagents
//! ```
//!
//! Offline, with a scripted model. In SQLite or Redis agents, and the results they owe, survive a restart.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AgentDefinition, AgentEvent, AgentLoop, Clock, DeliverySettings, DeliveryWorker, EventKind,
    MemoryStore, Message, NewRun, ReplySink, ResultSink, RunObserver, SessionId, Store,
    SubagentManager, SystemClock, ToolRegistry, Worker, WorkerSettings,
};
use serde_json::json;
use tokio::sync::mpsc;

/// Hears what happens in all runs.
#[derive(Debug)]
struct Everything(mpsc::UnboundedSender<AgentEvent>);

impl RunObserver for Everything {
    fn observe(&self, event: AgentEvent) {
        self.0.send(event).ok();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Arc::new(MemoryStore::new());
    let store = Arc::clone(&memory) as Arc<dyn Store>;
    let agents = SubagentManager::new(Arc::clone(&store));
    let clerk = AgentDefinition::new("clerk", "Knows the time.", "You are a clerk.");
    agents.define(clerk.with_tools(["time"]), None).await?;
    let tools = ToolRegistry::new();
    livos_tools::time::register(&tools)?;
    livos_tools::subagents::register(&tools, &agents)?;

    let first = json!({ "task": "Which day?", "agent": "clerk" });
    let later = json!({ "task": "Read the report.", "result": "later" });
    let script = [
        Script::tool("call-1", "sessions_create", first),
        Script::text("Saturday."),
        Script::tool("call-2", "sessions_create", later),
        Script::text("It is Saturday. The report is being read."),
        Script::text("The report says yes."),
        Script::text("The answer is yes."),
    ];
    let model = ScriptedProvider::new("scripted", script);
    let agent = AgentLoop::builder(model).tools(tools).journal(memory).build();
    let (hears, mut events) = mpsc::unbounded_channel();
    // One place is enough: a run that waits for an agent gives its place up meanwhile.
    let settings = WorkerSettings::default().with_max_concurrent_runs(1);
    let worker = Worker::start(agent, Arc::clone(&store), Arc::new(Everything(hears)), settings);
    let sinks: Vec<Arc<dyn ReplySink>> = vec![Arc::new(ResultSink::new(Arc::clone(&store)))];
    let (clock, settings) = (Arc::new(SystemClock), DeliverySettings::default());
    let results = DeliveryWorker::start(Arc::clone(&store), sinks, clock, settings);

    let session = SessionId::generate();
    let question = Message::user("Which day is it, and what does the report say?");
    store.admit(NewRun::new(session, question, SystemClock.now())).await?;
    let mut answers = 0;
    while answers < 2 {
        let event = events.recv().await.ok_or("the worker stopped")?;
        let is_parent = event.session_id == session;
        if let EventKind::RunFinished { text, .. } = event.kind {
            println!("{}: {text}", if is_parent { "parent" } else { "agent" });
            answers += usize::from(is_parent);
        }
    }
    worker.stop(Duration::from_secs(1)).await;
    results.stop().await;
    Ok(())
}
