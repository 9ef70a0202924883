//! `livos compact`, `/compact` in `livos chat`, and what `livos doctor` says of the window.

use livos_core::testing::Script;

use super::client_of;
use super::told;
use super::tried;
use crate::compaction::tiny;
use crate::test_server::TestServer;
use crate::test_server::scripted;

fn long(word: &str) -> Script {
    Script::text(&format!("{word} ").repeat(600))
}

#[tokio::test]
async fn a_conversation_is_made_shorter_and_the_savings_are_told() {
    let answers = [long("one"), long("two"), Script::text("They counted."), long("three")];
    let settings = [("LIVOS_COMPACTION_KEEP_MESSAGES", "1")];
    let server = TestServer::with(scripted(answers), &settings).await;
    let session = server.session().await;
    let id = session.strip_prefix("/api/sessions/").unwrap();
    let nothing = tried(client_of(&server, &["compact", id])).await;
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.out.starts_with("there is nothing to sum up yet: "), "{nothing:?}");
    for question in ["a", "b"] {
        let run = server.say(&session, question).await;
        server.finished(&session, &run).await;
    }
    let saved = tried(client_of(&server, &["compact", id, "keep", "the", "numbers"])).await;
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert!(saved.out.starts_with("earlier messages were summarised: "), "{saved:?}");
    assert!(saved.out.ends_with("k tokens\n"), "{saved:?}");
    let again = tried(client_of(&server, &["compact", id, "--json"])).await;
    assert_eq!(again.json_lines()[0]["saved_tokens"], 0, "{again:?}");
}

#[tokio::test]
async fn a_chat_is_made_shorter_between_its_lines() {
    let answers = [long("one"), long("two"), Script::text("They counted."), long("three")];
    let settings = [("LIVOS_COMPACTION_KEEP_MESSAGES", "1")];
    let server = TestServer::with(scripted(answers), &settings).await;
    let input = b"/compact\na\nb\n/compact keep the numbers\nc\n";
    let ended = told(client_of(&server, &["chat"]), input).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in ["Nothing was said yet.", "earlier messages were summarised: "] {
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
    assert!(ended.out.contains("three three"), "{ended:?}");
}

#[tokio::test]
async fn the_doctor_tells_what_the_window_is_filled_with() {
    let server = TestServer::start().await;
    let well = tried(client_of(&server, &["doctor"])).await;
    assert!(well.out.contains("✓ context: instructions ("), "{well:?}");
    let server = TestServer::with(tiny(), &[]).await;
    let ill = tried(client_of(&server, &["doctor"])).await;
    assert_eq!(ill.code, Some(1), "{ill:?}");
    assert!(ill.out.contains("✗ context: the instructions ("), "{ill:?}");
    assert!(ill.out.contains("offer fewer tools"), "{ill:?}");
}
