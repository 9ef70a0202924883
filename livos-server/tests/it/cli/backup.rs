//! `livos backup` and `livos restore`.

use std::path::Path;

use nix::sys::signal::Signal;

use super::Ended;
use super::client_of;
use super::livos;
use super::tried;
use crate::process;
use crate::test_server::TestServer;

async fn in_home(home: &Path, arguments: &[&str]) -> Ended {
    tried(livos(home, arguments)).await
}

async fn server_in(home: &Path) -> process::Process {
    let mut command = process::command(home);
    command.env("LIVOS_MODEL", "demo/demo");
    process::started(command).await
}

/// The ids of the sessions in the home's store, by way of a server.
async fn sessions(home: &Path) -> String {
    let server = server_in(home).await;
    let key = std::fs::read_to_string(home.join("api.key")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}/api/sessions", server.url())).bearer_auth(key.trim());
    let text = request.send().await.unwrap().text().await.unwrap();
    server.signal(Signal::SIGTERM).await;
    text
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_backed_up_while_running_is_restored() {
    let home = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("livos.backup");
    let path = file.to_str().unwrap();
    let server = server_in(home.path()).await;
    let run = in_home(home.path(), &["run", "12 * 7"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let backup = in_home(home.path(), &["backup", path]).await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    assert!(backup.out.contains("has 1 sessions with "), "{backup:?}");
    assert_eq!(names(outside.path()), ["livos.backup"], "nothing is left over");
    assert!(!names(home.path()).iter().any(|name| name.contains("backup")));
    let again = in_home(home.path(), &["backup", path]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("exists already"), "{again:?}");
    let in_use = in_home(home.path(), &["restore", path, "--replace"]).await;
    assert_ne!(in_use.code, Some(0), "{in_use:?}");
    assert!(in_use.err.contains("is in use by another livos-server"), "{in_use:?}");
    server.signal(Signal::SIGTERM).await;

    let later = in_home(home.path(), &["run", "1 + 1"]).await;
    assert_eq!(later.code, Some(0), "{later:?}");
    let there = in_home(home.path(), &["restore", path]).await;
    assert_eq!(there.code, Some(1), "{there:?}");
    assert!(there.err.contains("`--replace`"), "{there:?}");
    let restored = in_home(home.path(), &["restore", path, "--replace"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.err.contains("livos.db.before-restore-"), "{restored:?}");
    assert_eq!(sessions(home.path()).await.matches("\"id\"").count(), 1);

    let elsewhere = tempfile::tempdir().unwrap();
    let restored = in_home(elsewhere.path(), &["restore", path]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(sessions(elsewhere.path()).await.matches("\"id\"").count(), 1);
    let copied = outside.path().join("second");
    let stopped = in_home(elsewhere.path(), &["backup", copied.to_str().unwrap()]).await;
    assert_eq!(stopped.code, Some(0), "without a server: {stopped:?}");
    assert!(stopped.out.contains("has 1 sessions with "), "{stopped:?}");
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let home = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("livos.backup");
    let path = file.to_str().unwrap();
    let run = in_home(home.path(), &["run", "12 * 7"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(in_home(home.path(), &["backup", path]).await.code, Some(0));
    let whole = std::fs::read(&file).unwrap();
    let before = names(home.path());

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 4096].fill(0xA5);
    for damaged in [&flipped[..], &whole[..whole.len() / 2], b"no database at all"] {
        std::fs::write(&file, damaged).unwrap();
        let ended = in_home(home.path(), &["restore", path, "--replace"]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("livos.backup"), "the file is named: {ended:?}");
        assert_eq!(names(home.path()), before, "nothing was changed");
    }
    let missing = in_home(home.path(), &["restore", "/nowhere/livos.backup", "--replace"]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert_eq!(names(home.path()), before, "nothing is left over");
}

#[tokio::test]
async fn a_store_in_memory_cannot_be_copied() {
    let server = TestServer::start().await;
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("livos.backup");
    let ended = tried(client_of(&server, &["backup", file.to_str().unwrap()])).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("keeps its store in no file"), "{ended:?}");
    assert!(names(outside.path()).is_empty());
}
