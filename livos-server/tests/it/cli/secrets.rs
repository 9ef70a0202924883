//! `livos secrets`, with a server and without one.

use std::os::unix::fs::PermissionsExt;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::livos;
use super::told;
use super::tried;
use crate::process;

const VALUE: &[u8] = b"swordfish-0123456789\n";

#[tokio::test]
async fn without_a_server_secrets_are_kept_in_the_home() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let none = tried(livos(home, &["secrets", "list"])).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    let set = told(livos(home, &["secrets", "set", "GITHUB_TOKEN"]), VALUE).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(!set.out.contains("swordfish") && !set.err.contains("swordfish"), "{set:?}");
    let mut listing = livos(home, &["secrets", "list"]);
    listing.env("GITHUB_TOKEN", "of-the-environment");
    let listed = tried(listing).await;
    assert!(listed.out.starts_with("GITHUB_TOKEN  set 2"), "{listed:?}");
    assert!(listed.out.contains("the environment's variable is used instead"), "{listed:?}");
    let json = tried(livos(home, &["secrets", "list", "--json"])).await.json_lines();
    assert_eq!(json[0]["name"], "GITHUB_TOKEN");
    let rotated = tried(livos(home, &["secrets", "rotate"])).await;
    assert!(rotated.out.contains("1 secrets are sealed with the new key"), "{rotated:?}");
    let again = tried(livos(home, &["secrets", "list", "--json"])).await.json_lines();
    assert_ne!(again[0]["key_id"], json[0]["key_id"]);
    let removed = tried(livos(home, &["secrets", "remove", "GITHUB_TOKEN"])).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let gone = tried(livos(home, &["secrets", "remove", "GITHUB_TOKEN"])).await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.err.contains("there is no secret GITHUB_TOKEN"), "{gone:?}");
}

#[tokio::test]
async fn with_a_server_it_carries_them_out() {
    let home = tempfile::tempdir().unwrap();
    let mut command = process::command(home.path());
    command.env("LIVOS_MODEL", "demo/demo");
    let server = process::started(command).await;
    let set = told(livos(home.path(), &["secrets", "set", "GROQ_API_KEY"]), VALUE).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(set.err.contains("at the next start"), "{set:?}");
    let listed = tried(livos(home.path(), &["secrets", "list"])).await;
    assert!(listed.out.starts_with("GROQ_API_KEY  set 2"), "{listed:?}");
    let doctor = tried(livos(home.path(), &["doctor"])).await;
    assert!(doctor.out.contains("secrets: sealed: GROQ_API_KEY"), "{doctor:?}");
    let rotated = tried(livos(home.path(), &["secrets", "rotate"])).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    server.signal(nix::sys::signal::Signal::SIGTERM).await;
    // Its key is found at the next start.
    let server = process::start(home.path()).await;
    let doctor = tried(livos(home.path(), &["doctor"])).await;
    assert!(doctor.out.contains("providers: groq"), "{doctor:?}");
    let removed = tried(livos(home.path(), &["secrets", "remove", "GROQ_API_KEY"])).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    server.signal(nix::sys::signal::Signal::SIGTERM).await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (arguments, input, code, expected) in [
        (["secrets", "set", "A"], "short", 1, "at least 8 bytes"),
        (["secrets", "set", "A"], " \n", 1, "standard input is empty"),
        (["secrets", "set", "no-name"], "long enough", 2, "letters, digits and `_`"),
        (["secrets", "remove", "A"], "", 1, "there is no secret A"),
    ] {
        let ended = told(livos(home, &arguments), input.as_bytes()).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(expected), "{ended:?}");
    }
    let mut memory = livos(home, &["secrets", "list"]);
    memory.env("LIVOS_STORE", "memory:");
    let memory = tried(memory).await;
    assert!(memory.err.contains("in memory"), "{memory:?}");
}

#[tokio::test]
async fn a_server_without_the_key_of_its_secrets_does_not_start() {
    let home = tempfile::tempdir().unwrap();
    let set = told(livos(home.path(), &["secrets", "set", "GITHUB_TOKEN"]), VALUE).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    let key = home.path().join("secrets.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let (code, said) = process::fails(process::command(home.path())).await;
    assert_eq!(code, 1);
    assert!(said.contains("secrets.key is missing; put it back"), "{said}");
    assert!(!key.exists(), "no other key is made");
    std::fs::write(&key, "0".repeat(64)).unwrap();
    let (code, said) = process::fails(process::command(home.path())).await;
    assert_eq!(code, 1);
    assert!(said.contains("secrets.key holds key"), "{said}");
    std::fs::write(&key, right).unwrap();
    let mut command = process::command(home.path());
    command.env("LIVOS_MODEL", "demo/demo");
    process::started(command).await.signal(nix::sys::signal::Signal::SIGTERM).await;
}

/// At a terminal the value is asked for, and what is typed does not show.
#[tokio::test]
async fn a_value_that_is_typed_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let nix::pty::OpenptyResult { master, slave } = nix::pty::openpty(None, None).unwrap();
    let mut command = livos(home.path(), &["secrets", "set", "GITHUB_TOKEN"]);
    let side = |slave: &std::os::fd::OwnedFd| slave.try_clone().unwrap();
    command.stdin(side(&slave)).stdout(side(&slave)).stderr(side(&slave));
    let mut child = command.spawn().unwrap();
    // The child alone holds the terminal now, so that reading it ends with the child.
    drop((command, slave));
    let mut terminal = tokio::fs::File::from_std(std::fs::File::from(master));
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("(not shown): ") {
        let mut piece = [0; 256];
        let read = terminal.read(&mut piece).await.unwrap();
        seen.extend_from_slice(&piece[..read]);
    }
    terminal.write_all(VALUE).await.unwrap();
    terminal.flush().await.unwrap();
    loop {
        let mut piece = [0; 256];
        match terminal.read(&mut piece).await {
            Ok(read) if read > 0 => seen.extend_from_slice(&piece[..read]),
            _ => break,
        }
    }
    assert!(child.wait().await.unwrap().success());
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("GITHUB_TOKEN is sealed"), "{seen}");
    assert!(!seen.contains("swordfish"), "{seen}");
}
