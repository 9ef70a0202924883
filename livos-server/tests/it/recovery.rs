//! What a restart finds.

use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::json;

use crate::gated_provider::GatedProvider;
use crate::test_server::TestServer;
use crate::test_server::models;

const SHORT: [(&str, &str); 2] =
    [("LIVOS_STORE", "sqlite:livos.db"), ("LIVOS_HTTP_SHUTDOWN_TIMEOUT_SECONDS", "1")];

#[tokio::test]
async fn a_restart_keeps_sessions_and_takes_up_unfinished_runs() {
    let home = tempfile::tempdir().unwrap();
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::in_home(home.path(), models(provider), &SHORT).await;
    let session = server.session().await;
    let run = server.say(&session, "first").await;
    let mut call = calls.recv().await.unwrap();
    call.say("half an answ");
    let (queued, _) = server.say_with(&session, &json!({"text": "second", "mode": "queue"})).await;
    server.stop().await;

    let answers = [Script::text("A whole answer."), Script::text("Another.")];
    let provider = ScriptedProvider::new("gated", answers);
    let server = TestServer::in_home(home.path(), models(provider), &SHORT).await;
    assert_eq!(server.finished(&session, &run).await["text"], "A whole answer.");
    assert_eq!(server.finished(&session, &queued).await["text"], "Another.");
    server.stop().await;
}

#[tokio::test]
async fn a_run_may_finish_while_the_server_drains() {
    let home = tempfile::tempdir().unwrap();
    let (provider, mut calls) = GatedProvider::new();
    let patient = [("LIVOS_STORE", "sqlite:livos.db")];
    let server = TestServer::in_home(home.path(), models(provider), &patient).await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    let stopping = tokio::spawn(server.stop());
    call.say("Just in time.");
    call.finish();
    stopping.await.unwrap();

    let server =
        TestServer::in_home(home.path(), models(ScriptedProvider::new("gated", [])), &patient)
            .await;
    let ended = server.get(&format!("/api/runs/{run}")).await.json();
    assert_eq!((&ended["status"], &ended["text"]), (&json!("completed"), &json!("Just in time.")));
    server.stop().await;
}
