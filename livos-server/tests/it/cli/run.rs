//! `livos run`.

use std::path::Path;
use std::process::Stdio;

use livos_core::testing::Script;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::client_of;
use super::ended;
use super::interrupt;
use super::livos;
use super::told;
use super::tried;
use crate::gated_provider::GatedProvider;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

#[tokio::test]
async fn the_answer_and_nothing_else_is_on_standard_output() {
    let home = tempfile::tempdir().unwrap();
    let plain = tried(livos(home.path(), &["run", "What is 12 * 7?"])).await;
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.out.starts_with("12 * 7 = 84\n") && plain.out.ends_with(")\n"), "{plain:?}");
    assert_eq!(plain.err, "");
    let tool = tried(livos(home.path(), &["run", "what time is it?"])).await;
    assert_eq!(tool.code, Some(0), "{tool:?}");
    assert!(tool.err.contains("→ time ") && tool.err.contains("✓ time ("), "{tool:?}");
    assert!(!tool.out.contains('→') && !tool.out.contains('\x1b'), "{tool:?}");
}

#[tokio::test]
async fn with_json_each_line_is_an_event() {
    let home = tempfile::tempdir().unwrap();
    let ended = tried(livos(home.path(), &["run", "--json", "12 * 7"])).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let events = ended.json_lines();
    let last = events.last().unwrap();
    assert_eq!(events[0]["type"], "run_admitted");
    assert_eq!((&last["type"], &last["status"]), (&json!("run_finished"), &json!("completed")));
    let numbers: Vec<_> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn the_task_may_come_on_standard_input() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["run"][..], &["run", "-"]] {
        let ended = told(livos(home.path(), arguments), b"\n6 * 7\n").await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.starts_with("6 * 7 = 42"), "{ended:?}");
    }
}

#[tokio::test]
async fn without_a_task_nothing_is_started() {
    let home = tempfile::tempdir().unwrap();
    let none = told(livos(home.path(), &["run"]), b" \n").await;
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("there is no task"), "{none:?}");
    let picture = told(livos(home.path(), &["run", "-"]), b"\xff\xd8\xff").await;
    assert_eq!(picture.code, Some(1), "{picture:?}");
    assert!(picture.err.contains("standard input"), "{picture:?}");
    let long = told(livos(home.path(), &["run", "-"]), &vec![b'a'; 1024 * 1024 + 1]).await;
    assert_eq!(long.code, Some(1), "{:?}", long.err);
    assert!(long.err.contains("at most 1048576 bytes"), "{}", long.err);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "no server was started");
}

#[tokio::test]
async fn what_is_mistyped_is_told_with_its_usage() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["runn", "x"][..], "unrecognized subcommand 'runn'"),
        (&["run", "x", "--jsn"], "unexpected argument '--jsn'"),
        (&["run", "x", "y"], "unexpected argument 'y'"),
        (&["status", "--model", "m"], "unexpected argument '--model'"),
        (&[], "Usage: livos"),
    ] {
        let ended = tried(livos(home.path(), arguments)).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.err.contains(part), "{ended:?}");
    }
}

#[tokio::test]
async fn a_model_that_is_not_there_fails_the_run() {
    let home = tempfile::tempdir().unwrap();
    let ended = tried(livos(home.path(), &["run", "hi", "--model", "nope/x"])).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("unknown model 'nope/x'"), "{ended:?}");
    assert!(ended.err.contains("the providers are: demo"), "{ended:?}");
}

#[tokio::test]
async fn what_the_server_refuses_is_told() {
    let home = tempfile::tempdir().unwrap();
    let session = tried(livos(home.path(), &["run", "hi", "--session", "nope"])).await;
    assert_eq!(session.code, Some(1), "{session:?}");
    assert!(session.err.contains("there is no session 'nope' (HTTP 404)"), "{session:?}");
    let empty = tried(livos(home.path(), &["run", ""])).await;
    assert_eq!(empty.code, Some(1), "{empty:?}");
    assert!(empty.err.contains("text: must not be empty"), "{empty:?}");
}

#[tokio::test]
async fn a_budget_that_is_used_up_has_a_code_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let mut command = livos(home.path(), &["run", "what time is it?"]);
    command.env("LIVOS_AGENT_MAX_TURNS", "1");
    let ended = tried(command).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.err.contains("turns: the budget of turns is used up"), "{ended:?}");
}

