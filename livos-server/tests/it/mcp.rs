//! MCP servers through the API, and LivOS as one.

use std::time::Duration;

use livos_core::testing::Script;
use livos_tools::mcp::ServerState;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::mcp_clients::connected;
use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// A server with one tool, as a program of the shell.
const PROGRAM: &str = r#"while IFS= read -r line; do
    id=$(expr "$line" : '.*"id":\([0-9]*\)')
    case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}' ;;
    *'"tools/list"'*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"tools":[{"name":"greet","description":"Greets.","inputSchema":{"type":"object"}}]}}' ;;
    *'"tools/call"'*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"content":[{"type":"text","text":"good morning"}]}}' ;;
    *'"id":'*) echo '{"jsonrpc":"2.0","id":'"$id"',"error":{"code":-32601,"message":"not here"}}' ;;
    esac
done"#;

const SECRET: &str = "planted-secret-value-0123456789";

fn new_server(name: &str) -> Value {
    json!({"name": name, "command": "sh", "args": ["-c", PROGRAM], "env": {"TOKEN": SECRET}})
}

async fn ready(server: &TestServer, name: &str) -> Value {
    for _ in 0..2_000 {
        let shown = server.get(&format!("/api/mcp/servers/{name}")).await.json();
        assert_ne!(shown["state"], "failed", "{shown}");
        if shown["tools"].as_array().is_some_and(|tools| !tools.is_empty()) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not become ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_added_used_changed_and_removed() {
    let server = TestServer::with(
        scripted([Script::tool("1", "mcp__hello__greet", json!({})), Script::text("done")]),
        &[],
    )
    .await;
    let made = server.post("/api/mcp/servers", &new_server("hello")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let shown = ready(&server, "hello").await;
    assert_eq!(shown["tools"][0]["name"], "mcp__hello__greet");
    assert_eq!(shown["env"]["TOKEN"], json!({"has_value": true}));

    let session = server.session().await;
    let run = server.say(&session, "go").await;
    server.finished(&session, &run).await;
    let events = server.get(&format!("{session}/events?wait=0")).await.text;
    assert!(events.contains("good morning"), "{events}");

    let path = "/api/mcp/servers/hello";
    let off = server.call(Method::PATCH, path, &json!({"enabled": false})).await.json();
    assert_eq!(
        (&off["state"], &off["env"]["TOKEN"]["has_value"]),
        (&json!("disabled"), &json!(true))
    );
    let tools = server.get("/api/tools").await.text;
    assert!(!tools.contains("mcp__hello__greet"));
    server.call(Method::PATCH, path, &json!({"enabled": true, "description": "greets"})).await;
    let again = server.post(&format!("{path}/restart"), &json!({})).await.json();
    assert_eq!((&again["state"], &again["description"]), (&json!("ready"), &json!("greets")));
    let approved = server.post(&format!("{path}/approve"), &json!({})).await.json();
    assert_eq!(approved["warnings"], json!([]));

    // Whatever is asked, what was written is never read.
    for path in ["/api/mcp/servers", path, "/api/tools", "/metrics", "/api/status"] {
        let answer = server.get(path).await.text;
        assert!(!answer.contains(SECRET), "{path}");
    }
    assert_eq!(server.call(Method::DELETE, path, &Value::Null).await.status, 204);
    assert_eq!(server.get(path).await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_its_field_and_changes_nothing() {
    let server = TestServer::start().await;
    let cases = [
        (json!({"name": "a"}), 422, "command"),
        (json!({"command": "x"}), 422, "name"),
        (json!({"name": "A b", "command": "x"}), 422, "name"),
        (json!({"name": "a", "command": "x", "url": "http://b"}), 422, "command"),
        (json!({"name": "a", "url": "ftp://b"}), 422, "url"),
        (json!({"name": "a", "comand": "x"}), 422, "comand"),
        (json!({"name": "a", "command": "x", "env": SECRET}), 422, "env"),
    ];
    for (body, status, expected) in cases {
        let answer = server.post("/api/mcp/servers", &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        assert!(answer.text.contains(expected), "{body}: {}", answer.text);
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    assert_eq!(server.get("/api/mcp/servers").await.json()["items"], json!([]));
    server.post("/api/mcp/servers", &new_server("a")).await;
    assert_eq!(server.post("/api/mcp/servers", &new_server("a")).await.status, 409);
    assert_eq!(server.post("/api/mcp/servers/b/restart", &json!({})).await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_file_are_there_and_are_changed_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let mut entry = new_server("x");
    entry.as_object_mut().unwrap().remove("name");
    let file = json!({"mcpServers": {"filed": entry}}).to_string();
    std::fs::write(home.path().join("mcp.json"), file).unwrap();
    let server = TestServer::in_home(home.path(), scripted([]), &[]).await;
    assert_eq!(ready(&server, "filed").await["source"], "file");
    let refused = server.call(Method::DELETE, "/api/mcp/servers/filed", &Value::Null).await;
    assert!(refused.status == 409 && refused.text.contains("mcp.json"), "{}", refused.text);
    std::fs::write(home.path().join("mcp.json"), r#"{"mcpServers": {}}"#).unwrap();
    let reloaded = server.post("/api/mcp/reload", &json!({})).await.json();
    assert_eq!(reloaded["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_the_key_talks_to_the_agent_over_mcp() {
    let server = TestServer::with(scripted([Script::text("forty-two")]), &[]).await;
    let (refused, _, status) = connected(&server, json!({})).await;
    assert_eq!(status.state, ServerState::Failed, "{status:?}");
    refused.close().await;

    let key = format!("Bearer {KEY}");
    let (servers, tools, status) = connected(&server, json!({"Authorization": key})).await;
    assert_eq!(status.state, ServerState::Ready, "{status:?}");
    // What changes something is not offered unless the owner says so.
    let names: Vec<_> = status.tools.iter().map(|tool| tool.tool.as_str()).collect();
    assert!(names.contains(&"sessions_send") && names.contains(&"file_read"), "{names:?}");
    assert!(!names.contains(&"file_write") && !names.contains(&"tool_search"), "{names:?}");
    let script = [
        Script::tool("1", "mcp__livos__sessions_send", json!({"text": "what is it?"})),
        Script::tool("2", "mcp__livos__sessions_list", json!({})),
        Script::text("done"),
    ];
    let model = livos_core::testing::ScriptedProvider::new("scripted", script);
    let agent = livos_core::AgentLoop::builder(model).tools(tools).build();
    let mut run = agent.run("go");
    let mut said = String::new();
    while let Some(event) = futures::StreamExt::next(&mut run).await {
        if let livos_core::EventKind::ToolFinished { content, .. } = event.kind {
            said.push_str(content[0].as_text().unwrap());
        }
    }
    run.await.into_text().unwrap();
    assert!(said.contains("forty-two") && said.contains("what is it?"), "{said}");
    servers.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_for_mcp_clients_can_be_shut() {
    let server = TestServer::with(scripted([]), &[("LIVOS_MCP_EXPOSE", "off")]).await;
    let answer = server.post("/mcp", &json!({})).await;
    assert!(answer.status == 404 && answer.text.contains("mcp.expose"), "{}", answer.text);
    server.stop().await;
}
