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
use serde_json::json;

/// Prints what runs are given and what they say.
#[derive(Debug)]
struct Printer;

impl RunObserver for Printer {
    fn observe(&self, event: AgentEvent) {
        match event.kind {
            EventKind::MemoriesRecalled(memories) => {
                memories.facts.iter().for_each(|fact| println!("given: {}", fact.text));
            }
            EventKind::RunFinished { text, error: None, .. } => println!("model: {text}"),
            EventKind::RunFinished { error: Some(error), .. } => println!("failed: {error}"),
            _ => {}
        }
    }
}

/// A script of the conversation below.
fn scripted() -> ScriptedProvider {
    let black =
        json!({ "text": "The user drinks coffee black.", "kind": "preference", "replaces": 0 });
    // What nobody said is not kept.
    let made_up = json!({ "text": "The user is a doctor.", "kind": "profile", "replaces": 0 });
    ScriptedProvider::new(
        "scripted",
        [
            Script::text("Black it is."),
            Script::text(&json!({ "facts": [black, made_up] }).to_string()),
            Script::text("So you said."),
            Script::text(&json!({ "facts": [black] }).to_string()),
            Script::text("Black."),
        ],
    )
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
        .system_prompt("You are a helpful assistant. Answer in one short sentence.")
        .max_output_tokens(40)
        .journal(Arc::clone(&store) as _)
        .recall(Recall::new(memory.clone(), RecallSettings::default()))
        .build();
    let extraction =
        MemoryExtraction::new(Arc::clone(&store), memory.clone(), ExtractionSettings::default());
    let clock = Arc::new(SystemClock);
    let settings = DeliverySettings::default();
    let _deliveries =
        DeliveryWorker::start(Arc::clone(&store), extraction.sinks(), clock, settings);
    let _worker =
        Worker::start(agent, Arc::clone(&store), Arc::new(Printer), WorkerSettings::default());

    // Each in a session of its own.
    for text in ["I drink my coffee black.", "I drink my coffee black!", "How do I take my coffee?"]
    {
        println!("user: {text}");
        let run = NewRun::new(SessionId::generate(), Message::user(text), SystemClock.now());
        store.admit(extraction.follow(run)).await?;
        settled(store.as_ref()).await?;
    }

    // Told twice is stored once, and was given to the last run; of another user nothing is known.
    let report = memory.report(&UserId::owner()).await?;
    let of_ann = memory.search(&FactQuery::new(UserId::from("ann"), "coffee")).await?;
    println!(
        "{} fact, {} never given; {} of Ann",
        report.facts,
        report.never_recalled,
        of_ann.hits.len()
    );
    assert_eq!((report.facts, report.never_recalled, of_ann.hits.len()), (1, 0, 0));
    Ok(())
}

/// Waits until nothing runs and nothing is owed.
async fn settled(store: &dyn Store) -> Result<(), Box<dyn Error>> {
    loop {
        let runs = store.runs(RunFilter::default(), 50).await?.items;
        let owed = store.deliveries(DeliveryFilter::default(), 50).await?.items;
        let is_settled = |state| !matches!(state, DeliveryState::Due | DeliveryState::InFlight);
        if runs.iter().all(|run| run.state.is_final())
            && owed.iter().all(|delivery| is_settled(delivery.state))
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
