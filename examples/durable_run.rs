//! A run that dies in the middle and goes on: one process is killed, the next one finishes its work.
//!
//! ```sh
//! cargo run -p livos-examples --example durable_run
//! ```
//!
//! What happened is in a SQLite file before anybody sees it. The second process opens the file and goes on
//! after the tool, which is not called again.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;

use futures::StreamExt;
use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{AgentLoop, EventKind, RunFilter, RunState, RunStore, SqliteStore, ToolRegistry};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(process), Some(file)) = (arguments.next(), arguments.next()) else {
        return both_processes();
    };
    let store = Arc::new(SqliteStore::open(file)?);
    let tools = ToolRegistry::new();
    livos_tools::time::register(&tools)?;
    let answer = Script::text("Time to go on.");
    let model = match process.as_str() {
        "first" => vec![Script::tool("call-1", "time", json!({ "operation": "now" })), answer],
        _ => vec![answer],
    };
    let model = ScriptedProvider::new("scripted", model);
    let agent = AgentLoop::builder(model).tools(tools).journal(Arc::clone(&store) as _).build();

    let unfinished = RunFilter { state: Some(RunState::Running), ..RunFilter::default() };
    let mut run = match store.runs(unfinished, 1).await?.items.first() {
        Some(run) => agent.resume(run.session_id, run.id).await?,
        None => agent.run("What is it time for?"),
    };
    while let Some(event) = run.next().await {
        if let Some(seq) = event.seq() {
            println!("{process} process: {seq} {}", event.kind.name());
        }
        if process == "first" && matches!(event.kind, EventKind::ToolFinished { .. }) {
            // SIGKILL: nothing is tidied up or flushed, as in a crash.
            Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status()?;
        }
    }
    println!("{}", run.await.into_text().map_err(|error| error.message)?);
    Ok(())
}

fn both_processes() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("livos-durable-run-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for process in ["first", "second"] {
        let program = std::env::current_exe()?;
        let ended = Command::new(program).arg(process).arg(folder.join("agent.db")).status()?;
        println!("{process} process: {ended}");
        if ended.success() != (process == "second") {
            return Err("the first process must be killed, and the second finish".into());
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
