//! Named agents over the API, and what runs that they and other agents do look like.

use livos_core::testing::Script;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::TestServer;
use crate::test_server::scripted;

fn clerk() -> Value {
    json!({
        "id": "clerk", "description": "Knows the time.", "instructions": "You are a clerk.",
        "tools": ["time"], "budget": {"turns": 2, "tokens": 9_000, "seconds": 30},
    })
}

#[tokio::test]
async fn agents_are_kept_changed_listed_and_forgotten() {
    let server = TestServer::start().await;
    let made = server.post("/api/subagents", &clerk()).await;
    assert_eq!((made.status, &made.json()["version"]), (201, &json!(1)), "{}", made.text);
    let twice = server.post("/api/subagents", &clerk()).await;
    assert_eq!((twice.status, twice.problem()), (409, "conflict".into()), "{}", twice.text);
    assert!(twice.text.contains("there is an agent 'clerk' already"), "{}", twice.text);
    let change = json!({"description": "Knows the hour."});
    let changed = server.call(Method::PATCH, "/api/subagents/clerk", &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let expected = json!({"description": "Knows the hour.", "version": 2});
    let mut whole = clerk();
    for (name, value) in expected.as_object().unwrap() {
        whole[name] = value.clone();
    }
    assert_eq!(server.get("/api/subagents/clerk").await.json(), whole);
    assert_eq!(server.get("/api/subagents").await.json()["items"], json!([whole]));
    let less = json!({"tools": null, "model": "scripted/other"});
    let changed = server.call(Method::PATCH, "/api/subagents/clerk", &less).await.json();
    assert_eq!((&changed["tools"], &changed["model"]), (&Value::Null, &json!("scripted/other")));
    let less = json!({"budget": null, "model": null});
    let changed = server.call(Method::PATCH, "/api/subagents/clerk", &less).await.json();
    assert_eq!((&changed["budget"], &changed["model"]), (&Value::Null, &Value::Null), "{changed}");
    let removed = server.call(Method::DELETE, "/api/subagents/clerk", &json!({})).await;
    assert_eq!(removed.status, 204);
    assert_eq!(server.get("/api/subagents").await.json()["items"], json!([]));
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let gone = server.call(method.clone(), "/api/subagents/clerk", &json!({})).await;
        assert_eq!(gone.problem(), "not-found", "{method}");
    }
    let again = server.post("/api/subagents", &clerk()).await;
    assert_eq!(again.status, 201, "its name is free again: {}", again.text);
}

#[tokio::test]
async fn what_is_no_agent_names_its_field() {
    let server = TestServer::start().await;
    let cases = [
        ("id", json!({"id": "No Name"})),
        ("description", json!({"description": " "})),
        ("instructions", json!({"instructions": "x".repeat(40_000)})),
        ("tools", json!({"tools": ["rocket"]})),
        ("model", json!({"model": "no model"})),
        ("model", json!({"model": "nobody/large"})),
        ("budget.turns", json!({"budget": {"turns": 9, "tokens": 1, "seconds": 1}})),
        ("budget.tokens", json!({"budget": {"turns": 1, "tokens": 60_000, "seconds": 1}})),
        ("budget.seconds", json!({"budget": {"turns": 1, "tokens": 1, "seconds": 121}})),
        ("budget", json!({"budget": {"turns": 0, "tokens": 1, "seconds": 1}})),
        ("colour", json!({"colour": "red"})),
    ];
    for (field, change) in cases {
        let mut body = clerk();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = server.post("/api/subagents", &body).await;
        assert_eq!(refused.problem(), "invalid-input", "{field}: {}", refused.text);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text);
    }
    assert_eq!(server.get("/api/subagents").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_named_agent_works_for_a_conversation_and_its_run_is_seen() {
    let call = json!({"task": "What time is it?", "agent": "clerk"});
    let scripts = [
        Script::tool("call-1", "sessions_create", call),
        Script::text("Noon."),
        Script::text("The clerk says noon."),
    ];
    let server = TestServer::with(scripted(scripts), &[]).await;
    assert_eq!(server.post("/api/subagents", &clerk()).await.status, 201);
    let session = server.session().await;
    let run = server.say(&session, "Ask the clerk.").await;
    assert_eq!(server.finished(&session, &run).await["text"], "The clerk says noon.");
    let mut events = server.events(&session, "").await;
    let (mut started, mut finished) = (Value::Null, Value::Null);
    loop {
        let event = events.next().await.unwrap();
        match event["type"].as_str().unwrap() {
            "subagent_started" => started = event,
            "subagent_finished" => finished = event,
            "run_finished" => break,
            _ => {}
        }
    }
    assert_eq!(started["task"], "What time is it?");
    assert_eq!((&finished["status"], &finished["text"]), (&json!("completed"), &json!("Noon.")));
    let children = server.get(&format!("/api/runs?parent={run}")).await.json();
    let child = &children["items"][0];
    assert_eq!(
        (&child["id"], &child["agent"], &child["trigger"], &child["parent_run_id"]),
        (&started["child_run_id"], &json!("clerk"), &json!("subagent"), &json!(run))
    );
    let parent = session.rsplit('/').next().unwrap();
    let sessions = server.get(&format!("/api/sessions?parent={parent}")).await.json();
    assert_eq!(sessions["items"][0]["id"], started["child_session_id"]);
    assert_eq!(sessions["items"][0]["title"], "What time is it?");
}

#[tokio::test]
async fn a_result_that_is_wanted_later_comes_as_a_message() {
    let call = json!({"task": "Read the long report.", "result": "later"});
    let scripts = [
        Script::tool("call-1", "sessions_create", call),
        Script::text("It says yes."),
        Script::text("It says yes."),
        Script::text("It says yes."),
    ];
    let server = TestServer::with(scripted(scripts), &[]).await;
    let session = server.session().await;
    server.say(&session, "Have the report read.").await;
    let mut events = server.events(&session, "").await;
    // It joins the run that is under way, or begins one.
    let told = loop {
        let event = events.next().await.unwrap();
        let message = match event["type"].as_str().unwrap() {
            "run_admitted" => &event["input"],
            "input_joined" => &event["message"],
            _ => continue,
        };
        let text = message["content"][0]["text"].as_str().unwrap().to_owned();
        if text.starts_with("[The agent in session ") {
            break text;
        }
    };
    assert!(told.ends_with(" is done. What it said:]\nIt says yes."), "{told}");
}

#[tokio::test]
async fn a_named_agent_does_tasks_with_its_own_tools() {
    let scripts =
        [Script::tool("call-1", "file_list", json!({"path": "."})), Script::text("I may not.")];
    let server = TestServer::with(scripted(scripts), &[]).await;
    assert_eq!(server.post("/api/subagents", &clerk()).await.status, 201);
    let body = json!({"tasks": ["List the files."], "agent": "clerk"});
    let task = server.post("/api/tasks", &body).await.json()["tasks"][0].clone();
    let session = format!("/api/sessions/{}", task["session_id"].as_str().unwrap());
    let id = task["id"].as_str().unwrap();
    assert_eq!(server.finished(&session, id).await["text"], "I may not.");
    let shown = server.get(&format!("/api/tasks/{id}")).await.json();
    assert_eq!(shown["agent"], "clerk");
    let mut events = server.events(&session, "").await;
    let refused = loop {
        let event = events.next().await.unwrap();
        if event["type"] == "tool_finished" {
            break event;
        }
    };
    assert!(refused.to_string().contains("there is no tool `file_list`"), "{refused}");
}
