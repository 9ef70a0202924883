//! Tools of your own for other programs, as an MCP server.
//!
//! `cargo run --example mcp_server -- --stdio` speaks over standard input and output, as
//! `{"command": "mcp_server", "args": ["--stdio"]}` wants it. Without the flag it serves HTTP on a
//! free port of this machine, tries itself out and ends.

use std::error::Error;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use livos_core::{Effect, MemoryStore, Tool, ToolContext, ToolError, ToolOutput, ToolRegistry};
use livos_tools::mcp::{HostCheck, McpServers, McpService, ServerDefinition, ServerName};

struct Add;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct AddArgs {
    /// What to add.
    numbers: Vec<i64>,
}

impl Tool for Add {
    type Args = AddArgs;

    fn name(&self) -> &'static str {
        "add"
    }

    fn description(&self) -> &'static str {
        "Adds whole numbers."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: AddArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(args.numbers.iter().sum::<i64>().to_string().into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tools = ToolRegistry::new();
    tools.register(Add)?;
    let service = McpService::new("dice", "1.0.0").tools(tools);
    if std::env::args().any(|argument| argument == "--stdio") {
        return Ok(service.serve_stdio().await?);
    }

    // It knows no keys: put it behind something that does before others can reach it.
    let service = TowerToHyperService::new(service.into_http(HostCheck::Loopback));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
        }
    });

    let client = McpServers::builder(ToolRegistry::new(), Arc::new(MemoryStore::new()));
    let client = client.open().await?;
    client.add(ServerName::new("dice")?, ServerDefinition::http(&url)?).await?;
    client.restart("dice").await?;
    println!("{url} offers {}", client.get("dice")?.tools.len());
    client.close().await;
    Ok(())
}
