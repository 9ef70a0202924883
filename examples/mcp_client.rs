//! An agent with the tools of an MCP server: `cargo run --example mcp_client`.
//!
//! The server is the example `mcp_server`, started as a program over standard input and output.
//! Any other is one line: `ServerDefinition::stdio("uvx", ["mcp-server-time"])`, or
//! `ServerDefinition::http("https://example.org/mcp")`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use livos_core::AgentLoop;
use livos_core::MemoryStore;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let program = std::env::current_exe()?.with_file_name("mcp_server");
    let definition = ServerDefinition::stdio(program.display().to_string(), ["--stdio"])?;

    let tools = ToolRegistry::new();
    // A store on disk would remember the tools, and the program would start at the first call.
    let servers = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new())).open().await?;
    servers.add(ServerName::new("dice")?, definition).await?;
    while servers.get("dice")?.state != ServerState::Ready {
        if let Some(problem) = servers.get("dice")?.error {
            return Err(format!("{problem} (build it: cargo build --examples)").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for tool in servers.get("dice")?.tools {
        println!("{}: {} ({:?})", tool.name, tool.description, tool.effect);
    }

    // Stands for a model that wants the tool.
    let model = ScriptedProvider::new(
        "scripted",
        [
            Script::tool("1", "mcp__dice__add", json!({"numbers": [3, 4, 5]})),
            Script::text("Together they are 12."),
        ],
    );
    let outcome = AgentLoop::builder(model).tools(tools).build().run("Add 3, 4 and 5.").await;
    println!("{}", outcome.into_text()?);
    servers.close().await;
    Ok(())
}
