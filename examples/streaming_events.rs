//! Everything an observer may see, as it happens: a console, a log or a test reads the same.
//!
//! ```sh
//! cargo run -p livos-examples --example streaming_events
//! ```
//!
//! With a provider's key in the environment a real model is asked, otherwise the demo model.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use futures::StreamExt;
use livos_core::{AIProvider, AgentLoop, EventKind, ToolRegistry};
use livos_providers::DemoProvider;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let providers = livos_providers::from_env()?;
    let has_any = providers.providers().next().is_some();
    let provider: Arc<dyn AIProvider> =
        if has_any { Arc::new(providers) } else { Arc::new(DemoProvider::new()) };
    let tools = ToolRegistry::new();
    livos_tools::time::register(&tools)?;
    let agent = AgentLoop::builder_shared(provider).tools(tools).build();

    // The handle is a stream of events, and a future of the outcome.
    let mut run = agent.run("What time is it?");
    while let Some(event) = run.next().await {
        match &event.kind {
            EventKind::TextDelta { text } => print!("{text}"),
            EventKind::ToolStarted { name, input, .. } => println!("-> {name} {}", input.to_json()),
            EventKind::ToolFinished { name, status, duration_ms, .. } => {
                println!("<- {name}: {status:?} in {duration_ms} ms");
            }
            EventKind::ToolCallDelta { .. } => {}
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
