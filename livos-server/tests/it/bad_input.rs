//! What cannot be used is refused with the field that is wrong and what would be right, and nothing of
//! it is kept.

use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::KEY;
use crate::test_server::TestServer;

/// A session that nobody has.
const NOBODYS: &str = "00000000-0000-7000-8000-000000000000";

fn schedule(recurrence: Value, change: Value) -> Value {
    let mut body = json!({"title": "t", "task": "Look at the disk."});
    body["recurrence"] = recurrence;
    let Value::Object(change) = change else { panic!("no object: {change}") };
    body.as_object_mut().unwrap().extend(change);
    body
}

fn cron(expression: &str) -> Value {
    json!({"kind": "cron", "expression": expression})
}

async fn is_refused(server: &TestServer, path: &str, body: &Value, (field, told): (&str, &str)) {
    let refused = server.post(path, body).await;
    says(&refused.json(), &refused.problem(), (field, told));
}

fn says(problem: &Value, kind: &str, (field, told): (&str, &str)) {
    assert_eq!(kind, "invalid-input", "{problem}");
    let error = &problem["errors"][0];
    assert_eq!(error["field"], field, "{problem}");
    assert!(error["message"].as_str().unwrap().contains(told), "{problem}");
}

#[tokio::test]
async fn schedules_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    let daily = || cron("0 9 * * *");
    let ends = json!({"starts_at": "2096-02-01T00:00:00Z", "ends_at": "2096-01-01T00:00:00Z"});
    let zone = json!({"kind": "cron", "expression": "0 9 * * *", "time_zone": "Europe/Atlantis"});
    let cases = [
        (schedule(cron("61 * * * *"), json!({})), ("recurrence.expression", "no cron expression")),
        (schedule(cron("0 0 30 2 *"), json!({})), ("recurrence.expression", "never fires")),
        (schedule(zone, json!({})), ("recurrence.time_zone", "Europe/Berlin")),
        (
            schedule(json!({"kind": "every", "seconds": 5}), json!({})),
            ("recurrence", "60 is the shortest"),
        ),
        (schedule(daily(), ends), ("ends_at", "before the first time")),
        (schedule(daily(), json!({"session_id": NOBODYS})), ("session_id", "no session")),
        (schedule(daily(), json!({"agent": "ghost"})), ("agent", "no agent 'ghost'")),
    ];
    for (body, expected) in cases {
        is_refused(&server, "/api/schedules", &body, expected).await;
    }
    assert_eq!(server.get("/api/schedules").await.json()["items"], json!([]));
}

#[tokio::test]
async fn with_its_session_or_agent_a_schedule_goes() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let id = session.rsplit('/').next().unwrap();
    let agent = json!({"id": "clerk", "description": "Files.", "instructions": "File."});
    assert_eq!(server.post("/api/subagents", &agent).await.status, 201);
    for (owner, change) in [
        (session.as_str(), json!({"session_id": id})),
        ("/api/subagents/clerk", json!({"agent": "clerk"})),
    ] {
        let made = server.post("/api/schedules", &schedule(cron("0 9 * * *"), change)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = format!("/api/schedules/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(server.call(Method::DELETE, owner, &json!({})).await.status, 204);
        assert_eq!(server.get(&made).await.problem(), "not-found", "{owner}");
    }
}

#[tokio::test]
async fn memories_that_cannot_be_are_refused_whole() {
    let server = TestServer::start().await;
    let add = "/api/memories";
    is_refused(&server, add, &json!({"text": "x ".repeat(500_000)}), ("text", "2000")).await;
    is_refused(&server, add, &json!({"text": " "}), ("text", "must say something")).await;
    let late = json!({"text": "The user likes tea.", "expires_at": "2020-01-01T00:00:00Z"});
    is_refused(&server, add, &late, ("expires_at", "has passed")).await;
    let unsure = json!({"text": "The user likes tea.", "confidence": 101});
    is_refused(&server, add, &unsure, ("confidence", "100")).await;
    let begins = "{\"livos_memory\":1}\n{\"text\":\"The user likes tea.\"}\n";
    for (file, told) in [
        ("hello".to_owned(), "line 1"),
        ("{\"livos_memory\":99}\n".to_owned(), "version 99; this program reads version 1"),
        ("{\"text\":\"The user likes tea.\"}\n".to_owned(), "line 1"),
        (format!("{begins}{{\"txt\":\"x\"}}\n"), "line 3: unknown field `txt`"),
        (format!("{begins}{{\"text\":\"{}\"}}\n", "x".repeat(3_000)), "line 3: text: has 3000"),
    ] {
        let import = server.bare(Method::POST, "/api/memories/import").bearer_auth(KEY);
        let import = import.header("content-type", "application/x-ndjson").body(file);
        let refused = server.send(import).await;
        says(&refused.json(), &refused.problem(), ("archive", told));
    }
    for (asked, told) in [("a".repeat(10_000), "10000 bytes; 2000"), (String::new(), "something")] {
        let refused = server.get(&format!("/api/memories/search?q={asked}")).await;
        says(&refused.json(), &refused.problem(), ("q", told));
    }
    assert_eq!(server.get(add).await.json()["items"], json!([]), "nothing of it is kept");
}

#[tokio::test]
async fn tasks_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    for (change, expected) in [
        (json!({"model": "nobody/large"}), ("model", "provider/model")),
        (json!({"agent": "ghost"}), ("agent", "no agent 'ghost'")),
        (json!({"tasks": vec!["x"; 300]}), ("tasks", "256")),
        (json!({"priority": "huge"}), ("priority", "expected one of")),
    ] {
        let mut body = json!({"tasks": ["Look at the disk."]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        is_refused(&server, "/api/tasks", &body, expected).await;
    }
    assert_eq!(server.get("/api/tasks").await.json()["items"], json!([]));
}
