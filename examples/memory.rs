//! What is told in one conversation is known in the next: found after the run, given to the next one.
//!
//! ```sh
//! cargo run -p livos-examples --example memory
//! LLAMA_BASE_URL=http://127.0.0.1:18080/v1 cargo run -p livos-examples --example memory
//! ```
//!
//! Each message in a session of its own. Offline a scripted model answers; with `LLAMA_BASE_URL`, a local one.

use std::sync::Arc;

use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AIProvider, AgentEvent, AgentLoop, Clock, DeliverySettings, DeliveryWorker, EventKind,
    ExtractionSettings, FactQuery, Memory, MemoryExtraction, MemoryStore, Message, NewRun, Recall,
    RecallSettings, RunObserver, SessionId, Store, SystemClock, UserId, Worker, WorkerSettings,
};

/// What the scripted model finds. What nobody said, such as the second fact, is not kept.
const FOUND: &str = r#"{"facts": [
    {"text": "The user drinks coffee black.", "kind": "preference", "replaces": 0},
    {"text": "The user is a doctor.", "kind": "profile", "replaces": 0}
]}"#;

/// Prints what runs are given and what they say.
#[derive(Debug)]
struct Printer;

impl RunObserver for Printer {
    fn observe(&self, event: AgentEvent) {
        match event.kind {
            EventKind::MemoriesRecalled(known) => {
                for fact in &known.facts {
                    println!("given: {}", fact.text);
                }
            }
            EventKind::RunFinished { text, .. } => println!("model: {text}"),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let script = ["Black it is.", FOUND, "So you said.", FOUND, "Black."].map(Script::text);
    let (model, name): (Arc<dyn AIProvider>, _) = match std::env::var_os("LLAMA_BASE_URL") {
        Some(_) => (Arc::new(livos_providers::from_env()?), "llamacpp/default"),
        None => (Arc::new(ScriptedProvider::new("scripted", script)), "scripted"),
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
    let (sinks, clock) = (extraction.sinks(), Arc::new(SystemClock));
    let (settings, printer) = (DeliverySettings::default(), Arc::new(Printer));
    let _deliveries = DeliveryWorker::start(Arc::clone(&store), sinks, clock, settings);
    let _worker = Worker::start(agent, Arc::clone(&store), printer, WorkerSettings::default());

    let said = ["I drink my coffee black.", "I drink my coffee black!", "How do I take my coffee?"];
    for text in said {
        println!("user: {text}");
        let run = NewRun::new(SessionId::generate(), Message::user(text), SystemClock.now());
        store.admit(extraction.follow(run)).await?;
        livos_examples::settled(store.as_ref()).await?;
    }

    // Told twice is stored once, and was given to the last run; of another user nothing is known.
    let report = memory.report(&UserId::owner()).await?;
    let of_ann = memory.search(&FactQuery::new(UserId::from("ann"), "coffee")).await?;
    let counts = (report.facts, report.never_recalled, of_ann.hits.len());
    println!("{} fact, {} never given; {} of Ann", counts.0, counts.1, counts.2);
    assert_eq!(counts, (1, 0, 0));
    Ok(())
}
