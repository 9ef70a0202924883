//! LivOS as an MCP server: what clients may do, who is asked, and what is kept of it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;
use livos_tools::mcp::ServerStatus;
use livos_tools::mcp::WrittenServer;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::test_server::KEY;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

const EVERYTHING: (&str, &str) = ("LIVOS_MCP_EXPOSE", "all");

/// What a call gave.
#[derive(Debug)]
struct Called {
    status: ToolStatus,
    text: String,
    progress: Vec<String>,
}

/// Adds the server to a client's MCP servers, and waits until it is ready or refused.
pub(crate) async fn connected(
    server: &TestServer,
    headers: Value,
) -> (McpServers, ToolRegistry, ServerStatus) {
    let written = json!({"url": server.url("/mcp"), "headers": headers});
    let written: WrittenServer = serde_json::from_value(written).unwrap();
    let tools = ToolRegistry::new();
    let builder = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new()));
    let servers = builder.open().await.unwrap();
    let name = ServerName::new("livos").unwrap();
    servers.add(name, written.try_into().unwrap()).await.unwrap();
    let settled = loop {
        let status = servers.get("livos").unwrap();
        match status.state {
            ServerState::Ready | ServerState::Failed => break status,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    (servers, tools, settled)
}

/// A client of the server: another agent, to which the server's tools belong.
struct Client {
    servers: McpServers,
    tools: ToolRegistry,
}

impl Client {
    async fn of(server: &TestServer) -> Self {
        let headers = json!({"Authorization": format!("Bearer {KEY}")});
        let (servers, tools, status) = connected(server, headers).await;
        assert_eq!(status.state, ServerState::Ready, "{status:?}");
        Self { servers, tools }
    }

    fn offers(&self) -> Vec<String> {
        let status = self.servers.get("livos").unwrap();
        status.tools.into_iter().map(|tool| tool.tool).collect()
    }

    fn agent(&self, tool: &str, arguments: Value) -> AgentLoop {
        let call = Script::tool("1", &format!("mcp__livos__{tool}"), arguments);
        let model = ScriptedProvider::new("scripted", [call, Script::text("done")]);
        AgentLoop::builder(model).tools(self.tools.clone()).build()
    }

    /// Calls a tool beside whatever else is done.
    fn calling(&self, tool: &str, arguments: Value) -> JoinHandle<Called> {
        let agent = self.agent(tool, arguments);
        tokio::spawn(async move {
            let mut run = agent.run("go");
            let mut called =
                Called { status: ToolStatus::Unknown, text: String::new(), progress: Vec::new() };
            while let Some(event) = run.next().await {
                match event.kind {
                    EventKind::ToolProgress { text, .. } => called.progress.push(text),
                    EventKind::ToolFinished { status, content, .. } => {
                        called.status = status;
                        called.text = content.iter().filter_map(|block| block.as_text()).collect();
                    }
                    _ => {}
                }
            }
            called
        })
    }

    async fn call(&self, tool: &str, arguments: Value) -> Called {
        let called = tokio::time::timeout(PATIENCE, self.calling(tool, arguments)).await;
        called.expect("it ends").unwrap()
    }
}

/// The first request that stands so.
async fn approval(server: &TestServer, status: &str) -> Value {
    let looking = async {
        loop {
            let list = server.get(&format!("/api/approvals?status={status}")).await.json();
            if let Some(approval) = list["items"].get(0) {
                return approval.clone();
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("there is one in time")
}

async fn decide(server: &TestServer, approval: &Value, decision: Value) {
    let path = format!("/api/approvals/{}", approval["id"].as_str().unwrap());
    let decided = server.post(&path, &decision).await;
    assert_eq!(decided.status, 200, "{}", decided.text);
}

async fn sessions(server: &TestServer) -> Vec<String> {
    let listed = server.get("/api/sessions").await.json();
    let items = listed["items"].as_array().unwrap().iter();
    items.map(|session| session["title"].as_str().unwrap_or_default().to_owned()).collect()
}

fn a_file() -> Value {
    json!({"path": "a.md", "content": "hello"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_approval_and_is_made_once() {
    let home = tempfile::tempdir().unwrap();
    let policy = ("LIVOS_APPROVALS_CHANNELS", "mcp=always");
    let server = TestServer::in_home(home.path(), scripted([]), &[EVERYTHING, policy]).await;
    let file = home.path().join("workspace/a.md");
    let client = Client::of(&server).await;
    let calling = client.calling("file_write", a_file());
    let asked = approval(&server, "pending").await;
    assert_eq!(
        (&asked["tool"], &asked["origin"]["channel"]),
        (&json!("file_write"), &json!("mcp"))
    );
    assert_eq!(asked["input"], a_file());
    assert!(!file.exists(), "nothing happens before it is approved");
    decide(&server, &asked, json!({"decision": "approve"})).await;
    let called = calling.await.unwrap();
    assert_eq!(called.status, ToolStatus::Ok, "{called:?}");
    let waited = format!("waits for approval {}", asked["id"].as_str().unwrap());
    assert!(called.progress.iter().any(|text| text.contains(&waited)), "{called:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");

    let calling = client.calling("file_read", json!({"path": "a.md"}));
    let asked = approval(&server, "pending").await;
    decide(&server, &asked, json!({"decision": "deny", "note": "it is private"})).await;
    let called = calling.await.unwrap();
    assert_eq!(called.status, ToolStatus::Error);
    assert!(called.text.contains("denied by owner: it is private"), "{called:?}");
    // Both are kept, in one session of the client.
    assert_eq!(sessions(&server).await, ["MCP client livos"]);
    client.servers.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_and_rules_hold_for_clients() {
    let server = TestServer::with(scripted([]), &[EVERYTHING]).await;
    let client = Client::of(&server).await;
    // What only reads leaves no trace; what changes something is kept.
    let listed = client.call("file_list", json!({})).await;
    assert_eq!(listed.status, ToolStatus::Ok, "{listed:?}");
    assert!(sessions(&server).await.is_empty());
    let written = client.call("file_write", a_file()).await;
    assert_eq!(written.status, ToolStatus::Ok, "{written:?}");
    assert_eq!(sessions(&server).await, ["MCP client livos"]);
    let wrong = client.call("file_write", json!({"path": "../a.md", "content": "x"})).await;
    assert_eq!(wrong.status, ToolStatus::Error, "{wrong:?}");

    let rule = json!({"action": "deny", "pattern": {"tool": "file_*"}});
    assert_eq!(server.post("/api/approvals/rules", &rule).await.status, 201);
    for (tool, arguments) in [("file_write", a_file()), ("file_list", json!({}))] {
        let refused = client.call(tool, arguments).await;
        assert_eq!(refused.status, ToolStatus::Error);
        assert!(refused.text.contains("was not allowed"), "{refused:?}");
    }
    client.servers.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_is_withdrawn() {
    let policy = ("LIVOS_APPROVALS_POLICY", "always");
    let server = TestServer::with(scripted([]), &[EVERYTHING, policy]).await;
    let client = Client::of(&server).await;
    let run = client.agent("file_write", a_file()).run("go");
    let control = run.control();
    let running = tokio::spawn(run);
    let asked = approval(&server, "pending").await;
    control.cancel();
    running.await.unwrap();
    let gone = approval(&server, "abandoned").await;
    assert_eq!(gone["id"], asked["id"]);
    let path = format!("/api/approvals/{}", asked["id"].as_str().unwrap());
    assert_eq!(server.post(&path, &json!({"decision": "approve"})).await.status, 409);
    client.servers.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_see_what_waits_and_decide_about_what_is_not_their_own() {
    let script = [Script::tool("1", "file_write", a_file()), Script::text("Written.")];
    let policy = ("LIVOS_APPROVALS_POLICY", "always");
    let server = TestServer::with(scripted(script), &[EVERYTHING, policy]).await;
    // The tools that look and decide are not asked about themselves.
    let client = Client::of(&server).await;
    let session = server.session().await;
    let run = server.say(&session, "Write it.").await;
    let asked = approval(&server, "pending").await;
    let id = asked["id"].as_str().unwrap();
    let listed = client.call("approvals_list", json!({})).await;
    assert!(listed.text.contains(id) && listed.text.contains("file_write"), "{listed:?}");
    let decided =
        client.call("approvals_decide", json!({"approval_id": id, "decision": "approve"})).await;
    assert!(decided.text.contains("is approved"), "{decided:?}");
    server.finished(&session, &run).await;
    assert_eq!(approval(&server, "approved").await["resolution"]["via"], "mcp");
    let late =
        client.call("approvals_decide", json!({"approval_id": id, "decision": "deny"})).await;
    assert!(late.status == ToolStatus::Error && late.text.contains("already"), "{late:?}");

    let _own = client.calling("file_write", a_file());
    let own = approval(&server, "pending").await;
    let arguments = json!({"approval_id": own["id"], "decision": "approve"});
    let refused = client.call("approvals_decide", arguments).await;
    assert!(refused.text.contains("somebody else decides"), "{refused:?}");
    assert_eq!(approval(&server, "pending").await["id"], own["id"]);
    client.servers.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exposed_is_neither_shown_nor_called() {
    let server = TestServer::with(scripted([]), &[]).await;
    let client = Client::of(&server).await;
    let offers = client.offers();
    for tool in ["sessions_send", "sessions_list", "approvals_list", "file_read"] {
        assert!(offers.iter().any(|offer| offer == tool), "no {tool} in {offers:?}");
    }
    for tool in ["approvals_decide", "file_write", "shell"] {
        assert!(offers.iter().all(|offer| offer != tool), "{tool} in {offers:?}");
    }
    let hidden = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "file_write", "arguments": a_file()}});
    let request = server
        .bare(Method::POST, "/mcp")
        .bearer_auth(KEY)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .body(hidden.to_string());
    let answer = server.send(request).await;
    assert!(!answer.text.contains("\"isError\":false"), "{}", answer.text);
    assert!(sessions(&server).await.is_empty());
    client.servers.close().await;
    server.stop().await;
}
