//! A server that is killed: what it had promised is kept by the next.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::process;
use crate::process::Process;
use crate::test_server::PATIENCE;

/// Something that speaks HTTP, one request a connection, as the test plays it.
pub(crate) struct Peer(TcpListener);

impl Peer {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The next request, unanswered.
    pub(crate) async fn asked(&self) -> (TcpStream, String) {
        let next = async {
            let (mut socket, _) = self.0.accept().await.unwrap();
            let mut read = Vec::new();
            loop {
                let mut buffer = [0; 4096];
                let count = socket.read(&mut buffer).await.unwrap();
                read.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&read).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap()) {
                    return (socket, text);
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a request comes in time")
    }
}

pub(crate) async fn answer(mut socket: TcpStream, media_type: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(text.as_bytes()).await.unwrap();
}

fn says(text: &str) -> String {
    let piece = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    format!("data: {piece}\n\ndata: {end}\n\ndata: [DONE]\n\n")
}

/// A server that asks this peer.
pub(crate) fn asking(home: &Path, model: &Peer) -> tokio::process::Command {
    let mut command = process::command(home);
    command
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", format!("{}/v1", model.url()))
        .env("LIVOS_MODEL", "openai/m")
        .env("LIVOS_HTTP_CALLBACK_HOSTS", "127.0.0.1");
    command
}

async fn start(home: &Path, model: &Peer) -> Process {
    process::started(asking(home, model)).await
}

pub(crate) struct Caller {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Caller {
    pub(crate) fn new(server: &Process, home: &Path) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let key = std::fs::read_to_string(home.join("api.key")).unwrap().trim().to_owned();
        Self { client, url: server.url().to_owned(), key }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.key);
        let request = request.header("content-type", "application/json").body(body.to_string());
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }
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
