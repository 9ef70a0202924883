//! `livos status`, and commands that find the server of their home.

use nix::sys::signal::Signal;
use serde_json::json;

use super::client_of;
use super::livos;
use super::tried;
use crate::gated_provider::GatedProvider;
use crate::process;
use crate::test_server::TestServer;
use crate::test_server::models;

#[tokio::test]
async fn without_a_server_it_says_how_to_start_one() {
    let home = tempfile::tempdir().unwrap();
    let ended = tried(livos(home.path(), &["status"])).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""));
    let home = home.path().display();
    assert!(ended.err.contains(&format!("no server is running in {home}")), "{ended:?}");
    assert!(ended.err.contains("`livos-server`"), "{ended:?}");
}

#[tokio::test]
async fn the_server_of_the_home_is_found_and_used() {
    let home = tempfile::tempdir().unwrap();
    let mut command = process::command(home.path());
    command.env("LIVOS_MODEL", "demo/demo");
    let server = process::started(command).await;
    let run = tried(livos(home.path(), &["run", "12 * 7"])).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let status = tried(livos(home.path(), &["status"])).await;
    assert_eq!(status.code, Some(0), "{status:?}");
    let expected = format!(
        "LivOS at {}\n✓ store\n✓ disk\n✓ providers\n✓ shutdown\nproviders: demo\nruns: 0 running, 0 queued\n",
        server.url()
    );
    assert_eq!(status.out, expected);
    let key = std::fs::read_to_string(home.path().join("api.key")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let runs = client.get(format!("{}/api/runs", server.url())).bearer_auth(key.trim());
    let runs = runs.send().await.unwrap().text().await.unwrap();
    assert!(runs.contains("\"completed\""), "the running server did it: {runs}");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn as_json_it_has_everything() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    let call = calls.recv().await.unwrap();
    let ended = tried(client_of(&server, &["status", "--json"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let status = &ended.json_lines()[0];
    assert_eq!(status["url"], server.url(""));
    assert_eq!(status["ready"]["status"], "ok");
    assert_eq!(status["providers"][0]["id"], "gated");
    assert_eq!(status["running"][0]["id"], run);
    assert_eq!(status["queued"], json!([]));
    call.finish();
    server.finished(&session, &run).await;
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let server = TestServer::start().await;
    let mut command = client_of(&server, &["status"]);
    command.env("LIVOS_API_KEY", "not-the-key-of-it");
    let ended = tried(command).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""));
    assert!(ended.err.contains("the key is not the one of this server"), "{ended:?}");
}
