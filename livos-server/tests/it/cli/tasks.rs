//! `livos tasks`.

use super::client_of;
use super::tried;
use crate::gated_provider::GatedProvider;
use crate::test_server::TestServer;
use crate::test_server::models;

#[tokio::test]
async fn tasks_are_started_shown_stopped_and_listed() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let none = tried(client_of(&server, &["tasks"])).await;
    assert_eq!((none.code, none.err.as_str()), (Some(0), "there are none\n"));
    let start = ["tasks", "start", "Sort the inbox.", "--priority", "high", "--key", "monday"];
    let started = tried(client_of(&server, &start)).await;
    assert_eq!(started.code, Some(0), "{started:?}");
    let id = started.out.trim();
    let again = tried(client_of(&server, &start)).await;
    assert_eq!(again.out, started.out, "the same key is the same task");

    let call = calls.recv().await.unwrap();
    assert_eq!(call.request.conversation.last().unwrap().text(), "Sort the inbox.");
    let shown = tried(client_of(&server, &["tasks", "show", id])).await;
    assert!(shown.out.starts_with(id) && shown.out.contains("  running"), "{shown:?}");
    assert!(shown.out.contains("1 turns, 0 tool calls"), "{shown:?}");
    let stopped = tried(client_of(&server, &["tasks", "cancel", id, "--json"])).await;
    assert_eq!(stopped.json_lines()[0]["id"], id);
    call.hung_up().await;
    let session =
        format!("/api/sessions/{}", stopped.json_lines()[0]["session_id"].as_str().unwrap());
    server.finished(&session, id).await;

    let listed = tried(client_of(&server, &["tasks", "list", "--status", "cancelled"])).await;
    assert!(listed.out.starts_with(id) && listed.out.lines().count() == 1, "{listed:?}");
    let others = tried(client_of(&server, &["tasks", "list", "--user", "somebody"])).await;
    assert_eq!((others.out.as_str(), others.err.as_str()), ("", "there are none\n"));
    let poor = ["tasks", "start", "one", "two", "--max-tokens", "1"];
    let poor = tried(client_of(&server, &poor)).await;
    assert_eq!(poor.code, Some(1));
    assert!(poor.err.contains("max_tokens"), "{poor:?}");
    assert_eq!(tried(client_of(&server, &["tasks", "start"])).await.code, Some(2));
}
