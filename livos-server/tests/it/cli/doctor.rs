//! `livos doctor`: each thing that can be broken, broken.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal;

use super::Ended;
use super::client_of;
use super::livos;
use super::tried;
use crate::process;
use crate::test_server::TestServer;

/// What it says about one thing, as `status: message`.
fn check(ended: &Ended, name: &str) -> String {
    let checks = &ended.json_lines()[0];
    let mut found = checks.as_array().unwrap().iter().filter(|check| check["name"] == name);
    let check = found.next().unwrap_or_else(|| panic!("no {name}: {ended:?}"));
    format!("{}: {}", check["status"].as_str().unwrap(), check["message"].as_str().unwrap())
}

async fn examined(home: &Path) -> Ended {
    tried(livos(home, &["doctor", "--json"])).await
}

#[tokio::test]
async fn a_new_installation_is_well() {
    let above = tempfile::tempdir().unwrap();
    let home = above.path().join("new/home");
    let ended = tried(livos(&home, &["doctor"])).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    for part in [
        "✓ configuration: every setting can be used",
        &format!("✓ home: {} will be made at the first start", home.display()),
        "✓ api key: one is made at the first start",
        "✓ port: 127.0.0.1:0 is free",
        "! server: not running",
    ] {
        assert!(ended.out.contains(part), "{part}: {ended:?}");
    }
    assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 0, "it changes nothing");
}

#[tokio::test]
async fn what_the_sandbox_enforces_is_told() {
    let home = tempfile::tempdir().unwrap();
    let ended = examined(home.path()).await;
    assert_eq!(
        check(&ended, "sandbox"),
        "ok: shell commands are confined, enforced by namespaces, Landlock, seccomp"
    );
}

#[tokio::test]
async fn a_running_server_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let mut command = process::command(home.path());
    command.env("LIVOS_MODEL", "demo/demo");
    let server = process::started(command).await;
    // Ready before it is asked: until then it looks for its providers.
    let ready = format!("{}/readyz", server.url());
    while !reqwest::get(&ready).await.unwrap().status().is_success() {
        tokio::task::yield_now().await;
    }
    let ended = examined(home.path()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(check(&ended, "server"), format!("ok: answers at {}", server.url()));
    assert!(check(&ended, "providers").starts_with("warning: only the demo model"), "{ended:?}");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn a_server_elsewhere_is_asked_and_nothing_here_is_looked_at() {
    let server = TestServer::start().await;
    let ended = tried(client_of(&server, &["doctor", "--json"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(check(&ended, "providers"), "ok: scripted");
    server.stop().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let home = tempfile::tempdir().unwrap();
    let ended = tried(livos(home.path(), &["doctor", "--json", "--url", &nobody])).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(check(&ended, "server").starts_with("failing: cannot reach the server"), "{ended:?}");
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("livos.toml"), "[agent]\nmax_turns = \"many\"\n").unwrap();
    let ended = examined(home.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = check(&ended, "configuration");
    assert!(found.starts_with("failing: ") && found.contains("agent.max_turns"), "{found}");
    assert!(found.contains("livos.toml"), "{found}");
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_named() {
    // Not even root can write there.
    for (home, part) in [("/proc", "/proc is not writable"), ("/proc/new", "cannot be made")] {
        let ended = examined(Path::new(home)).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let found = check(&ended, "home");
        assert!(found.starts_with("failing: ") && found.contains(part), "{found}");
        assert!(found.contains("LIVOS_HOME"), "it says what would help: {found}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let found = check(&examined(&file).await, "home");
    assert_eq!(found, format!("failing: {} is no directory", file.display()));
}

#[tokio::test]
async fn rights_of_others_are_told() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("api.key");
    std::fs::write(&key, "0123456789abcdef0123").unwrap();
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(home.path(), 0o755);
    open(&key, 0o644);
    let ended = examined(home.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(check(&ended, "home").starts_with("warning: others may read"), "{ended:?}");
    assert!(check(&ended, "api key").contains("run `chmod 600 "), "{ended:?}");
    open(home.path(), 0o700);
    open(&key, 0o600);
    assert_eq!(examined(home.path()).await.code, Some(0));
}

#[tokio::test]
async fn a_key_file_without_a_key_is_told() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("api.key");
    std::fs::write(&key, "\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ended = examined(home.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(check(&ended, "api key").contains("holds no API key; delete it"), "{ended:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = tempfile::tempdir().unwrap();
    let mut command = livos(home.path(), &["doctor", "--json"]);
    command.env("LIVOS_LISTEN", &address);
    let ended = tried(command).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = check(&ended, "port");
    assert!(found.starts_with(&format!("failing: cannot listen on {address}")), "{found}");
    assert!(found.contains("LIVOS_LISTEN"), "{found}");
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let server = TestServer::start().await;
    let mut command = client_of(&server, &["doctor", "--json"]);
    command.env("LIVOS_API_KEY", "not-the-key-of-it");
    let ended = tried(command).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(check(&ended, "server").contains("the key is not the one"), "{ended:?}");
}
