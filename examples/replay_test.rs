//! A run becomes a test: recorded once, replayed offline, and the first difference is told.
//!
//! ```sh
//! cargo run -p livos-examples --example replay_test
//! ```
//!
//! In a project of yours the second half is the body of a `#[tokio::test]` with `include_str!("run.json")`;
//! `livos export RUN -o run.json` writes such a file from a server.

use std::error::Error;

use livos_core::AgentLoop;
use livos_core::replay;
use livos_core::replay::Recording;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_core::{Budget, ToolRegistry};
use serde_json::json;

/// Your agent, as your program builds it. In a replay its provider is not asked.
fn agent(instructions: &str) -> Result<AgentLoop, Box<dyn Error>> {
    let tools = ToolRegistry::new();
    livos_tools::time::register(&tools)?;
    let model = ScriptedProvider::new(
        "scripted",
        [
            Script::tool("call-1", "time", json!({ "operation": "now" })),
            Script::text("Time for a test."),
        ],
    );
    let agent = AgentLoop::builder(model).system_prompt(instructions).tools(tools);
    Ok(agent.budget(Budget::default().with_turns(5)).build())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let recorded = agent("Look at the clock first.")?;
    let run = recorded.run("What is it time for?").await;
    let file = Recording::of(&recorded, run.session_id, run.run_id).await?.to_json();
    println!("recorded {} bytes: {}", file.len(), run.text);

    // The test. It asks nobody and calls no tool.
    replay::check(&agent("Look at the clock first.")?, &file).await?;
    println!("the same agent does the same");

    let changed = replay::check(&agent("Guess the time.")?, &file).await;
    let difference = changed.err().ok_or("a changed prompt must be noticed")?;
    println!("another one does not: {difference}");
    Ok(())
}
