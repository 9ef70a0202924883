//! Replies posted to addresses that messages name.

use std::sync::Arc;

use livos_core::testing::Script;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// Answers each request as told and shows it to the test.
struct Receiver {
    url: String,
    requests: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Receiver {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/reply", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                let request = loop {
                    let mut buffer = [0; 4096];
                    let count = socket.read(&mut buffer).await.unwrap();
                    read.extend_from_slice(&buffer[..count]);
                    if let Some(request) = whole(&read) {
                        break request;
                    }
                };
                sender.send(request).unwrap();
                if answer.is_empty() {
                    continue;
                }
                let text =
                    format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                socket.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }

    async fn next(&mut self) -> (String, Value) {
        let next = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        next.expect("a request comes in time").unwrap()
    }
}

/// The idempotency key and the body of a request, once it is complete.
fn whole(read: &[u8]) -> Option<(String, Value)> {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let length: usize = header("content-length:")?.parse().unwrap();
    (body.len() == length)
        .then(|| (header("idempotency-key:").unwrap(), serde_json::from_str(body).unwrap()))
}

async fn server(scripts: Vec<Script>) -> TestServer {
    let allowed = [("LIVOS_HTTP_CALLBACK_HOSTS", "127.0.0.1")];
    TestServer::with(scripted(scripts), &allowed).await
}

fn message(url: &str) -> Value {
    json!({"text": "hi", "reply_to": {"kind": "http", "url": url}})
}

/// Waits until the only delivery stands where it should.
async fn delivery(server: &TestServer, status: &str) -> Value {
    let there = async {
        loop {
            let list = server.get(&format!("/api/deliveries?status={status}")).await.json();
            if let Some(delivery) = list["items"].as_array().unwrap().first() {
                return delivery.clone();
            }
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("the delivery gets there in time")
}

#[tokio::test]
async fn a_reply_is_posted_with_one_key_until_it_is_taken() {
    let mut receiver =
        Receiver::start(&["503 Service Unavailable\r\nretry-after: 0", "", "204 No Content"]).await;
    let server = server(vec![Script::text("Hello.")]).await;
    let session = server.session().await;
    let (run, _) = server.say_with(&session, &message(&receiver.url)).await;
    let (key, body) = receiver.next().await;
    assert_eq!((&body["text"], &body["status"]), (&json!("Hello."), &json!("completed")));
    assert_eq!((&body["run_id"], &body["delivery_id"]), (&json!(run), &json!(key)));
    assert_eq!(receiver.next().await.0, key, "after it was busy");
    assert_eq!(receiver.next().await.0, key, "after it took it without a word");
    let delivered = delivery(&server, "delivered").await;
    assert_eq!((&delivered["id"], &delivered["attempts"]), (&json!(key), &json!(3)));
    assert_eq!(delivered["receipt"], "HTTP 204");
}

#[tokio::test]
async fn what_a_receiver_does_not_want_is_dead_until_somebody_decides() {
    let mut receiver = Receiver::start(&["410 Gone", "200 OK"]).await;
    let server = server(vec![Script::text("Hello.")]).await;
    let session = server.session().await;
    server.say_with(&session, &message(&receiver.url)).await;
    receiver.next().await;
    let dead = delivery(&server, "dead").await;
    assert!(dead["last_error"].as_str().unwrap().contains("410"), "{dead}");
    assert_eq!(server.get("/readyz").await.json()["work"]["dead_deliveries"], 1);
    let requeue = format!("/api/deliveries/{}/requeue", dead["id"].as_str().unwrap());
    assert_eq!(server.post(&requeue, &json!({})).await.status, 200);
    receiver.next().await;
    delivery(&server, "delivered").await;
    assert_eq!(server.post(&requeue, &json!({})).await.problem(), "conflict");
}

#[tokio::test]
async fn addresses_inside_are_refused_unless_they_are_allowed_by_name() {
    let server = TestServer::with(scripted([Script::text("Hello.")]), &[]).await;
    let session = server.session().await;
    for url in [
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://0x7f.1/",
        "http://2130706433/",
        "ftp://a.example/",
        "http://u:p@a.example/",
        "nowhere",
        "",
    ] {
        let answer = server.post(&format!("{session}/messages"), &message(url)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-input"), "{url}");
        assert_eq!(answer.json()["errors"][0]["field"], "reply_to.url");
    }
    // A name is judged by where it leads.
    server.say_with(&session, &message("http://localhost:1/")).await;
    let dead = delivery(&server, "dead").await;
    let told = dead["last_error"].as_str().unwrap();
    assert!(told.contains("not an address of the public internet"), "{told}");
}

#[tokio::test]
async fn the_header_names_a_message_as_the_field_does() {
    let server = Arc::new(server(vec![Script::text("Hello.")]).await);
    let session = server.session().await;
    let send = async || {
        let request = server
            .bare(reqwest::Method::POST, &format!("{session}/messages"))
            .bearer_auth(crate::test_server::KEY)
            .header("idempotency-key", "k1")
            .header("content-type", "application/json")
            .body(json!({"text": "hi", "mode": "queue"}).to_string());
        server.send(request).await.json()
    };
    assert_eq!(send().await, send().await);
}
