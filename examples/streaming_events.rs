//! Everything an observer may see, as it happens: a console, a log or a test reads the same.
//!
//! ```sh
//! cargo run -p livos-examples --example streaming_events
//! ```
//!
//! With a provider's key in the environment a real model is asked.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_core::{AIProvider, AgentLoop, EventKind, ToolRegistry};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider: Arc<dyn AIProvider> = match livos_providers::from_env()? {
        Some(providers) => Arc::new(providers),
        None => Arc::new(ScriptedProvider::new("scripted", script())),
    };
    let tools = ToolRegistry::new();
    livos_tools::time::register(&tools)?;
    let agent = AgentLoop::builder_shared(provider).tools(tools).build();

    // The handle is a stream of events, and a future of the outcome.
    let mut run = agent.run("How many days are there from 2026-01-01 to 2026-12-24?");
    while let Some(event) = run.next().await {
        match &event.kind {
            EventKind::TextDelta { text } => print!("{text}"),
            EventKind::ToolStarted { name, input, .. } => println!("-> {name} {}", input.to_json()),
            EventKind::ToolFinished { name, status, duration_ms, .. } => {
                println!("<- {name}: {status:?} in {duration_ms} ms");
            }
            EventKind::AssistantMessage { .. } => println!(),
            EventKind::RunFinished { turns, usage, .. } => {
                println!("[{turns} turns, {} tokens]", usage.total_tokens());
            }
            // Numbers count what the journal keeps; the rest is gone when it was seen.
            other => eprintln!(
                "   {:>4} {}",
                event.seq().map_or("-".into(), |seq| seq.to_string()),
                other.name()
            ),
        }
        std::io::stdout().flush()?;
    }

    run.await.into_text().map_err(|error| error.message)?;
    Ok(())
}

fn script() -> [Script; 2] {
    let pause = Duration::from_millis(150);
    let arguments = json!({"operation": "difference", "from": "2026-01-01", "to": "2026-12-24"});
    [
        Script::new().think("I had better not guess.").call("call_1", "time", arguments),
        Script::new().say("There are ").pause(pause).say("357 ").pause(pause).say("days."),
    ]
}
