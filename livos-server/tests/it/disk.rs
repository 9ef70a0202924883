//! Disks that are full or read-only: real ones.

use std::collections::HashSet;

use eventsource_stream::Event;
use eventsource_stream::EventStreamError;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use futures::stream::BoxStream;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::cli;
use crate::process;
use crate::process::Process;
use crate::small_disk::SmallDisk;
use crate::test_server::PATIENCE;

/// More messages than fit beside a filled disk, whatever the store had put aside for them.
const MORE_THAN_FIT: usize = 500;

/// A server on a small disk, called with its own key.
struct Caller {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Caller {
    fn new(server: &Process, disk: &SmallDisk) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let key = std::fs::read_to_string(disk.file("api.key")).unwrap().trim().to_owned();
        Self { client, url: server.url().to_owned(), key }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.key).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, &Value::Null).await
    }

    async fn say(&self, session: &str, text: &str) -> (u16, Value) {
        // A message that joins a run is kept by that run and not at once.
        let message = json!({"text": text, "mode": "queue"});
        self.call(Method::POST, &format!("{session}/messages"), &message).await
    }

    async fn events(&self, session: &str) -> Events {
        let request = self.client.get(format!("{}{session}/events", self.url));
        let response = request.bearer_auth(&self.key).send().await.unwrap();
        Events(response.bytes_stream().eventsource().boxed())
    }
}

struct Events(BoxStream<'static, Result<Event, EventStreamError<reqwest::Error>>>);

impl Events {
    /// The next end of a run.
    async fn end(&mut self) -> Value {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.0.next()).await;
            let event = event.expect("a run ends").unwrap().unwrap();
            let event: Value = serde_json::from_str(&event.data).unwrap();
            if event["type"] == "run_finished" {
                return event;
            }
        }
    }

    /// Waits until the journal has the end of each run, and tells that all completed.
    async fn all_complete(&mut self, mut runs: HashSet<String>) {
        while !runs.is_empty() {
            let end = self.end().await;
            if end["seq"].is_u64() {
                assert_eq!(end["status"], "completed", "{end}");
                runs.remove(end["run_id"].as_str().unwrap());
            }
        }
    }
}

fn accepted(answer: &(u16, Value)) -> Option<String> {
    (answer.0 == 202).then(|| answer.1["run_id"].as_str().unwrap().to_owned())
}

/// What was said by people in a session.
fn said(history: &Value) -> Vec<&str> {
    let items = history["items"].as_array().unwrap().iter();
    items
        .filter(|item| item["message"]["role"] == "user")
        .map(|item| item["message"]["content"][0]["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_full_disk_refuses_keeps_and_recovers() {
    let disk = SmallDisk::mount().await;
    let server = process::started(disk.server()).await;
    let caller = Caller::new(&server, &disk);
    let (created, session) = caller.call(Method::POST, "/api/sessions", &json!({})).await;
    assert_eq!(created, 201, "{session}");
    let session = format!("/api/sessions/{}", session["id"].as_str().unwrap());

    // The answer to this takes a second: the disk is full before it can be written down.
    let mut runs = HashSet::from([accepted(&caller.say(&session, "hello").await).unwrap()]);
    let mut texts = vec!["hello".to_owned()];
    let mut events = caller.events(&session).await;
    disk.fill();
    let mut refused = None;
    for number in 0..MORE_THAN_FIT {
        let text = format!("{number} + 1");
        let answer = caller.say(&session, &text).await;
        match accepted(&answer) {
            Some(run) => drop((runs.insert(run), texts.push(text))),
            None => {
                refused = Some(answer);
                break;
            }
        }
    }
    let (status, problem) = refused.expect("a full disk takes no more");
    assert_eq!((status, &problem["type"]), (507, &json!("urn:livos:problem:storage-failed")));
    assert!(problem["detail"].as_str().unwrap().contains("full"), "{problem}");
    let (ready, checks) = caller.get("/readyz").await;
    assert_eq!((ready, &checks["status"]), (503, &json!("failing")), "{checks}");
    let failing: Vec<_> = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "failing")
        .collect();
    assert_eq!(failing[0]["name"], "disk", "{checks}");
    assert!(failing[0]["message"].as_str().unwrap().contains("free some space"), "{checks}");
    let doctor = cli::tried(disk.livos(&["doctor"])).await;
    assert!(doctor.code == Some(1) && doctor.out.contains("free some space"), "{doctor:?}");
    let (read, history) = caller.get(&format!("{session}/messages")).await;
    assert_eq!((read, said(&history)), (200, texts.iter().map(String::as_str).collect()));

    disk.free();
    assert_eq!(caller.get("/readyz").await.0, 200);
    let answer = caller.say(&session, "12 * 7").await;
    runs.insert(accepted(&answer).unwrap_or_else(|| panic!("{answer:?}")));
    texts.push("12 * 7".to_owned());
    events.all_complete(runs).await;
    server.signal(Signal::SIGTERM).await;

    let server = process::started(disk.server()).await;
    let (_, history) =
        Caller::new(&server, &disk).get(&format!("{session}/messages?limit=200")).await;
    assert_eq!(said(&history), texts);
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start_is_named() {
    let disk = SmallDisk::mount().await;
    disk.fill();
    let (code, told) = process::fails(disk.server()).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains(&format!("cannot use {}", disk.home().display())), "{told}");
    assert!(told.contains("No space left") && told.contains("disk is not full"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    disk.free();
    let server = process::started(disk.server()).await;
    assert_eq!(server.signal(Signal::SIGTERM).await.code(), Some(0));
}

#[tokio::test]
async fn a_home_that_may_only_be_read_is_named() {
    for is_new in [true, false] {
        let disk = SmallDisk::mount().await;
        if !is_new {
            let server = process::started(disk.server()).await;
            server.signal(Signal::SIGTERM).await;
        }
        disk.make_read_only().await;
        let doctor = cli::tried(disk.livos(&["doctor"])).await;
        assert!(doctor.code == Some(1) && doctor.out.contains("Read-only"), "{doctor:?}");
        let (code, told) = process::fails(disk.server()).await;
        assert_eq!(code, 1, "{told}");
        assert!(told.contains(&format!("cannot use {}", disk.home().display())), "{told}");
        assert!(told.contains("Read-only file system"), "{told}");
        assert!(told.contains("check who owns it, that it is writable"), "the fix: {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
}
