//! `server-everything`, tool by tool, over both transports.

use std::process::Command;

use livos_core::ToolStatus;
use livos_tools::mcp::ServerDefinition;
use serde_json::Value;
use serde_json::json;

use super::Called;
use super::Desk;
use super::npm;
use crate::program::Server;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_standard_input_and_output() {
    let definition = ServerDefinition::stdio(npm("mcp-server-everything"), ["stdio"]).unwrap();
    try_everything(definition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_http() {
    let server = Server::start_anyway(|port| {
        let mut command = Command::new(npm("mcp-server-everything"));
        command.arg("streamableHttp").env("PORT", port.to_string());
        command
    })
    .await;
    try_everything(ServerDefinition::http(server.url("/mcp")).unwrap()).await;
}

async fn try_everything(definition: ServerDefinition) {
    let desk = Desk::new().await;
    let status = desk.add("all", definition).await;
    let call = async |tool: &str, arguments: Value| {
        let called = desk.call(&format!("mcp__all__{tool}"), arguments).await;
        assert_eq!(called.status, ToolStatus::Ok, "{tool}: {called:?}");
        called
    };
    let says = |called: &Called, text: &str| {
        assert!(called.text().contains(text), "no {text:?} in {called:?}");
    };
    says(&call("echo", json!({"message": "hello"})).await, "hello");
    says(&call("get-sum", json!({"a": 2, "b": 3})).await, "5");
    says(&call("get-env", json!({})).await, "PATH");
    assert_eq!(call("get-tiny-image", json!({})).await.pictures(), 1);
    let annotated = json!({"messageType": "success", "includeImage": true});
    assert_eq!(call("get-annotated-message", annotated).await.pictures(), 1);
    says(&call("get-resource-links", json!({"count": 2})).await, "[resource ");
    let reference = json!({"resourceType": "Text", "resourceId": 1});
    says(&call("get-resource-reference", reference).await, "[resource ");
    let structured = call("get-structured-content", json!({"location": "Chicago"})).await;
    says(&structured, "temperature");
    let zipped = json!({"name": "a.gz", "data": "data:text/plain,hello"});
    says(&call("gzip-file-as-resource", zipped).await, "a.gz");
    says(&call("toggle-simulated-logging", json!({})).await, "logging");
    says(&call("toggle-subscriber-updates", json!({})).await, "");
    let long = call("trigger-long-running-operation", json!({"duration": 1, "steps": 4})).await;
    assert!(long.progress.len() >= 3, "{:?}", long.progress);
    // It works only for clients that poll for its end, and says so.
    let research = desk.call("mcp__all__simulate-research-query", json!({"topic": "x"})).await;
    assert_eq!(research.status, ToolStatus::Error, "{research:?}");

    // Here is nobody who could be asked.
    let asks = call("trigger-elicitation-request", json!({})).await;
    says(&asks, "declined to provide");
    let page = call("trigger-url-elicitation", json!({"url": "https://example.org/"})).await;
    says(&page, "declined to open");

    let wrong = desk.call("mcp__all__get-sum", json!({"a": "two"})).await;
    assert_eq!(wrong.status, ToolStatus::Error);
    let resources = desk.call("mcp_resources", json!({"server": "all"})).await;
    assert!(resources.text().contains("demo://"), "{resources:?}");
    let uri = "demo://resource/dynamic/text/1";
    let read = desk.call("mcp_resources", json!({"server": "all", "uri": uri})).await;
    assert_eq!(read.status, ToolStatus::Ok, "{read:?}");
    let prompts = desk.call("mcp_prompts", json!({"server": "all"})).await;
    assert!(prompts.text().contains("simple-prompt"), "{prompts:?}");
    let prompt = json!({"server": "all", "name": "simple-prompt"});
    assert!(desk.call("mcp_prompts", prompt).await.text().contains("[user]"));

    let untried: Vec<_> = status
        .tools
        .iter()
        .filter(|tool| !TRIED.contains(&tool.tool.as_str()))
        .map(|tool| tool.tool.clone())
        .collect();
    assert_eq!(untried, Vec::<String>::new(), "tools that this test does not know");
    desk.servers.close().await;
}

const TRIED: [&str; 15] = [
    "echo",
    "get-annotated-message",
    "get-env",
    "get-resource-links",
    "get-resource-reference",
    "get-structured-content",
    "get-sum",
    "get-tiny-image",
    "gzip-file-as-resource",
    "simulate-research-query",
    "toggle-simulated-logging",
    "toggle-subscriber-updates",
    "trigger-elicitation-request",
    "trigger-long-running-operation",
    "trigger-url-elicitation",
];
