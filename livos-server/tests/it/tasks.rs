//! Tasks over the API: started, watched, listed, stopped and refused.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use livos_core::Overloaded;
use livos_core::ResourceGate;
use livos_core::testing::Script;
use serde_json::Value;
use serde_json::json;

use crate::gated_provider::GatedProvider;
use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

async fn begin(server: &TestServer, body: Value) -> Vec<Value> {
    let answer = server.post("/api/tasks", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()["tasks"].as_array().unwrap().clone()
}

/// The end of a task that was started.
async fn ended(server: &TestServer, task: &Value) -> Value {
    let session = format!("/api/sessions/{}", task["session_id"].as_str().unwrap());
    server.finished(&session, task["id"].as_str().unwrap()).await
}

fn path(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"].as_str().unwrap())
}

#[tokio::test]
async fn tasks_are_done_and_looked_at_later() {
    let scripts = [Script::text("Sorted."), Script::text("Sorted.")];
    let server = TestServer::with(scripted(scripts), &[]).await;
    let body = json!({
        "tasks": ["Sort the inbox.\nAll of it.", "Sort the desk."],
        "max_tokens": 10_000, "priority": "low", "idempotency_key": "monday",
    });
    let tasks = begin(&server, body.clone()).await;
    assert_eq!(begin(&server, body).await, tasks, "the same key gets the same tasks");
    for task in &tasks {
        assert_eq!(ended(&server, task).await["text"], "Sorted.");
    }
    let shown = server.get(&path(&tasks[0])).await.json();
    assert_eq!(
        (&shown["status"], &shown["trigger"], &shown["text"], &shown["turns"]),
        (&json!("completed"), &json!("task"), &json!("Sorted."), &json!(1))
    );
    assert_eq!((&shown["calling"], &shown["said"]), (&json!([]), &json!("Sorted.")));
    let session = format!("/api/sessions/{}", tasks[0]["session_id"].as_str().unwrap());
    assert_eq!(server.get(&session).await.json()["title"], "Sort the inbox.");
    let mut events = server.events(&session, "").await;
    let admitted = events.next().await.unwrap();
    assert_eq!(admitted["budget"]["tokens"], 5_000, "{admitted}");

    let listed = server.get("/api/tasks?limit=1").await.json();
    assert_eq!(listed["items"][0]["id"], tasks[1]["id"], "newest first");
    let cursor = listed["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/tasks?limit=1&cursor={cursor}")).await.json();
    assert_eq!(rest["items"][0]["id"], tasks[0]["id"]);
    let queued = server.get("/api/tasks?status=queued").await.json();
    assert_eq!(queued["items"], json!([]));
    let of_nobody = server.get("/api/tasks?user=nobody").await.json();
    assert_eq!(of_nobody["items"], json!([]));
}

/// A machine that has enough to do until it is told otherwise.
#[derive(Debug, Default)]
struct Machine {
    is_calm: AtomicBool,
}

impl ResourceGate for Machine {
    fn admits(&self) -> Result<(), Overloaded> {
        match self.is_calm.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(Overloaded {
                reason: "memory: 97 % are used".to_owned(),
                ask_again_after: Duration::from_millis(5),
            }),
        }
    }
}

#[tokio::test]
async fn a_task_goes_on_by_itself_when_the_machine_has_room_again() {
    let machine = Arc::new(Machine::default());
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::gated(models(provider), Arc::clone(&machine) as _).await;
    let tasks = begin(&server, json!({"tasks": ["later"]})).await;
    // What somebody waits for begins all the same, and afterwards the task still waits.
    let session = server.session().await;
    let run = server.say(&session, "Hello.").await;
    let mut call = calls.recv().await.unwrap();
    assert_eq!(call.request.conversation[0].text(), "Hello.");
    call.say("Hi.");
    call.finish();
    assert_eq!(server.finished(&session, &run).await["text"], "Hi.");
    let waits = server.get(&path(&tasks[0])).await.json();
    assert_eq!(
        (&waits["status"], &waits["waits_for"]),
        (&json!("queued"), &json!("memory: 97 % are used")),
        "{waits}"
    );
    let listed = server.get("/api/tasks").await.json();
    assert_eq!(listed["items"][0]["waits_for"], "memory: 97 % are used", "{listed}");

    machine.is_calm.store(true, Ordering::SeqCst);
    let mut call = calls.recv().await.unwrap();
    assert_eq!(call.request.conversation[0].text(), "later");
    let goes = server.get(&path(&tasks[0])).await.json();
    assert_eq!((&goes["status"], goes.get("waits_for")), (&json!("running"), None), "{goes}");
    call.say("Done.");
    call.finish();
    assert_eq!(ended(&server, &tasks[0]).await["text"], "Done.");
    server.stop().await;
}

