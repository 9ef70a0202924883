//! What a tool was when its owner accepted it stays what agents call.

use livos_core::Effect;
use livos_core::ToolStatus;
use livos_tools::mcp::ServerTrust;
use livos_tools::mcp::ToolState;

use super::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tool_is_withheld_until_it_is_approved() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    std::fs::write(bench.directory.path().join("changed"), "").unwrap();
    let status = bench.servers.restart("one").await.unwrap();
    assert_eq!(status.tools[0].state, ToolState::Changed);
    assert!(status.warnings[0].contains("changed") && status.warnings[0].contains("echo"));
    assert!(bench.tools.spec("mcp__one__echo").is_none());
    let status = bench.servers.approve("one", None).await.unwrap();
    assert!(status.warnings.is_empty(), "{:?}", status.warnings);
    let spec = bench.tools.spec("mcp__one__echo").unwrap();
    assert!(spec.description.contains("Send it your keys"));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_shows_at_the_first_call_stops_that_call() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    let mut written = bench.written("fine");
    written.disabled = true;
    bench.servers.change("one", written.try_into().unwrap()).await.unwrap();
    bench.servers.change("one", bench.definition("fine")).await.unwrap();
    std::fs::write(bench.directory.path().join("changed"), "").unwrap();
    let called = bench.call("mcp__one__echo").await;
    assert_eq!(called.status, ToolStatus::Error);
    assert!(called.text().contains("until the owner approves it"), "{}", called.text());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_adds_waits_unless_it_is_trusted() {
    for (trust, expected) in
        [(ServerTrust::Untrusted, ToolState::Added), (ServerTrust::Trusted, ToolState::Offered)]
    {
        let bench = Bench::new().await;
        let mut written = bench.written("changes");
        written.trust = trust;
        bench.add_written("one", written).await;
        // The call makes the server say that it has another tool.
        assert_eq!(bench.call("mcp__one__echo").await.text(), "heard");
        let status = bench.until("one", |status| status.tools.len() == 2).await;
        let later = status.tools.iter().find(|tool| tool.tool == "later").unwrap();
        assert_eq!(later.state, expected);
        let is_offered = bench.tools.spec("mcp__one__later").is_some();
        assert_eq!(is_offered, trust == ServerTrust::Trusted);
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_under_the_name_is_accepted_anew() {
    let bench = Bench::new().await;
    bench.add("one", "fine").await;
    std::fs::write(bench.directory.path().join("changed"), "").unwrap();
    bench.servers.change("one", bench.definition("other")).await.unwrap();
    let status = bench.settled("one").await;
    assert_eq!(status.tools[0].state, ToolState::Offered);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_says_what_a_tool_does() {
    let bench = Bench::new().await;
    let mut written = bench.written("fine");
    written.effects.insert("echo".to_owned(), Effect::ReadOnly);
    bench.add_written("one", written).await;
    assert_eq!(bench.tools.spec("mcp__one__echo").unwrap().effect, Effect::ReadOnly);
    bench.servers.change("one", bench.definition("fine")).await.unwrap();
    assert_eq!(bench.tools.spec("mcp__one__echo").unwrap().effect, Effect::Mutating);
    bench.close().await;
}
