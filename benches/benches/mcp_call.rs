//! What a call of an MCP tool costs, from the agent's loop to the server and back.
//!
//! Both ends are ours and in this process: the agent's tool over streamable HTTP on loopback, and
//! the server that runs a tool of ours. Ten calls a run; the time is per call.

use std::error::Error;
use std::sync::Arc;

use divan::counter::ItemsCount;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use livos_core::AgentLoop;
use livos_core::Effect;
use livos_core::MemoryStore;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::HostCheck;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::McpService;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::ServerName;
use serde_json::json;

const CALLS: u32 = 10;

fn main() {
    divan::main();
}

struct Echo;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct EchoArgs {
    /// What to say.
    number: u32,
}

impl Tool for Echo {
    type Args = EchoArgs;

    fn name(&self) -> &'static str {
        "echo"
    }

    fn description(&self) -> &'static str {
        "Says what it is told."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: EchoArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(args.number.to_string().into())
    }
}

/// The tools of a server that runs beside the bench.
async fn tools() -> Result<(ToolRegistry, McpServers), Box<dyn Error>> {
    let served = ToolRegistry::new();
    served.register(Echo)?;
    let service = McpService::new("bench", "1").tools(served).into_http(HostCheck::Loopback);
    let service = TowerToHyperService::new(service);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
        }
    });
    let tools = ToolRegistry::new();
    let servers = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new())).open().await?;
    servers.add(ServerName::new("bench")?, ServerDefinition::http(url)?).await?;
    servers.restart("bench").await?;
    Ok((tools, servers))
}

#[divan::bench]
fn over_http(bencher: divan::Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let Ok((tools, _servers)) = runtime.block_on(tools()) else { return };
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        let calls = (0..CALLS).map(|number| {
            Script::tool(&number.to_string(), "mcp__bench__echo", json!({ "number": number }))
        });
        let model = ScriptedProvider::new("scripted", calls.chain([Script::text("done")]));
        let agent = AgentLoop::builder(model).tools(tools.clone()).build();
        runtime.block_on(agent.run("go")).tool_calls
    });
}
