//! The smallest agent: a question goes in, an answer comes out.
//!
//! ```sh
//! cargo run -p livos-examples --example hello_agent
//! ANTHROPIC_API_KEY=... cargo run -p livos-examples --example hello_agent -- "Why is the sky blue?"
//! ```
//!
//! With a key in the environment (or GEMINI_API_KEY, OPENAI_API_KEY) a real model is asked.
//! Without one the demo model answers, which follows fixed rules and runs on any machine.

use std::error::Error;
use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_providers::DemoProvider;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let question = std::env::args().nth(1).unwrap_or_else(|| "What is 12 * (3 + 4)?".to_owned());
    let providers = livos_providers::from_env()?;
    let has_any = providers.providers().next().is_some();
    let provider: Arc<dyn AIProvider> =
        if has_any { Arc::new(providers) } else { Arc::new(DemoProvider::new()) };

    let agent = AgentLoop::builder_shared(provider)
        .system_prompt("You answer in one short sentence.")
        .build();

    let outcome = agent.run(question).await;
    println!("{}", outcome.into_text().map_err(|error| error.message)?);
    Ok(())
}
