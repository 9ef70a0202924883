//! Schedules over the API: made, changed, fired and cleaned up.

use livos_core::testing::Script;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::TestServer;
use crate::test_server::scripted;

/// A server whose schedules may be due each second.
async fn start(answers: usize) -> TestServer {
    let scripts = (0..answers).map(|number| Script::text(&format!("Answer {number}.")));
    let often = ("LIVOS_SCHEDULES_MIN_INTERVAL_SECONDS", "1");
    TestServer::with(scripted(scripts), &[often]).await
}

async fn make(server: &TestServer, body: Value) -> Value {
    let answer = server.post("/api/schedules", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn path(schedule: &Value) -> String {
    format!("/api/schedules/{}", schedule["id"].as_str().unwrap())
}

fn session(schedule: &Value) -> String {
    format!("/api/sessions/{}", schedule["session_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_schedule_fires_by_itself_and_its_answer_is_in_its_session() {
    let server = start(1).await;
    let made = make(
        &server,
        json!({
            "title": "Soon", "task": "Say something.",
            "recurrence": {"kind": "delay", "seconds": 1},
        }),
    )
    .await;
    assert_eq!(
        (made["status"].as_str(), made["next_times"].as_array().unwrap().len()),
        (Some("active"), 1)
    );
    let mut events = server.events(&session(&made), "").await;
    let admitted = events.next().await.unwrap();
    assert_eq!(
        (&admitted["type"], &admitted["trigger"]),
        (&json!("run_admitted"), &json!("schedule"))
    );
    let ended = loop {
        let event = events.next().await.unwrap();
        if event["type"] == "run_finished" {
            break event;
        }
    };
    assert_eq!(ended["text"], "Answer 0.");
    let after = server.get(&path(&made)).await.json();
    assert_eq!((&after["status"], &after["fired"]), (&json!("ended"), &json!(1)));
    let firings = server.get(&format!("{}/firings", path(&made))).await.json();
    assert_eq!(firings["items"][0]["status"], "completed");
    assert_eq!(firings["items"][0]["run_id"], ended["run_id"]);
    let titled = server.get(&session(&made)).await.json();
    assert_eq!(titled["title"], "Soon");
}

#[tokio::test]
async fn it_is_changed_paused_resumed_fired_by_hand_and_deleted() {
    let server = start(1).await;
    let made = make(
        &server,
        json!({
            "title": "News", "task": "Read them.", "overlap": "queue",
            "misfire": "all", "misfire_window_seconds": 3600, "jitter_seconds": 30,
            "recurrence": {"kind": "cron", "expression": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin"},
            "budget": {"turns": 3}, "daily_limit_micro_usd": 1000, "ends_at": "2100-01-01T00:00:00Z",
        }),
    )
    .await;
    assert_eq!(made["plan"]["budget"]["turns"], 3);
    assert_eq!(made["plan"]["budget"]["tokens"], 200_000, "the server's own");
    let path = path(&made);
    let change = async |body: Value| server.call(Method::PATCH, &path, &body).await;
    let changed = change(json!({"title": "The news", "ends_at": null, "misfire": "skip"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let plan = changed.json()["plan"].clone();
    assert_eq!((&plan["title"], &plan["misfire"]), (&json!("The news"), &json!("skip")));
    assert!(
        plan.get("ends_at").is_none() && plan.get("misfire_window_seconds").is_none(),
        "{plan}"
    );
    assert_eq!(plan["recurrence"], made["plan"]["recurrence"]);
    let paused = change(json!({"enabled": false})).await.json();
    assert_eq!((&paused["status"], &paused["next_at"]), (&json!("paused"), &Value::Null));
    assert_eq!(paused["reason"], "somebody paused it");
    let listed = server.get("/api/schedules?status=paused").await.json();
    assert_eq!(listed["items"][0]["id"], made["id"]);
    assert_eq!(server.get("/readyz").await.json()["work"]["paused_schedules"], 1);
    let fired = server.post(&format!("{path}/run"), &json!({})).await;
    assert_eq!(fired.status, 202, "{}", fired.text);
    let run = fired.json()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(server.finished(&session(&made), &run).await["text"], "Answer 0.");
    let firings = server.get(&format!("{path}/firings")).await.json();
    assert_eq!(firings["items"][0]["reason"], "by_hand");
    let resumed = change(json!({"enabled": true})).await.json();
    assert_eq!(resumed["next_times"].as_array().unwrap().len(), 5);
    let removed = server.call(Method::DELETE, &path, &json!({})).await;
    assert_eq!(removed.status, 204);
    assert_eq!(server.get(&path).await.problem(), "not-found");
    assert_eq!(server.get(&session(&made)).await.status, 200, "what was said stays");
}

#[tokio::test]
async fn what_cannot_be_used_names_its_field_and_leaves_nothing() {
    let server = start(0).await;
    let cron = |expression: &str| json!({"kind": "cron", "expression": expression});
    let cases = [
        ("title", json!({"title": ""})),
        ("task", json!({"task": " "})),
        ("recurrence.expression", json!({"recurrence": cron("61 * * * *")})),
        ("recurrence.expression", json!({"recurrence": cron("0 0 30 2 *")})),
        (
            "recurrence.time_zone",
            json!({"recurrence": {"kind": "cron", "expression": "0 0 * * *", "time_zone": "Mars"}}),
        ),
        ("recurrence.seconds", json!({"recurrence": {"kind": "every", "seconds": 0}})),
        ("recurrence.kind", json!({"recurrence": {"kind": "yearly"}})),
        ("recurrence.time", json!({"recurrence": {"kind": "at", "time": "2020-01-01T00:00:00Z"}})),
        ("ends_at", json!({"ends_at": "2020-01-01T00:00:00Z"})),
        ("ends_at", json!({"ends_at": "tomorrow"})),
        ("misfire", json!({"misfire": "all", "misfire_window_seconds": 60})),
        ("misfire_window_seconds", json!({"misfire": "all", "overlap": "queue"})),
        ("jitter_seconds", json!({"jitter_seconds": 90_000})),
        ("budget.turns", json!({"budget": {"turns": 0}})),
        ("daily_limit_micro_usd", json!({"daily_limit_micro_usd": 0})),
        ("model", json!({"model": "no model"})),
        ("reply_to.url", json!({"reply_to": {"kind": "http", "url": "http://127.0.0.1/"}})),
        ("pause_after", json!({"pause_after": 0})),
        ("max_firings", json!({"max_firings": 0})),
        ("session_id", json!({"session_id": "0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10"})),
        ("colour", json!({"colour": "red"})),
    ];
    for (field, change) in cases {
        let mut body = json!({
            "title": "t", "task": "do", "recurrence": {"kind": "every", "seconds": 3600},
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = server.post("/api/schedules", &body).await;
        assert_eq!(refused.problem(), "invalid-input", "{field}: {}", refused.text);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text);
    }
    let listed = server.get("/api/schedules").await.json();
    assert_eq!(listed["items"], json!([]));
    let body = json!({"title": "t", "task": "do", "recurrence": cron("0 9 * * *")});
    let preview = server.post("/api/schedules/preview", &body).await;
    assert_eq!(preview.json()["next_times"].as_array().unwrap().len(), 5, "{}", preview.text);
    assert_eq!(server.get("/api/schedules").await.json()["items"], json!([]));
}

#[tokio::test]
async fn it_goes_with_the_session_it_was_given() {
    let server = start(0).await;
    let given = server.session().await;
    let made = make(
        &server,
        json!({
            "title": "t", "task": "do", "recurrence": {"kind": "every", "seconds": 3600},
            "session_id": given.rsplit('/').next().unwrap(),
        }),
    )
    .await;
    assert_eq!((session(&made), &made["has_own_session"]), (given.clone(), &json!(false)));
    let deleted = server.call(Method::DELETE, &given, &json!({})).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(server.get(&path(&made)).await.problem(), "not-found");
    let fired = server.post(&format!("{}/run", path(&made)), &json!({})).await;
    assert_eq!(fired.problem(), "not-found");
}

#[tokio::test]
async fn a_model_makes_a_schedule_that_fires_where_it_was_asked_for() {
    let call = json!({"title": "Tea", "task": "Say that the tea is ready.", "in_seconds": 1});
    let scripts = [
        Script::tool("call-1", "schedule_create", call),
        Script::text("I will."),
        Script::text("The tea is ready."),
    ];
    let often = ("LIVOS_SCHEDULES_MIN_INTERVAL_SECONDS", "1");
    let server = TestServer::with(scripted(scripts), &[often]).await;
    let session = server.session().await;
    let run = server.say(&session, "Remind me of the tea.").await;
    assert_eq!(server.finished(&session, &run).await["text"], "I will.");
    let mut events = server.events(&session, "").await;
    let reminded = loop {
        let event = events.next().await.unwrap();
        if event["type"] == "run_finished" && event["run_id"] != run {
            break event;
        }
    };
    assert_eq!(reminded["text"], "The tea is ready.");
}

#[tokio::test]
async fn a_named_agent_does_it_and_takes_it_along_when_it_is_forgotten() {
    let server = start(1).await;
    let agent = json!({
        "id": "clerk", "description": "Knows the time.", "instructions": "You are a clerk.",
        "tools": ["time"], "model": "scripted/m",
        "budget": {"turns": 2, "tokens": 9_000, "seconds": 30},
    });
    let loops = json!({
        "title": "t", "task": "What time is it?", "agent": "clerk",
        "recurrence": {"kind": "every", "seconds": 3600},
    });
    let early = server.post("/api/schedules", &loops).await;
    assert_eq!(early.json()["errors"][0]["field"], "agent", "{}", early.text);
    assert_eq!(server.get("/api/schedules").await.json()["items"], json!([]));
    assert_eq!(server.post("/api/subagents", &agent).await.status, 201);
    let made = make(&server, loops).await;
    assert_eq!(made["plan"]["agent"], "clerk");
    let fired = server.post(&format!("{}/run", path(&made)), &json!({})).await.json();
    let run = fired["run_id"].as_str().unwrap();
    server.finished(&session(&made), run).await;
    let run = server.get(&format!("/api/runs/{run}")).await.json();
    assert_eq!((&run["agent"], &run["trigger"]), (&json!("clerk"), &json!("schedule")));
    let mut events = server.events(&session(&made), "").await;
    let admitted = events.next().await.unwrap();
    assert_eq!(admitted["budget"]["tokens"], 9_000, "{admitted}");
    assert_eq!(admitted["profile"]["tools"], json!(["time"]), "{admitted}");
    let unknown = server.call(Method::PATCH, &path(&made), &json!({"agent": "nobody"})).await;
    assert_eq!(unknown.json()["errors"][0]["field"], "agent", "{}", unknown.text);

    let removed = server.call(Method::DELETE, "/api/subagents/clerk", &json!({})).await;
    assert_eq!(removed.status, 204);
    assert_eq!(server.get(&path(&made)).await.problem(), "not-found");
    assert_eq!(server.get("/api/schedules").await.json()["items"], json!([]));
    assert_eq!(server.get(&session(&made)).await.status, 200, "what it did stays");
}
