//! Servers that are written in a file.

use std::path::PathBuf;

use livos_core::ToolRegistry;
use livos_tools::mcp::McpError;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerSource;
use serde_json::json;

use super::Bench;

fn write(bench: &Bench, servers: &serde_json::Value) -> PathBuf {
    let path = bench.directory.path().join("mcp.json");
    std::fs::write(&path, json!({"mcpServers": servers}).to_string()).unwrap();
    path
}

async fn open(bench: &Bench, path: PathBuf) -> McpServers {
    let builder = McpServers::builder(ToolRegistry::new(), bench.store.clone());
    builder.file(path).open().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_read_and_read_again() {
    let bench = Bench::new().await;
    let path = write(&bench, &json!({"a": bench.written("fine")}));
    let servers = open(&bench, path).await;
    assert_eq!(servers.get("a").unwrap().source, ServerSource::File);
    let refused = servers.remove("a").await.unwrap_err();
    assert!(matches!(&refused, McpError::DefinedInFile { .. }), "{refused}");
    write(&bench, &json!({"b": bench.written("fine")}));
    servers.reload().await.unwrap();
    let names: Vec<_> = servers.list().into_iter().map(|it| it.name.to_string()).collect();
    assert_eq!(names, ["b"]);
    servers.close().await;
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_file_is_told_and_stops_nothing() {
    let bench = Bench::new().await;
    let path = write(&bench, &json!({"a": {"args": []}}));
    let servers = open(&bench, path.clone()).await;
    let problem = servers.problem().unwrap();
    assert!(problem.contains("mcp.json") && problem.contains("mcpServers.a.command"), "{problem}");
    write(&bench, &json!({"a": bench.written("fine")}));
    servers.reload().await.unwrap();
    assert_eq!((servers.list().len(), servers.problem()), (1, None));
    std::fs::write(path, "{").unwrap();
    assert!(matches!(servers.reload().await, Err(McpError::File { .. })));
    assert_eq!(servers.list().len(), 1);
    servers.close().await;
    bench.close().await;
}