#[tokio::test]
async fn a_session_goes_on() {
    let server =
        TestServer::with(scripted([Script::text("One."), Script::text("Two.")]), &[]).await;
    let session = server.session().await;
    let id = session.rsplit('/').next().unwrap();
    for answer in ["One.\n", "Two.\n"] {
        let ended = tried(client_of(&server, &["run", "hi", "--session", id])).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), answer), "{ended:?}");
    }
    let said = server.get(&format!("{session}/messages")).await.json();
    assert_eq!(said["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_key_that_is_wrong_or_missing_opens_nothing() {
    let server = TestServer::start().await;
    for (key, part) in [("not-the-key-of-it", "the key is not the one"), ("", "send the key")] {
        let mut command = client_of(&server, &["run", "hi"]);
        command.env("LIVOS_API_KEY", key);
        let ended = tried(command).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""), "{ended:?}");
        assert!(ended.err.contains(part) && ended.err.contains("HTTP 401"), "{ended:?}");
        assert!(key.is_empty() || !ended.err.contains(key), "{ended:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let home = tempfile::tempdir().unwrap();
    for (url, part) in [(nobody.as_str(), "Connection refused"), ("nonsense", "without a base")] {
        let ended = tried(livos(home.path(), &["run", "hi", "--url", url])).await;
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.err.contains(&format!("cannot reach the server at {url}")), "{ended:?}");
        assert!(ended.err.contains(part), "{ended:?}");
    }
}

#[tokio::test]
async fn a_web_page_is_no_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4_096]).await;
        let page = "<!doctype html><title>A router</title>";
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        stream.write_all(head.as_bytes()).await.unwrap();
    });
    let home = tempfile::tempdir().unwrap();
    let ended = tried(livos(home.path(), &["run", "hi", "--url", &url])).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("cannot be understood"), "{ended:?}");
}

#[tokio::test]
async fn a_home_that_cannot_be_used_is_named_with_its_cause() {
    let unusable = tried(livos(Path::new("/proc/livos-home"), &["run", "hi"])).await;
    assert_eq!(unusable.code, Some(3), "{unusable:?}");
    assert!(unusable.err.contains("cannot use /proc/livos-home: "), "{unusable:?}");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("livos.db"), "no database at all ".repeat(300)).unwrap();
    let damaged = tried(livos(home.path(), &["run", "hi"])).await;
    assert_eq!(damaged.code, Some(3), "{damaged:?}");
    assert!(damaged.err.contains("cannot open the store"), "{damaged:?}");
    assert!(damaged.err.contains("not a database"), "the cause is told: {damaged:?}");
}

#[tokio::test]
async fn ctrl_c_stops_the_run_in_the_server_too() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let mut child = client_of(&server, &["run", "tell me a story"]).spawn().unwrap();
    let mut call = calls.recv().await.unwrap();
    call.say("Once upon a time");
    let mut said = [0; 16];
    let read = child.stdout.as_mut().unwrap().read_exact(&mut said);
    tokio::time::timeout(PATIENCE, read).await.expect("the text comes as it is said").unwrap();
    assert_eq!(&said, b"Once upon a time");
    interrupt(&child);
    tokio::time::timeout(PATIENCE, call.hung_up()).await.expect("the model is not asked on");
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.err.contains("stopped"), "{ended:?}");
    let runs = server.get("/api/runs?status=cancelled").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1, "{runs}");
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let mut command = livos(home.path(), &["run", "hello"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = ended(child).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn what_is_said_during_a_run_joins_it_or_goes_in_its_place() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    let id = session.strip_prefix("/api/sessions/").unwrap();
    let first = server.say(&session, "one").await;
    let mut call = calls.recv().await.unwrap();
    let arguments = ["run", "--session", id, "--mode", "steer", "and this"];
    let mut steering = client_of(&server, &arguments).spawn().unwrap();
    // It shows the run that it joined, from where that is.
    let mut shown = [0; 4];
    call.say("Half");
    let read = steering.stdout.as_mut().unwrap().read_exact(&mut shown);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(&shown, b"Half");
    call.finish();
    let mut call = calls.recv().await.unwrap();
    call.say("Whole.");
    call.finish();
    let steered = ended(steering).await;
    assert_eq!(steered.code, Some(0), "{steered:?}");
    assert!(steered.out.ends_with("Whole.\n"), "{steered:?}");
    let end = server.finished(&session, &first).await;
    assert_eq!((&end["status"], &end["text"]), (&json!("completed"), &json!("Whole.")));

    let stopped = server.say(&session, "two").await;
    let _call = calls.recv().await.unwrap();
    let arguments = ["run", "--session", id, "--mode", "interrupt", "instead"];
    let instead = client_of(&server, &arguments).spawn().unwrap();
    assert_eq!(server.finished(&session, &stopped).await["status"], "cancelled");
    let mut call = calls.recv().await.unwrap();
    call.say("Instead.");
    call.finish();
    let instead = ended(instead).await;
    assert_eq!((instead.code, instead.out.as_str()), (Some(0), "Instead.\n"), "{instead:?}");
    let alone = tried(client_of(&server, &["run", "--mode", "queue", "x"])).await;
    assert!(alone.code == Some(2) && alone.err.contains("--session"), "{alone:?}");
}