#[tokio::test]
async fn a_task_that_is_stopped_lets_the_next_one_go() {
    let (provider, mut calls) = GatedProvider::new();
    let narrow = ("LIVOS_AGENT_TASKS_PER_USER", "1");
    let server = TestServer::with(models(provider), &[narrow]).await;
    let tasks = begin(&server, json!({"tasks": ["one", "two"]})).await;
    let first = calls.recv().await.unwrap();
    assert_eq!(first.request.conversation[0].text(), "one");
    let waits = server.get(&path(&tasks[1])).await.json();
    assert_eq!(waits["status"], "queued", "one of a user goes at a time");
    assert_eq!(waits["waits_for"], "other tasks: 1 go at a time", "{waits}");
    let listed = server.get("/api/tasks").await.json();
    let told = |task: &Value| (task["title"].clone(), task["waits_for"].clone());
    assert_eq!(told(&listed["items"][0]), (json!("two"), waits["waits_for"].clone()));
    assert_eq!(told(&listed["items"][1]), (json!("one"), Value::Null), "it goes");
    let stopped = server.post(&format!("{}/cancel", path(&tasks[0])), &json!({})).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    first.hung_up().await;
    assert_eq!(ended(&server, &tasks[0]).await["status"], "cancelled");

    let mut second = calls.recv().await.unwrap();
    second.say("Done.");
    second.finish();
    assert_eq!(ended(&server, &tasks[1]).await["text"], "Done.");
    let over = server.post(&format!("{}/cancel", path(&tasks[1])), &json!({})).await;
    assert_eq!((over.status, &over.json()["status"]), (200, &json!("completed")));
}

#[tokio::test]
async fn what_is_no_task_is_refused_and_leaves_nothing() {
    let server = TestServer::start().await;
    let many = vec!["x"; 257];
    let cases = [
        ("tasks", json!({"tasks": []})),
        ("tasks", json!({"tasks": many})),
        ("tasks", json!({"tasks": ["x".repeat(300_000)]})),
        ("tasks[1]", json!({"tasks": ["x", " "]})),
        ("priority", json!({"tasks": ["x"], "priority": "urgent"})),
        ("model", json!({"tasks": ["x"], "model": "no model"})),
        ("agent", json!({"tasks": ["x"], "agent": "nobody"})),
        ("max_tokens", json!({"tasks": ["x", "y"], "max_tokens": 1})),
        ("max_cost_micro_usd", json!({"tasks": ["x", "y"], "max_cost_micro_usd": 1})),
        ("max_turns", json!({"tasks": ["x"], "max_turns": 0})),
        ("idempotency_key", json!({"tasks": ["x"], "idempotency_key": ""})),
    ];
    for (field, body) in cases {
        let refused = server.post("/api/tasks", &body).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid-input".into()), "{field}");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text);
    }
    assert_eq!(server.get("/api/tasks").await.json()["items"], json!([]));
    let wrong = server.get("/api/tasks?status=done").await;
    assert_eq!(wrong.problem(), "invalid-input");

    let session = server.session().await;
    let run = server.say(&session, "no task").await;
    for id in [run.as_str(), "0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10", "seven"] {
        let path = format!("/api/tasks/{id}");
        assert_eq!(server.get(&path).await.problem(), "not-found", "{id}");
        let cancel = server.post(&format!("{path}/cancel"), &json!({})).await;
        assert_eq!(cancel.problem(), "not-found", "{id}");
    }
}

#[tokio::test]
async fn a_secret_in_a_task_is_not_kept() {
    let server = TestServer::start().await;
    let tasks = begin(&server, json!({"tasks": [format!("Try {KEY}.")]})).await;
    ended(&server, &tasks[0]).await;
    let session = format!("/api/sessions/{}", tasks[0]["session_id"].as_str().unwrap());
    let exported = server.get(&format!("{session}/export")).await;
    assert_eq!(exported.status, 200);
    assert!(exported.text.contains("Try ") && !exported.text.contains(KEY), "{}", exported.text);
}
