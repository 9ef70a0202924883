//! What is told in one conversation is known in the next: facts, found by their words.
//!
//! ```sh
//! cargo run -p livos-examples --example memory
//! ```
//!
//! Offline, with a scripted model. With `SqliteStore` or `RedisStore` the facts survive a restart; with an
//! `Embedder` they are found by what they mean, too.

use std::error::Error;
use std::sync::Arc;

use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{AgentLoop, FactQuery, Memory, MemoryStore, NewFact, ToolRegistry, UserId};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::builder(Arc::new(MemoryStore::new())).build();
    let tools = ToolRegistry::new();
    livos_tools::memory::register(&tools, &memory)?;
    let model = ScriptedProvider::new(
        "scripted",
        [
            Script::tool(
                "call-1",
                "memory_add",
                json!({ "text": "The user is allergic to peanuts." }),
            ),
            Script::text("I will remember that."),
            Script::tool("call-2", "memory_search", json!({ "query": "allergic food cake" })),
            Script::text("An almond cake, then: no peanuts."),
        ],
    );
    let agent = AgentLoop::builder(model).tools(tools).build();

    // Two runs, each in a session of its own.
    println!("{}", agent.run("Peanuts make me ill.").await.into_text()?);
    println!("{}", agent.run("Which cake shall I bake?").await.into_text()?);

    // Told twice is stored once; of another user nothing is known.
    memory.add(NewFact::told(UserId::owner(), "the user is ALLERGIC to peanuts")).await?;
    let report = memory.report(&UserId::owner()).await?;
    let of_ann = memory.search(&FactQuery::new(UserId::from("ann"), "peanuts")).await?;
    println!("{} fact, recalled; {} of Ann", report.facts, of_ann.hits.len());
    assert_eq!((report.facts, report.never_recalled, of_ann.hits.len()), (1, 0, 0));
    Ok(())
}
