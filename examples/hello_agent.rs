//! The smallest agent: a question goes in, an answer comes out.
//!
//! ```sh
//! cargo run -p livos-examples --example hello_agent
//! ANTHROPIC_API_KEY=... cargo run -p livos-examples --example hello_agent -- "Why is the sky blue?"
//! ```
//!
//! With a key in the environment (or GEMINI_API_KEY, OPENAI_API_KEY) a real model is asked.
//! Without one a script answers, so that it runs on any machine.

use std::error::Error;
use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_core::testing::ScriptedProvider;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let question = std::env::args().nth(1).unwrap_or_else(|| "What is an agent?".to_owned());
    let provider: Arc<dyn AIProvider> = match livos_providers::from_env()? {
        Some(providers) => Arc::new(providers),
        None => Arc::new(ScriptedProvider::answering(
            "A model that is asked, acts with tools, and is asked again. (This is a script, not a model.)",
        )),
    };

    let agent = AgentLoop::builder_shared(provider)
        .system_prompt("You answer in one short sentence.")
        .build();

    let outcome = agent.run(question).await;
    println!("{}", outcome.into_text().map_err(|error| error.message)?);
    Ok(())
}
