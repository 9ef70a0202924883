//! MCP servers as agents use them, with real programs that behave well and badly.

mod lifecycle;
mod misbehaving;
mod pinned;
mod questions;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::RunId;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;
use livos_tools::mcp::ServerStatus;
use livos_tools::mcp::WrittenServer;
use serde_json::json;
use tempfile::TempDir;

/// How long anything may take that is to happen soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// The variable by which a test finds the processes of its servers.
const MARK: &str = "TEST_SERVER_MARK";

/// Servers, their tools, and a directory they run in.
struct Bench {
    directory: TempDir,
    tools: ToolRegistry,
    store: Arc<MemoryStore>,
    servers: McpServers,
    mark: String,
}

impl Bench {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("server.sh"), include_str!("mcp/server.sh")).unwrap();
        let (tools, store) = (ToolRegistry::new(), Arc::new(MemoryStore::new()));
        let builder = McpServers::builder(tools.clone(), Arc::clone(&store) as _);
        let servers = builder.open().await.unwrap();
        Self { directory, tools, store, servers, mark: RunId::generate().to_string() }
    }

    /// A server that behaves so.
    fn written(&self, how: &str) -> WrittenServer {
        let directory = self.directory.path();
        let written = json!({
            "command": "sh",
            "args": ["server.sh", how],
            "cwd": directory,
            "env": {MARK: self.mark, "TOKEN": "hunter2hunter2"},
            "start_timeout_ms": 5000,
            "call_timeout_ms": 2000,
        });
        serde_json::from_value(written).unwrap()
    }

    fn definition(&self, how: &str) -> ServerDefinition {
        self.written(how).try_into().unwrap()
    }

    /// Adds a server and waits until it is neither new nor starting.
    async fn add(&self, name: &str, how: &str) -> ServerStatus {
        self.add_written(name, self.written(how)).await
    }

    async fn add_written(&self, name: &str, written: WrittenServer) -> ServerStatus {
        let name = ServerName::new(name).unwrap();
        self.servers.add(name.clone(), written.try_into().unwrap()).await.unwrap();
        self.settled(name.as_str()).await
    }

    async fn settled(&self, name: &str) -> ServerStatus {
        self.until(name, |status| matches!(status.state, ServerState::Ready | ServerState::Failed))
            .await
    }

    async fn until(&self, name: &str, is_so: impl Fn(&ServerStatus) -> bool) -> ServerStatus {
        let begun = tokio::time::Instant::now();
        loop {
            let status = self.servers.get(name).unwrap();
            if is_so(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it stays so: {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Calls a tool as an agent does.
    async fn call(&self, tool: &str) -> Called {
        call(&self.tools, tool, json!({"text": "hello"})).await
    }

    /// How many processes there are of the servers of this test.
    fn processes(&self) -> usize {
        let entry = format!("{MARK}={}", self.mark);
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|process| {
            let variables = std::fs::read(process.path().join("environ")).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|line| line == entry.as_bytes())
        })
        .count()
    }

    /// Closes everything; nothing may be left.
    async fn close(self) {
        self.servers.close().await;
        assert_eq!(self.processes(), 0, "a process is left");
        assert!(self.tools.specs().is_empty(), "{:?}", self.tools);
    }
}

/// How a call ended.
#[derive(Debug)]
struct Called {
    status: ToolStatus,
    content: Vec<ContentBlock>,
    progress: Vec<String>,
    took: Duration,
}

impl Called {
    fn text(&self) -> String {
        self.content.iter().filter_map(ContentBlock::as_text).collect()
    }
}

async fn call(tools: &ToolRegistry, tool: &str, arguments: serde_json::Value) -> Called {
    let script = [Script::tool("call_1", tool, arguments), Script::text("done")];
    let model = ScriptedProvider::new("scripted", script);
    let mut run = AgentLoop::builder(model).tools(tools.clone()).build().run("go");
    let begun = tokio::time::Instant::now();
    let mut progress = Vec::new();
    let mut ended = None;
    while let Some(event) = run.next().await {
        match event.kind {
            EventKind::ToolProgress { text, .. } => progress.push(text),
            EventKind::ToolFinished { status, content, .. } => {
                ended = Some((status, content.to_vec(), begun.elapsed()));
            }
            _ => {}
        }
    }
    // The run goes on, whatever the server did.
    assert_eq!(run.await.text, "done");
    let (status, content, took) = ended.unwrap();
    Called { status, content, progress, took }
}
