//! Store files that are locked, damaged or in use: said where people look, and over when the cause is.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;
use tokio::process::Command;

use crate::caller::Caller;
use crate::cli;
use crate::process;
use crate::process::Process;
use crate::test_server::PATIENCE;

fn server(home: &Path) -> Command {
    let mut command = process::command(home);
    command.env("LIVOS_MODEL", "demo/demo");
    command
}

async fn started(home: &Path) -> (Process, Caller) {
    let server = process::started(server(home)).await;
    let caller = Caller::new(&server, home);
    caller.is_ready().await;
    (server, caller)
}

/// What `livos doctor` says is failing.
async fn doctor(home: &Path) -> String {
    let ended = cli::tried(cli::livos(home, &["doctor", "--json"])).await;
    let checks = ended.json_lines().remove(0);
    let failing: Vec<_> = checks
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "failing")
        .map(|check| check["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ended.code, Some(i32::from(!failing.is_empty())), "{ended:?}");
    failing.join("\n")
}

/// Locks a database as another program does.
fn lock(home: &Path) -> Connection {
    let other = Connection::open(home.join("livos.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

#[tokio::test]
async fn a_database_that_another_program_has_locked_is_named_and_used_again() {
    const LOCKED: &str = "another program has locked the database; close it";
    let home = tempfile::tempdir().unwrap();
    let (server, caller) = started(home.path()).await;
    let session = caller.session().await;
    // Its answer comes while the database is locked.
    let first = caller.say(&session, "12 * 7").await;
    let other = lock(home.path());
    let message = json!({"text": "13 * 7", "idempotency_key": "once"});
    let messages = format!("{session}/messages");
    let (status, problem) = caller.call(Method::POST, &messages, &message).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:livos:problem:unavailable")));
    assert!(problem["detail"].as_str().unwrap().contains(LOCKED), "{problem}");
    let (status, failing) = caller.readiness().await;
    assert_eq!((status, failing.len()), (503, 1), "{failing:?}");
    assert!(failing[0].starts_with(&format!("store: the store is unavailable: {LOCKED}")));
    assert!(doctor(home.path()).await.contains(LOCKED));
    other.execute_batch("ROLLBACK").unwrap();
    caller.is_ready().await;
    let (status, second) = caller.call(Method::POST, &messages, &message).await;
    assert_eq!(status, 202, "{second}");
    caller.run_is(&first, "completed").await;
    assert!(
        caller.run_is(second["run_id"].as_str().unwrap(), "completed").await["text"]
            .as_str()
            .unwrap()
            .contains("91")
    );
    assert_eq!(doctor(home.path()).await, "");
    server.signal(Signal::SIGTERM).await;

    let other = lock(home.path());
    let (code, said) = process::fails(self::server(home.path())).await;
    assert!(code == 1 && said.contains(LOCKED), "{said}");
    drop(other);
    started(home.path()).await.0.signal(Signal::SIGTERM).await;
}

/// Overwrites every page that has these words; gives how many had.
fn flip_pages(file: &Path, words: &str) -> usize {
    const PAGE: usize = 4096;
    // What was written last is still in the log beside it.
    let database = Connection::open(file).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    let mut bytes = std::fs::read(file).unwrap();
    let mut flipped = 0;
    for page in bytes.chunks_mut(PAGE).skip(1) {
        if page.windows(words.len()).any(|window| window == words.as_bytes()) {
            for byte in page {
                *byte ^= 0x5a;
            }
            flipped += 1;
        }
    }
    std::fs::write(file, bytes).unwrap();
    flipped
}

#[tokio::test]
async fn a_database_with_flipped_bytes_is_named_and_a_backup_brings_everything_back() {
    let home = tempfile::tempdir().unwrap();
    let (file, backup) = (home.path().join("livos.db"), home.path().join("backup.db"));
    let (server, caller) = started(home.path()).await;
    let session = caller.session().await;
    let run = caller.say(&session, "needle needle").await;
    caller.run_is(&run, "completed").await;
    let copied = cli::tried(cli::livos(home.path(), &["backup", backup.to_str().unwrap()])).await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    server.signal(Signal::SIGTERM).await;
    assert!(flip_pages(&file, "needle") > 0, "the words are not in the file");

    // Who looks at it before it is used is told where it is broken.
    let found = doctor(home.path()).await;
    assert!(found.contains("the store is damaged") && found.contains("livos restore"), "{found}");
    // The server finds it when it comes there, and does not forget.
    let server = process::started(self::server(home.path())).await;
    let caller = Caller::new(&server, home.path());
    let (status, problem) =
        caller.call(Method::GET, &format!("{session}/messages"), &json!(null)).await;
    assert_eq!((status, &problem["type"]), (507, &json!("urn:livos:problem:storage-failed")));
    let (status, failing) = caller.readiness().await;
    assert_eq!(status, 503, "{failing:?}");
    let damaged = "store: the store is damaged";
    assert!(failing[0].starts_with(damaged) && failing[0].contains("livos restore"), "{failing:?}");
    assert!(doctor(home.path()).await.contains("the store is damaged"));
    server.signal(Signal::SIGTERM).await;

    let arguments = ["restore", backup.to_str().unwrap(), "--replace"];
    let restored = cli::tried(cli::livos(home.path(), &arguments)).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let (server, caller) = started(home.path()).await;
    assert_eq!(caller.get(&format!("/api/runs/{run}")).await["status"], "completed");
    let history = caller.get(&format!("{session}/messages")).await;
    assert!(history.to_string().contains("needle needle"), "{history}");
    assert_eq!(doctor(home.path()).await, "");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn two_servers_cannot_have_one_file() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, caller) = started(home.path()).await;
    let session = caller.session().await;
    let store = format!("sqlite:{}", home.path().join("livos.db").display());
    let mut second = server(other.path());
    second.env("LIVOS_STORE", &store);
    let (code, said) = process::fails(second).await;
    assert!(code == 1 && said.contains("in use by another process"), "{said}");
    let mut examined = cli::livos(other.path(), &["doctor"]);
    let examined = cli::tried({
        examined.env("LIVOS_STORE", &store);
        examined
    });
    let examined = examined.await;
    assert_eq!(examined.code, Some(1), "{examined:?}");
    assert!(examined.out.contains("in use by another process"), "{examined:?}");
    // The first was not disturbed, and what it has goes to the next when it is gone.
    let run = caller.say(&session, "12 * 7").await;
    caller.run_is(&run, "completed").await;
    first.signal(Signal::SIGKILL).await;
    let mut second = server(other.path());
    second.env("LIVOS_STORE", &store);
    let second = tokio::time::timeout(PATIENCE, process::started(second)).await.unwrap();
    let caller = Caller::new(&second, other.path());
    assert_eq!(caller.get(&format!("/api/runs/{run}")).await["status"], "completed");
    second.signal(Signal::SIGTERM).await;
}
