//! What is told in one conversation is known in the next: found after the run, given to the next one.
//!
//! ```sh
//! cargo run -p livos-examples --example memory
//! ```
//!
//! Offline, with a scripted model. With `SqliteStore` or `RedisStore` the facts survive a restart; with an
//! `Embedder` they are found by what they mean, too.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AgentEvent, AgentLoop, Clock, DeliverySettings, DeliveryWorker, EventKind, ExtractionSettings,
    FactFilter, FactQuery, Memory, MemoryExtraction, MemoryStore, Message, NewFact, NewRun, Recall,
    RecallSettings, RunObserver, SessionId, Store, SystemClock, UserId, Worker, WorkerSettings,
};
use serde_json::json;

/// Prints what a run was given and what it said.
#[derive(Debug)]
struct Printer;

impl RunObserver for Printer {
    fn observe(&self, event: AgentEvent) {
        match event.kind {
            EventKind::MemoriesRecalled(memories) => {
                memories.facts.iter().for_each(|fact| println!("  (remembers: {})", fact.text));
            }
            EventKind::RunFinished { text, .. } => println!("  {text}"),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    let found = json!({ "facts": [
        { "text": "The user is allergic to peanuts.", "kind": "profile", "replaces": 0 },
        // What nobody said is not kept.
        { "text": "The user is a doctor in Paris.", "kind": "profile", "replaces": 0 },
    ]});
    let model = ScriptedProvider::new(
        "scripted",
        [
            Script::text("Noted: no peanuts."),
            Script::text(&found.to_string()),
            Script::text("An almond cake, then."),
        ],
    );
    let agent = AgentLoop::builder(model)
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

    // A message in a session of its own. What is worth remembering is found when its run ended.
    say(&store, &extraction, "I am allergic to peanuts.").await?;
    let known = FactFilter::current(UserId::owner());
    while memory.list(known.clone(), 10).await?.items.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another session.
    let mut signals = store.signals();
    let cake = say(&store, &extraction, "Which cake is good with an allergic guest?").await?;
    while !store.run(cake).await?.is_some_and(|run| run.state.is_final()) {
        signals.next().await;
    }

    // Told twice is stored once; of another user nothing is known.
    memory.add(NewFact::told(UserId::owner(), "the user is ALLERGIC to peanuts")).await?;
    let report = memory.report(&UserId::owner()).await?;
    let of_ann = memory.search(&FactQuery::new(UserId::from("ann"), "peanuts")).await?;
    println!("{} fact, recalled; {} of Ann", report.facts, of_ann.hits.len());
    assert_eq!((report.facts, report.never_recalled, of_ann.hits.len()), (1, 0, 0));
    Ok(())
}

async fn say(
    store: &Arc<dyn Store>,
    extraction: &MemoryExtraction,
    text: &str,
) -> Result<livos_core::RunId, Box<dyn Error>> {
    println!("{text}");
    let run = NewRun::new(SessionId::generate(), Message::user(text), SystemClock.now());
    let run = extraction.follow(run);
    let id = run.run_id;
    store.admit(run).await?;
    Ok(id)
}
