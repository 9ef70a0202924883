//! Shell commands as the server runs them: confined, and gone with it.

use std::path::Path;

use livos_core::testing::Script;
use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::caller::Caller;
use crate::killed::asking;
use crate::peer::Peer;
use crate::peer::answer;
use crate::process;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// Commands without a person who allows each: what is tested here is what they can reach.
const UNASKED: [(&str, &str); 2] =
    [("LIVOS_AGENT_SHELL", "on"), ("LIVOS_APPROVALS_POLICY", "never")];

/// What a command printed in a run of its own.
async fn printed(server: &TestServer, session: &str) -> String {
    let sent = server
        .post(&format!("/api/sessions/{session}/messages"), &json!({"text": "go"}))
        .await
        .json();
    let run = sent["run_id"].as_str().unwrap().to_owned();
    let ended = async {
        while server.get(&format!("/api/runs/{run}")).await.json()["status"] != "completed" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the run ends in time");
    let events = server.get(&format!("/api/sessions/{session}/events?wait=0")).await.text;
    let results = events.lines().filter_map(|line| line.strip_prefix("data: "));
    let results = results.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let texts = results.filter(|event| event["type"] == "tool_finished");
    texts.map(|event| event["content"][0]["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_command_sees_the_workspace_and_not_the_home() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("secrets.key"), "planted-secret").unwrap();
    let command = format!(
        "echo mine > a.txt && cat a.txt; cat {0}/secrets.key; ls {0}; env | grep -c LIVOS_API_KEY",
        home.path().display()
    );
    let models =
        scripted([Script::tool("1", "shell", json!({"command": command})), Script::text("done")]);
    let server = TestServer::in_home(home.path(), models, &UNASKED).await;
    let session = server.post("/api/sessions", &json!({})).await.json();
    let printed = printed(&server, session["id"].as_str().unwrap()).await;
    assert!(printed.starts_with("mine\n"), "{printed}");
    assert!(!printed.contains("planted-secret"), "{printed}");
    assert!(printed.contains("workspace\n0\n[exit code 1"), "{printed}");
    assert!(home.path().join("workspace/a.txt").exists());
}

#[tokio::test]
async fn deleting_a_session_ends_what_it_has_in_the_background() {
    let home = tempfile::tempdir().unwrap();
    let mut alive = fifo(home.path());
    let script = Script::tool("1", "shell", background());
    let models = scripted([script, Script::text("done")]);
    let server = TestServer::in_home(home.path(), models, &UNASKED).await;
    let session = server.post("/api/sessions", &json!({})).await.json();
    let session = session["id"].as_str().unwrap();
    let printed = printed(&server, session).await;
    assert!(printed.contains("[background command 1: running for"), "{printed}");
    runs(&mut alive).await;
    let path = format!("/api/sessions/{session}");
    assert_eq!(server.call(reqwest::Method::DELETE, &path, &json!({})).await.status, 204);
    gone(&mut alive).await;
}

/// Ends however the server does.
#[tokio::test]
async fn no_command_outlives_a_server() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let home = tempfile::tempdir().unwrap();
        let mut alive = fifo(home.path());
        let model = Peer::start().await;
        let mut command = asking(home.path(), &model);
        command.envs(UNASKED).env("PATH", "/usr/bin:/bin");
        let server = process::started(command).await;
        let caller = Caller::new(&server, home.path());
        let session = caller.post("/api/sessions", &json!({})).await;
        let messages = format!("/api/sessions/{}/messages", session["id"].as_str().unwrap());
        caller.post(&messages, &json!({"text": "go"})).await;
        let (socket, request) = model.asked().await;
        assert!(request.contains("shell_output"), "{request}");
        answer(socket, "text/event-stream", &calls("shell", &background())).await;
        runs(&mut alive).await;
        server.signal(signal).await;
        gone(&mut alive).await;
    }
}

fn background() -> Value {
    let command =
        "exec 9>alive; trap '' TERM; echo >&9; setsid sleep 86400 & sleep 86400; sleep 86400";
    json!({"command": command, "background": true})
}

fn calls(tool: &str, arguments: &Value) -> String {
    let function = json!({"name": tool, "arguments": arguments.to_string()});
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": function});
    let piece = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    format!("data: {piece}\n\ndata: {end}\n\ndata: [DONE]\n\n")
}

/// A pipe in the workspace that every process of a command holds, so that its end is seen.
fn fifo(home: &Path) -> pipe::Receiver {
    let path = home.join("workspace/alive");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    pipe::OpenOptions::new().open_receiver(path).unwrap()
}

async fn runs(alive: &mut pipe::Receiver) {
    let said = tokio::time::timeout(PATIENCE, alive.read_exact(&mut [0])).await;
    assert!(matches!(said, Ok(Ok(_))), "the command does not run: {said:?}");
}

async fn gone(alive: &mut pipe::Receiver) {
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, alive.read_to_end(&mut said)).await;
    assert!(matches!(read, Ok(Ok(_))), "a process is left: {read:?}");
}
