//! Approvals over HTTP, from the command line, and across the death of the server.

use std::path::Path;
use std::process::Stdio;

use livos_core::testing::Script;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::process::Command;

use crate::process;
use crate::process::Process;
use crate::test_server::KEY;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

const ASKS_ALWAYS: [(&str, &str); 1] = [("LIVOS_APPROVALS_POLICY", "always")];

fn writes_a_file() -> [Script; 2] {
    let input = json!({ "path": "a.md", "content": "hello" });
    [Script::tool("c1", "file_write", input), Script::text("Done.")]
}

/// The next request that waits.
async fn waiting(server: &TestServer) -> Value {
    let looking = async {
        loop {
            let list = server.get("/api/approvals?status=pending").await.json();
            if let Some(approval) = list["items"].get(0) {
                return approval.clone();
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it asks in time")
}

fn path(approval: &Value) -> String {
    format!("/api/approvals/{}", approval["id"].as_str().unwrap())
}

#[tokio::test]
async fn of_two_answers_one_wins_and_the_other_gets_a_409() {
    let server = TestServer::with(scripted(writes_a_file()), &ASKS_ALWAYS).await;
    let session = server.session().await;
    let run = server.say(&session, "Write it.").await;
    let approval = waiting(&server).await;
    assert_eq!(
        (&approval["tool"], &approval["effect"]),
        (&json!("file_write"), &json!("idempotent"))
    );
    assert_eq!(approval["input"], json!({ "path": "a.md", "content": "hello" }));
    assert_eq!(server.get(&format!("/api/runs/{run}")).await.json()["status"], "waiting");
    let waits = server.get("/api/runs?status=waiting").await.json();
    assert_eq!(waits["items"][0]["id"], run.as_str());
    let (yes, no) =
        (json!({ "decision": "approve" }), json!({ "decision": "deny", "via": "test" }));
    let place = path(&approval);
    let (first, second) = tokio::join!(server.post(&place, &yes), server.post(&place, &no));
    let (won, lost) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((won.status, lost.status), (200, 409), "{} {}", won.text, lost.text);
    assert_eq!(lost.problem(), "conflict");
    assert!(lost.json()["detail"].as_str().unwrap().contains("already, by owner"), "{}", lost.text);
    server.finished(&session, &run).await;
    let late = server.post(&place, &yes).await;
    assert_eq!(late.status, 409, "{}", late.text);
    let audit = server.get("/api/approvals/audit").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(
        (&audit["items"][0]["by"], &audit["items"][0]["from"]),
        (&json!("owner"), &json!("127.0.0.1"))
    );
    server.stop().await;
}

#[tokio::test]
async fn observers_see_that_a_run_waits_and_what_was_decided() {
    let server = TestServer::with(scripted(writes_a_file()), &ASKS_ALWAYS).await;
    let session = server.session().await;
    let mut events = server.events(&session, "").await;
    server.say(&session, "Write it.").await;
    events.until("5:approval_requested").await;
    let approval = waiting(&server).await;
    let answer =
        json!({ "decision": "approve", "scope": "always", "pattern": { "tool": "file_*" } });
    let decided = server.post(&path(&approval), &answer).await;
    assert_eq!(decided.status, 200, "{}", decided.text);
    assert_eq!(decided.json()["status"], "approved");
    let seen = events.until("8:tool_finished").await;
    assert_eq!(seen, ["6:approval_resolved", "7:tool_started", "8:tool_finished"]);
    let rules = server.get("/api/approvals/rules").await.json();
    assert_eq!(rules["items"][0]["description"], "file_* with any arguments", "{rules}");
    let id = rules["items"][0]["id"].as_str().unwrap();
    let removed =
        server.call(Method::DELETE, &format!("/api/approvals/rules/{id}"), &json!({})).await;
    assert_eq!(removed.status, 204);
    let again =
        server.call(Method::DELETE, &format!("/api/approvals/rules/{id}"), &json!({})).await;
    assert_eq!(again.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn bad_answers_change_nothing_and_say_what_is_wrong() {
    let server = TestServer::with(scripted(writes_a_file()), &ASKS_ALWAYS).await;
    let session = server.session().await;
    let run = server.say(&session, "Write it.").await;
    let approval = waiting(&server).await;
    let place = path(&approval);
    for (body, field) in [
        (json!({ "decision": "approve", "answer": "x" }), "answer"),
        (json!({ "decision": "approve", "pattern": { "tool": "x" } }), "pattern"),
        (
            json!({ "decision": "approve", "scope": "run", "pattern": { "tool": "" } }),
            "pattern.tool",
        ),
        (
            json!({ "decision": "approve", "scope": "run", "pattern": { "tool": "x", "arguments": { "a": "\\" } } }),
            "pattern.arguments.a",
        ),
        (json!({ "decision": "approve", "via": "Not A Word" }), "via"),
        (json!({ "decision": "perhaps" }), "decision"),
        (json!({}), ""),
    ] {
        let answer = server.post(&place, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-input"), "{body}");
        assert!(answer.text.contains(field), "{body}: {}", answer.text);
    }
    let unknown = "/api/approvals/0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10";
    let yes = json!({ "decision": "approve" });
    for unknown in [unknown, "/api/approvals/nonsense"] {
        assert_eq!(server.post(unknown, &yes).await.status, 404);
    }
    assert_eq!(server.get("/api/approvals?status=maybe").await.status, 422);
    assert_eq!(waiting(&server).await["id"], approval["id"], "it still waits");
    server.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    server.finished(&session, &run).await;
    let late = server.post(&place, &yes).await;
    assert_eq!(late.status, 409, "{}", late.text);
    assert!(late.text.contains("its run has ended"), "{}", late.text);
    server.stop().await;
}

#[tokio::test]
async fn a_question_is_answered_over_http() {
    let ask = json!({ "question": "Which?", "choices": ["red", "blue"] });
    let script = [Script::tool("c1", "ask_user", ask), Script::text("Thanks.")];
    // Asking needs no approval, whatever the policy.
    let server = TestServer::with(scripted(script), &ASKS_ALWAYS).await;
    let session = server.session().await;
    let run = server.say(&session, "Go.").await;
    let asked = waiting(&server).await;
    assert_eq!(asked["question"], json!({ "text": "Which?", "choices": ["red", "blue"] }));
    let wrong = server.post(&path(&asked), &json!({ "decision": "approve", "answer": "x" })).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("red, blue"), "{}", wrong.text);
    let answer = json!({ "decision": "approve", "answer": "blue" });
    assert_eq!(server.post(&path(&asked), &answer).await.status, 200);
    server.finished(&session, &run).await;
    let messages = server.get(&format!("{session}/events?wait=0")).await.text;
    assert!(messages.contains("The user answered: blue"), "{messages}");
    server.stop().await;
}

/// A server whose demo model runs shell commands, which are asked about.
async fn start(home: &Path) -> Process {
    let mut command = process::command(home);
    command.env("LIVOS_MODEL", "demo/demo").env("LIVOS_AGENT_SHELL", "on");
    process::started(command).await
}

/// What `livos` prints, and its exit code.
async fn livos(home: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livos"));
    command.args(arguments);
    process::prepare(&mut command, home);
    command.env("LIVOS_MODEL", "demo/demo").env("LIVOS_AGENT_SHELL", "on").stdin(Stdio::null());
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_killed_servers_request_is_approved_from_the_command_line_and_the_call_runs_once() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let url = server.url().to_owned();
    let key = std::fs::read_to_string(home.path().join("api.key")).unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let post = async |path: &str, body: Value| {
        let request = client.post(format!("{url}{path}")).bearer_auth(key.trim());
        let request = request.header("content-type", "application/json").body(body.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let session = post("/api/sessions", json!({})).await["id"].as_str().unwrap().to_owned();
    let said = json!({ "text": "run echo called >> calls.txt" });
    post(&format!("/api/sessions/{session}/messages"), said).await;
    let asked = async {
        loop {
            let (_, listed, _) = livos(home.path(), &["approvals", "--json"]).await;
            if let Some(line) = listed.lines().next() {
                return serde_json::from_str::<Value>(line).unwrap();
            }
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await.expect("it asks");
    assert_eq!((&asked["tool"], &asked["status"]), (&json!("shell"), &json!("pending")));
    let (id, run) = (asked["id"].as_str().unwrap(), asked["run_id"].as_str().unwrap());
    server.signal(Signal::SIGKILL).await;
    let calls = home.path().join("workspace/calls.txt");
    assert!(!calls.exists(), "nothing ran before it was approved");

    let server = start(home.path()).await;
    let (code, approved, said) = livos(home.path(), &["approvals", "approve", id]).await;
    assert_eq!(code, 0, "{said}");
    assert!(approved.contains("approved") && approved.contains("by owner via cli"), "{approved}");
    let ended = async {
        loop {
            let (_, shown, _) = livos(home.path(), &["runs", "show", run, "--json"]).await;
            if shown.contains("\"completed\"") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the run ends");
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "called\n", "the very call ran, once");
    let (code, _, said) = livos(home.path(), &["approvals", "deny", id]).await;
    assert_eq!(code, 1);
    assert!(said.contains("approved already, by owner via cli"), "{said}");
    let (_, audit, _) = livos(home.path(), &["approvals", "audit"]).await;
    assert!(audit.contains("owner via cli from 127.0.0.1  approved (once) shell"), "{audit}");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn a_task_that_nobody_can_approve_fails_at_once_and_says_how() {
    let home = tempfile::tempdir().unwrap();
    let task = "run touch made.txt";
    let (code, _, said) = livos(home.path(), &["run", task]).await;
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("`shell`") && said.contains("--approvals approve"), "{said}");
    let made = home.path().join("workspace/made.txt");
    assert!(!made.exists());
    let (code, _, said) = livos(home.path(), &["run", "--approvals", "deny", task]).await;
    assert_eq!((code, made.exists()), (0, false), "{said}");
    assert!(said.contains("✗ denied by owner via cli"), "{said}");
    let (code, _, said) = livos(home.path(), &["run", "--approvals", "approve", task]).await;
    assert_eq!((code, made.exists()), (0, true), "{said}");
}

#[tokio::test]
async fn rules_are_made_and_removed_from_the_command_line() {
    let server = TestServer::start().await;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_livos"));
        command.args(arguments);
        process::prepare(&mut command, Path::new("/proc/no-home-is-needed"));
        command.env("LIVOS_URL", server.url("")).env("LIVOS_API_KEY", KEY);
        command
    };
    let text = async |arguments: &[&str]| {
        let output = command(arguments).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    let add = ["approvals", "rules", "add", "file_*", "path=notes/*", "--deny"];
    let (added, shown, said) = text(&add).await;
    assert!(added, "{}", String::from_utf8_lossy(&said));
    assert!(shown.contains("deny   always   file_* path=\"notes/*\""), "{shown}");
    let id = shown.split_whitespace().next().unwrap().to_owned();
    let (_, listed, _) = text(&["approvals", "rules"]).await;
    assert_eq!(listed, shown);
    let (removed, _, _) = text(&["approvals", "rules", "remove", &id]).await;
    assert!(removed);
    let (wrong, _, said) = text(&["approvals", "rules", "add", ""]).await;
    let said = String::from_utf8(said).unwrap();
    assert!(!wrong && said.contains("pattern.tool"), "{said}");
    server.stop().await;
}
