//! Memories over the API: kept once, found, changed, forgotten, and taken to another server.

use std::time::Duration;

use livos_core::testing::Script;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::KEY;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

async fn start() -> TestServer {
    TestServer::with(scripted([]), &[]).await
}

async fn add(server: &TestServer, text: &str) -> Value {
    let answer = server.post("/api/memories", &json!({ "text": text })).await;
    assert!(answer.status < 300, "{}", answer.text);
    answer.json()
}

fn path(kept: &Value) -> String {
    format!("/api/memories/{}", kept["memory"]["id"].as_str().unwrap())
}

async fn found(server: &TestServer, query: &str) -> Vec<String> {
    let found = server.get(&format!("/api/memories/search?q={query}")).await.json();
    let items = found["items"].as_array().unwrap();
    items.iter().map(|hit| hit["memory"]["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_memory_is_kept_once_found_changed_and_forgotten() {
    let server = start().await;
    let kept = add(&server, "Drinks coffee black.").await;
    assert_eq!(kept["outcome"], "added");
    let again = add(&server, "drinks COFFEE black").await;
    assert_eq!(
        (&again["outcome"], &again["memory"]["id"]),
        (&json!("known"), &kept["memory"]["id"])
    );
    assert_eq!(found(&server, "coffee").await, ["Drinks coffee black."]);
    let hit = server.get("/api/memories/search?q=coffee").await.json()["items"][0].clone();
    assert!(hit["wording"].as_f64().unwrap() > 0.0, "{hit}");
    assert_eq!(hit["similarity"], 0.0, "there is no embedding model");
    let change =
        json!({ "text": "Drinks coffee with milk.", "kind": "preference", "expires_at": null });
    let changed = server.call(Method::PATCH, &path(&kept), &change).await.json();
    assert_eq!((&changed["kind"], &changed["recalls"]), (&json!("preference"), &json!(2)));
    assert_eq!(found(&server, "milk").await, ["Drinks coffee with milk."]);
    let report = server.get("/api/memories/report").await.json();
    assert_eq!((&report["facts"], &report["by_kind"]["preference"]), (&json!(1), &json!(1)));
    let gone = server.call(Method::DELETE, &path(&kept), &json!({})).await;
    assert_eq!(gone.status, 204);
    assert!(found(&server, "milk").await.is_empty());
    assert_eq!(server.get(&path(&kept)).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_kept_names_the_field() {
    let server = start().await;
    let cases = [
        (json!({ "text": "x".repeat(100_000) }), "text", "2000 are the most"),
        (json!({ "text": "The password is swordfish" }), "text", "password"),
        (json!({ "text": "a", "confidence": 101 }), "confidence", "0 to 100"),
        (json!({ "text": "a", "expires_at": "soon" }), "expires_at", "soon"),
    ];
    for (body, field, expected) in cases {
        let answer = server.post("/api/memories", &body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(answer.text.contains(field) && answer.text.contains(expected), "{}", answer.text);
    }
    let long = format!("/api/memories/search?q={}", "x".repeat(10_000));
    let answer = server.get(&long).await;
    assert_eq!((answer.status, answer.text.contains("2000 are the most")), (422, true));
    let listed = server.get("/api/memories").await.json();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn an_export_is_taken_over_by_another_server() {
    let (here, there) = (start().await, start().await);
    add(&here, "Lives in Faro.").await;
    add(&here, "Likes the sea.").await;
    let file = here.get("/api/memories/export").await;
    assert_eq!(file.header("content-type"), "application/x-ndjson");
    let import = |body: String| {
        let request = there.bare(Method::POST, "/api/memories/import").bearer_auth(KEY);
        there.send(request.header("content-type", "application/x-ndjson").body(body))
    };
    assert_eq!(import(file.text.clone()).await.json()["added"], 2);
    assert_eq!(import(file.text).await.json()["known"], 2);
    assert_eq!(found(&there, "sea").await, ["Likes the sea."]);
    let refused = import("{\"livos_memory\":9}\n".to_owned()).await;
    assert_eq!((refused.status, refused.text.contains("version 9")), (422, true));
}

#[tokio::test]
async fn what_is_told_in_one_session_is_known_in_another() {
    let scripts = [
        Script::tool("c1", "memory_add", json!({ "text": "The user is allergic to peanuts." })),
        Script::text("Noted."),
        Script::tool("c2", "memory_search", json!({ "query": "allergic cake" })),
        Script::text("No peanuts."),
    ];
    let server = TestServer::with(scripted(scripts), &[]).await;
    let first = server.session().await;
    let run = server.say(&first, "Peanuts make me ill.").await;
    server.finished(&first, &run).await;
    let second = server.session().await;
    let run = server.say(&second, "Which cake?").await;
    server.finished(&second, &run).await;
    let kept = server.get("/api/memories").await.json();
    assert_eq!(kept["items"][0]["recalls"], 1, "{kept}");
    let said = server.get(&format!("{second}/messages")).await.text;
    assert!(said.contains("The user is allergic to peanuts."), "{said}");
}

#[tokio::test]
async fn memory_that_is_off_has_no_tools_and_keeps_nothing() {
    let server = TestServer::with(scripted([]), &[("LIVOS_MEMORY_ENABLED", "off")]).await;
    let refused = server.post("/api/memories", &json!({ "text": "a" })).await;
    assert_eq!((refused.status, refused.text.contains("memory.enabled")), (409, true));
    assert!(!server.get("/api/tools").await.text.contains("memory_"));
}

/// The memories there are, as soon as there are so many.
async fn kept(server: &TestServer, count: usize) -> Vec<Value> {
    let kept = async {
        loop {
            let listed = server.get("/api/memories").await.json();
            let items = listed["items"].as_array().unwrap().clone();
            if items.len() >= count {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("memories in time")
}

#[tokio::test]
async fn what_is_said_is_found_after_the_run_and_given_to_the_next() {
    let found = json!({ "facts": [
        { "text": "The user drinks coffee black.", "kind": "preference", "replaces": 0 },
        { "text": "The user owns a yacht.", "kind": "other", "replaces": 0 },
    ] });
    let scripts =
        [Script::text("Noted."), Script::text(&found.to_string()), Script::text("Black.")];
    let server = TestServer::with(scripted(scripts), &[]).await;
    let first = server.session().await;
    let run = server.say(&first, "I drink my coffee black. Thanks!").await;
    server.finished(&first, &run).await;
    let kept = kept(&server, 1).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((&kept[0]["source"], &kept[0]["run_id"]), (&json!("extracted"), &json!(run)));

    let second = server.session().await;
    let run = server.say(&second, "How do I take my coffee?").await;
    let mut events = server.events(&second, "").await;
    let recalled = loop {
        let event = events.next().await.expect("memories");
        if event["type"] == "memories_recalled" {
            break event;
        }
        assert_ne!(event["type"], "turn_started");
    };
    assert_eq!(recalled["facts"][0]["text"], "The user drinks coffee black.");
    assert_eq!(recalled["facts"][0]["id"], kept[0]["id"]);
    server.finished(&second, &run).await;

    // The run that looked is a run like any other, in a session that is not in the way.
    let runs = server.get("/api/runs").await.json();
    let of_memory = |run: &&Value| run["trigger"] == "memory";
    assert_eq!(runs["items"].as_array().unwrap().iter().filter(of_memory).count(), 1, "{runs}");
    let sessions = server.get("/api/sessions").await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2, "{sessions}");
    let usage = server.get("/api/usage?group_by=purpose").await.text;
    assert!(usage.contains("memory_extraction"), "{usage}");
    let status = server.get("/api/status").await.json();
    assert!(status["context"]["memory_tokens"].as_u64() > Some(0), "{status}");
}

#[tokio::test]
async fn what_is_off_is_neither_looked_for_nor_given() {
    let off = [("LIVOS_MEMORY_EXTRACT", "off"), ("LIVOS_MEMORY_RECALL", "off")];
    let server = TestServer::with(scripted([Script::text("Noted.")]), &off).await;
    add(&server, "Drinks coffee black.").await;
    let session = server.session().await;
    let run = server.say(&session, "I drink my coffee with milk.").await;
    server.finished(&session, &run).await;
    let events = server.events(&session, "?wait=0").await.rest().await;
    assert!(!events.join(" ").contains("memories_recalled"), "{events:?}");
    let deliveries = server.get("/api/deliveries").await.json();
    assert_eq!(deliveries["items"], json!([]));
    let status = server.get("/api/status").await.json();
    assert_eq!(status["context"]["memory_tokens"], 0);
}
