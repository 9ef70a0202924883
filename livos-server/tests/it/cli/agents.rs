//! `livos agents`.

use super::client_of;
use super::tried;
use crate::test_server::TestServer;

#[tokio::test]
async fn agents_are_kept_listed_shown_and_forgotten() {
    let server = TestServer::start().await;
    let none = tried(client_of(&server, &["agents"])).await;
    assert_eq!((none.code, none.err.as_str()), (Some(0), "there are none\n"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "You are a clerk.").unwrap();
    let instructions = file.path().to_str().unwrap();
    let words = ["--description", "Knows the time.", "--instructions", instructions];
    let add = |name: &'static str, tool: &'static str| {
        let command = [&["agents", "add", name, "--tool", tool], words.as_slice()].concat();
        tried(client_of(&server, &command))
    };
    let kept = add("clerk", "time").await;
    assert_eq!((kept.code, kept.out.as_str()), (Some(0), "clerk  Knows the time.\n"), "{kept:?}");
    let twice = add("clerk", "time").await;
    assert_eq!(twice.code, Some(1), "{twice:?}");
    let unknown = add("other", "rocket").await;
    assert!(unknown.err.contains("there is no tool 'rocket'"), "{unknown:?}");
    let listed = tried(client_of(&server, &["agents", "list", "--json"])).await;
    assert_eq!((&listed.json_lines()[0]["id"], listed.json_lines().len()), (&"clerk".into(), 1));
    let shown = tried(client_of(&server, &["agents", "show", "clerk"])).await;
    assert_eq!(shown.out, "clerk  Knows the time.\ntools time\nYou are a clerk.\n");
    let removed = tried(client_of(&server, &["agents", "remove", "clerk"])).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let gone = tried(client_of(&server, &["agents", "show", "clerk"])).await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let missing = ["agents", "add", "x", "--description", "x", "--instructions", "/proc/none"];
    let missing = tried(client_of(&server, &missing)).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("/proc/none"), "{missing:?}");
}
