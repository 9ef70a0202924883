//! What is told in one conversation is known in the next: found after the run, given to the next one.
//!
//! ```sh
//! cargo run -p livos-examples --example memory
//! LLAMA_BASE_URL=http://127.0.0.1:18080/v1 cargo run -p livos-examples --example memory
//! ```
//!
//! Offline, with a scripted model; with `LLAMA_BASE_URL`, with the model that a local llama.cpp serves. With
//! `SqliteStore` or `RedisStore` the facts survive a restart; with an `Embedder` they are found by what they
//! mean, too.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AIProvider, AgentEvent, AgentLoop, Clock, DeliveryFilter, DeliverySettings, DeliveryState,
    DeliveryWorker, EventKind, ExtractionSettings, FactQuery, Memory, MemoryExtraction,
    MemoryStore, Message, NewRun, Recall, RecallSettings, RunFilter, RunObserver, SessionId, Store,
    SystemClock, UserId, Worker, WorkerSettings,
};

/// Prints what runs are given and what they say.
#[derive(Debug)]
struct Printer;

impl RunObserver for Printer {
    fn observe(&self, event: AgentEvent) {
        match event.kind {
            EventKind::MemoriesRecalled(memories) => println!("given: {:?}", memories.facts),
            EventKind::RunFinished { text, .. } => println!("model: {text}"),
            _ => {}
        }
    }
}

/// A script of the conversation below. What nobody said, such as the second fact, is not kept.
fn scripted() -> ScriptedProvider {
    let found = r#"{"facts": [
        {"text": "The user drinks coffee black.", "kind": "preference", "replaces": 0},
        {"text": "The user is a doctor.", "kind": "profile", "replaces": 0}
    ]}"#;
    let answers = ["Black it is.", found, "So you said.", found, "Black."];
    ScriptedProvider::new("scripted", answers.map(Script::text))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (model, name): (Arc<dyn AIProvider>, _) = match std::env::var_os("LLAMA_BASE_URL") {
        Some(_) => (Arc::new(livos_providers::from_env()?), "llamacpp/default"),
        None => (Arc::new(scripted()), "scripted"),
    };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    let agent = AgentLoop::builder_shared(model)
        .model(name)
        .max_output_tokens(40)
        .journal(Arc::clone(&store) as _)
        .recall(Recall::new(memory.clone(), RecallSettings::default()))
        .build();
    let settings = ExtractionSettings::default();
    let extraction = MemoryExtraction::new(Arc::clone(&store), memory.clone(), settings);
    let (clock, settings) = (Arc::new(SystemClock), DeliverySettings::default());
    let sinks = extraction.sinks();
    let _deliveries = DeliveryWorker::start(Arc::clone(&store), sinks, clock, settings);
    let settings = WorkerSettings::default();
    let _worker = Worker::start(agent, Arc::clone(&store), Arc::new(Printer), settings);

    // Each in a session of its own.
    let said = ["I drink my coffee black.", "I drink my coffee black!", "How do I take my coffee?"];
    for text in said {
        println!("user: {text}");
        let run = NewRun::new(SessionId::generate(), Message::user(text), SystemClock.now());
        store.admit(extraction.follow(run)).await?;
        settled(store.as_ref()).await?;
    }

    // Told twice is stored once, and was given to the last run; of another user nothing is known.
    let report = memory.report(&UserId::owner()).await?;
    let of_ann = memory.search(&FactQuery::new(UserId::from("ann"), "coffee")).await?;
    assert_eq!((report.facts, report.never_recalled, of_ann.hits.len()), (1, 0, 0));
    Ok(())
}

/// Waits until nothing runs and nothing is owed.
async fn settled(store: &dyn Store) -> Result<(), Box<dyn Error>> {
    loop {
        let runs = store.runs(RunFilter::default(), 50).await?.items;
        let owed = store.deliveries(DeliveryFilter::default(), 50).await?.items;
        let is_owed = |state| matches!(state, DeliveryState::Due | DeliveryState::InFlight);
        if runs.iter().all(|run| run.state.is_final()) && !owed.iter().any(|it| is_owed(it.state)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
