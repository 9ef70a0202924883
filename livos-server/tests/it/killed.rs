//! A server that is killed: what it had promised is kept by the next.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::caller::Caller;
use crate::cli;
use crate::peer::Answer;
use crate::peer::Peer;
use crate::peer::answer;
use crate::peer::says;
use crate::process;
use crate::process::Process;
use crate::test_server::PATIENCE;

/// A server that asks this peer.
pub(crate) fn asking(home: &Path, model: &Peer) -> tokio::process::Command {
    let mut command = process::command(home);
    command
        .env("LIVOS_LISTEN", "127.0.0.1:0")
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", format!("{}/v1", model.url()))
        .env("LIVOS_MODEL", "openai/m")
        .env("LIVOS_HTTP_CALLBACK_HOSTS", "127.0.0.1");
    command
}

async fn start(home: &Path, model: &Peer) -> Process {
    process::started(asking(home, model)).await
}

async fn start_at(home: &Path, model: &Peer, listen: &str) -> Process {
    let mut command = asking(home, model);
    command.env("LIVOS_LISTEN", listen);
    process::started(command).await
}

#[tokio::test]
async fn a_killed_servers_runs_go_on_at_once_and_their_replies_are_sent() {
    let home = tempfile::tempdir().unwrap();
    let (model, receiver) = (Peer::start().await, Peer::start().await);
    let server = start(home.path(), &model).await;
    let caller = Caller::new(&server, home.path());
    let session = caller.post("/api/sessions", &json!({})).await;
    let messages = format!("/api/sessions/{}/messages", session["id"].as_str().unwrap());
    let message = json!({
        "text": "first",
        "idempotency_key": "k1",
        "reply_to": {"kind": "http", "url": format!("{}/reply", receiver.url())},
    });
    let run = caller.post(&messages, &message).await["run_id"].clone();
    let unanswered = model.asked().await;
    // One that joins the run, and one of its own: both are acknowledged.
    let steering = json!({"text": "and this", "idempotency_key": "k2"});
    assert_eq!(caller.post(&messages, &steering).await["run_id"], run);
    let queued = json!({"text": "second", "mode": "queue"});
    let second = caller.post(&messages, &queued).await["run_id"].clone();
    server.signal(Signal::SIGKILL).await;
    drop(unanswered);

    let server = start(home.path(), &model).await;
    let caller = Caller::new(&server, home.path());
    let (socket, request) = model.asked().await;
    assert!(request.contains("first") && request.contains("and this"), "{request}");
    assert_eq!(caller.post(&messages, &message).await["run_id"], run, "the key is remembered");
    assert_eq!(caller.post(&messages, &steering).await["run_id"], run);
    answer(socket, "text/event-stream", &says("One.")).await;
    let (socket, reply) = receiver.asked().await;
    assert!(reply.contains("One.") && reply.contains("idempotency-key: "), "{reply}");
    answer(socket, "text/plain", "").await;
    let (socket, request) = model.asked().await;
    assert!(request.contains("second"), "{request}");
    answer(socket, "text/event-stream", &says("Two.")).await;

    let ended = async {
        loop {
            let path = format!("/api/runs/{}", second.as_str().unwrap());
            let run = caller.get(&path).await;
            if run["status"] == "completed" {
                return run;
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("the run ends in time");
    assert_eq!(ended["text"], "Two.");
    let deliveries = caller.get("/api/deliveries").await;
    let items = deliveries["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["run_id"]), (1, &run), "{deliveries}");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn who_waits_at_the_command_line_gets_the_answer_from_the_next_server() {
    let (home, model) = (tempfile::tempdir().unwrap(), Peer::start().await);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    drop(taken);
    let server = start_at(home.path(), &model, &listen).await;
    let mut asking = cli::livos(home.path(), &["run", "hello"]).spawn().unwrap();
    let mut call = Answer::begin(model.asked().await.0).await;
    // Ends in what no key begins with: the beginning of one would be held back.
    call.say("Hello ").await;
    let mut shown = [0; 6];
    let read = asking.stdout.as_mut().unwrap().read_exact(&mut shown);
    tokio::time::timeout(PATIENCE, read).await.expect("it is shown").unwrap();
    assert_eq!(&shown, b"Hello ");
    server.signal(Signal::SIGKILL).await;
    let server = start_at(home.path(), &model, &listen).await;
    answer(model.asked().await.0, "text/event-stream", &says("Hello there.")).await;
    let asked = cli::ended(asking).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(asked.out == "there.\n", "{asked:?}");
    server.signal(Signal::SIGTERM).await;
}
