//! `livos sessions`, `livos runs` and `livos usage`.

use livos_core::testing::Script;

use super::client_of;
use super::told;
use super::tried;
use crate::gated_provider::GatedProvider;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

#[tokio::test]
async fn sessions_go_out_as_a_file_and_come_back() {
    let server = TestServer::with(scripted([Script::text("Fine apples.")]), &[]).await;
    let session = server.session().await;
    let run = server.say(&session, "fruit?").await;
    server.finished(&session, &run).await;
    let id = session.strip_prefix("/api/sessions/").unwrap();

    let listed = tried(client_of(&server, &["sessions"])).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.out.starts_with(id) && listed.out.ends_with("  fruit?\n"), "{listed:?}");
    let found = tried(client_of(&server, &["sessions", "search", "app", "--json"])).await;
    assert_eq!(found.json_lines()[0]["id"], id);
    let none = tried(client_of(&server, &["sessions", "search", "plums"])).await;
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "there are none\n"));
    let shown = tried(client_of(&server, &["sessions", "show", id])).await;
    assert!(shown.out.ends_with("you: fruit?\nagent: Fine apples.\n"), "{shown:?}");

    let renamed = tried(client_of(&server, &["sessions", "rename", id, "Fruit"])).await;
    assert!(renamed.out.starts_with(id) && renamed.out.ends_with("  Fruit\n"), "{renamed:?}");
    let forked = tried(client_of(&server, &["sessions", "fork", id])).await;
    assert_eq!((forked.code, forked.out.trim().len()), (Some(0), id.len()), "{forked:?}");
    let exported = tried(client_of(&server, &["sessions", "export", id])).await;
    let deleted = tried(client_of(&server, &["sessions", "delete", id])).await;
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let gone = tried(client_of(&server, &["sessions", "show", id])).await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let import = client_of(&server, &["sessions", "import", "-"]);
    let imported = told(import, exported.out.as_bytes()).await;
    assert_eq!((imported.code, imported.out.trim()), (Some(0), id), "{imported:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    tried(client_of(&server, &["sessions", "export", id, "--output", path])).await;
    assert_eq!(std::fs::read_to_string(path).unwrap(), exported.out);
    let copied = tried(client_of(&server, &["sessions", "import", path, "--copy"])).await;
    assert_ne!(copied.out.trim(), id);
}

#[tokio::test]
async fn runs_are_listed_shown_and_stopped() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    let _call = calls.recv().await.unwrap();
    let running = tried(client_of(&server, &["runs", "list", "--status", "running"])).await;
    assert!(running.out.starts_with(&run) && running.out.contains("running"), "{running:?}");
    let stopped = tried(client_of(&server, &["runs", "cancel", &run])).await;
    assert!(stopped.out.contains("cancelled"), "{stopped:?}");
    let shown = tried(client_of(&server, &["runs", "show", &run, "--json"])).await;
    assert_eq!(shown.json_lines()[0]["status"], "cancelled");
    let wrong = tried(client_of(&server, &["runs", "list", "--status", "asleep"])).await;
    assert_eq!(wrong.code, Some(1));
}

#[tokio::test]
async fn usage_tells_what_was_spent() {
    let server = TestServer::start().await;
    let nothing = tried(client_of(&server, &["usage"])).await;
    assert_eq!((nothing.code, nothing.err.as_str()), (Some(0), "no model was asked\n"));
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    server.finished(&session, &run).await;
    let spent = tried(client_of(&server, &["usage", "--by", "provider"])).await;
    assert_eq!(spent.out, "scripted  1 calls  0 in  0 out  $0.0000\n");
    let json = tried(client_of(&server, &["usage", "--json"])).await;
    assert_eq!(json.json_lines()[0]["answered"], 1);
}
