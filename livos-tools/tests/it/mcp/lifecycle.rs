//! Servers come, change and go while agents work.

use livos_core::ToolStatus;
use livos_tools::mcp::McpError;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;

use super::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_added_called_and_removed() {
    let bench = Bench::new().await;
    let status = bench.add("one", "fine").await;
    assert_eq!(status.protocol.as_deref(), Some("2025-11-25"));
    assert_eq!(status.about.as_deref(), Some("sh 1"));
    let spec = bench.tools.spec("mcp__one__echo").unwrap();
    assert_eq!(spec.input_schema["properties"]["text"]["type"], "string");
    assert!(spec.description.contains("Says what it is told.") && spec.description.contains("one"));
    assert_eq!(bench.call("mcp__one__echo").await.text(), "heard");
    bench.servers.remove("one").await.unwrap();
    assert!(bench.tools.spec("mcp__one__echo").is_none());
    assert!(matches!(bench.servers.remove("one").await, Err(McpError::UnknownServer(_))));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_reaches_observers() {
    let bench = Bench::new().await;
    bench.add("slow", "progress").await;
    assert_eq!(bench.call("mcp__slow__echo").await.progress, ["1 of 2: half"]);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_switched_off_and_on() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    let mut written = bench.written("fine");
    written.disabled = true;
    let off = bench.servers.change("one", written.try_into().unwrap()).await.unwrap();
    assert_eq!(off.state, ServerState::Disabled);
    assert_eq!((bench.processes(), bench.tools.specs().len()), (0, 0));
    assert!(matches!(bench.servers.restart("one").await, Err(McpError::Disabled(_))));
    let on = bench.servers.change("one", bench.definition("fine")).await.unwrap();
    // Its tools are known, so that no program has to run for them to be offered.
    assert_eq!((on.state, bench.processes()), (ServerState::Idle, 0));
    assert_eq!(bench.call("mcp__one__echo").await.text(), "heard");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_tools_are_offered_before_anything_runs() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    bench.servers.close().await;
    let builder = McpServers::builder(bench.tools.clone(), bench.store.clone());
    let again = builder.open().await.unwrap();
    assert!(bench.tools.spec("mcp__one__echo").is_some());
    assert_eq!((again.get("one").unwrap().state, bench.processes()), (ServerState::Idle, 0));
    assert_eq!(bench.call("mcp__one__echo").await.status, ToolStatus::Ok);
    assert_eq!(again.get("one").unwrap().state, ServerState::Ready);
    again.close().await;
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_started_again_by_hand() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    let status = bench.servers.restart("one").await.unwrap();
    assert_eq!((status.state, status.restarts), (ServerState::Ready, 1));
    assert_eq!(bench.processes(), 1);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_also_after_a_removal() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    let name = ServerName::new("one").unwrap();
    let again = bench.servers.add(name.clone(), bench.definition("fine")).await;
    assert!(matches!(again, Err(McpError::DuplicateServer(_))));
    bench.servers.remove("one").await.unwrap();
    bench.servers.add(name, bench.definition("fine")).await.unwrap();
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_named() {
    let bench = Bench::new().await;
    let mut written = bench.written("fine");
    written.command = Some("no-such-program-anywhere".to_owned());
    let error = bench.add_written("none", written).await.error.unwrap();
    assert!(error.contains("there is no program 'no-such-program-anywhere'"), "{error}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_and_nothing_starts() {
    let bench = Bench::new().await;
    let mut written = bench.written("fine");
    written.env.insert("API_KEY".to_owned(), "${secret:github}".into());
    let error = bench.add_written("none", written).await.error.unwrap();
    assert!(error.contains("env.API_KEY") && error.contains("'github'"), "{error}");
    bench.close().await;
}
