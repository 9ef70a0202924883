//! Sessions and what is said in them.

use livos_core::testing::Script;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::TestServer;
use crate::test_server::scripted;

#[tokio::test]
async fn a_session_is_made_renamed_and_deleted() {
    let server = TestServer::start().await;
    let body = json!({"title": " Plans ", "model": "scripted/m"});
    let made = server.post("/api/sessions", &body).await;
    assert_eq!(made.status, 201);
    let path = format!("/api/sessions/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(made.json()["title"], "Plans");
    let changed = server.call(Method::PATCH, &path, &json!({"title": "Other plans"})).await;
    assert_eq!(changed.json()["title"], "Other plans");
    assert_eq!(server.get(&path).await.json()["model"], "scripted/m");
    assert_eq!(server.call(Method::DELETE, &path, &json!({})).await.status, 204);
    assert_eq!(server.get(&path).await.status, 404);
    assert_eq!(server.call(Method::PATCH, &path, &json!({"title": "x"})).await.status, 404);
    assert_eq!(server.call(Method::DELETE, &path, &json!({})).await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_without_gap_or_repeat() {
    let server = TestServer::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(server.session().await);
    }
    let (mut listed, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = server.get(&format!("/api/sessions{query}")).await.json();
        for item in page["items"].as_array().unwrap() {
            listed.push(format!("/api/sessions/{}", item["id"].as_str().unwrap()));
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    made.reverse();
    assert_eq!(listed, made, "newest first");
}

#[tokio::test]
async fn what_cannot_be_used_is_named_field_by_field() {
    let server = TestServer::start().await;
    let faults = |answer: &crate::test_server::Answer| -> Vec<String> {
        assert_eq!(answer.problem(), "invalid-input");
        let errors = answer.json()["errors"].clone();
        errors
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    };
    let answer = server.post("/api/sessions", &json!({"title": " ", "model": "a b"})).await;
    assert_eq!(faults(&answer), ["title", "model"]);
    assert_eq!(faults(&server.post("/api/sessions", &json!({"titel": "x"})).await), ["titel"]);
    assert_eq!(faults(&server.get("/api/sessions?limit=0").await), ["limit"]);
    assert_eq!(faults(&server.get("/api/sessions?cursor=x").await), ["cursor"]);
    assert_eq!(faults(&server.get("/api/runs?status=lost&session=x").await), ["session", "status"]);
    let session = server.session().await;
    let messages = format!("{session}/messages");
    assert_eq!(faults(&server.post(&messages, &json!({})).await), ["text"]);
    assert_eq!(
        faults(&server.post(&messages, &json!({"text": "x", "mode": "now"})).await),
        ["mode"]
    );
    let attached = json!({"attachments": [{"media_type": "video/mp4", "base64": "AAAA"}, {"media_type": "image/png", "base64": "?"}]});
    let expected = ["attachments[0].media_type", "attachments[1].base64"];
    assert_eq!(faults(&server.post(&messages, &attached).await), expected);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    let nobody = "/api/sessions/0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10";
    for path in [
        nobody.to_owned(),
        format!("{nobody}/messages"),
        format!("{nobody}/events"),
        "/api/sessions/7".to_owned(),
        "/api/runs/7".to_owned(),
    ] {
        let answer = server.get(&path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{path}");
    }
    let answer = server.post(&format!("{nobody}/messages"), &json!({"text": "hi"})).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn history_is_read_backwards() {
    let scripts = ["one", "two", "three"].map(Script::text);
    let server = TestServer::with(scripted(scripts), &[]).await;
    let session = server.session().await;
    for text in ["1", "2", "3"] {
        let run = server.say(&session, text).await;
        server.finished(&session, &run).await;
    }
    let texts = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["message"]["content"][0]["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest = server.get(&format!("{session}/messages?limit=4")).await.json();
    assert_eq!(texts(&newest), ["2", "two", "3", "three"]);
    let before = newest["next_before"].as_u64().unwrap();
    let older = server.get(&format!("{session}/messages?limit=4&before={before}")).await.json();
    assert_eq!(
        (texts(&older), &older["next_before"]),
        (vec!["1".into(), "one".into()], &Value::Null)
    );
}

#[tokio::test]
async fn a_run_is_shown_with_what_it_used() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    server.finished(&session, &run).await;
    let mut shown = server.get(&format!("/api/runs/{run}")).await.json();
    for field in ["id", "session_id", "admitted_at", "finished_at"] {
        shown[field] = json!(format!("[{field}]"));
    }
    insta::assert_json_snapshot!(shown);
    let listed = server.get("/api/runs?status=completed").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let none = server.get("/api/runs?status=failed").await.json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn an_unknown_model_fails_the_run_with_its_kind() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let message = json!({"text": "hi", "model": "nobody/nothing"});
    let (run, _) = server.say_with(&session, &message).await;
    let end = server.finished(&session, &run).await;
    assert_eq!(
        (&end["status"], &end["error"]["kind"]),
        (&json!("failed"), &json!("unknown_model"))
    );
}

#[tokio::test]
async fn the_catalogue_tells_what_there_is() {
    let server = TestServer::start().await;
    let tools = server.get("/api/tools").await.json();
    let names: Vec<_> = tools["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "agent_create",
            "agent_list",
            "ask_user",
            "file_edit",
            "file_list",
            "file_read",
            "file_search",
            "file_write",
            "memory_add",
            "memory_forget",
            "memory_search",
            "schedule_create",
            "schedule_delete",
            "schedule_list",
            "sessions_create",
            "sessions_history",
            "sessions_list",
            "sessions_send",
            "system_info",
            "time",
            "todo",
            "tool_search",
            "web_fetch"
        ],
        "no shell, no requests and no containers unless they are on"
    );
    let guide = include_str!("../../../docs/tools.md");
    for tool in tools["items"].as_array().unwrap() {
        let (name, effect) = (tool["name"].as_str().unwrap(), tool["effect"].as_str().unwrap());
        let row =
            guide.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/tools.md has no {name}"));
        assert!(row.contains(&effect.replace('_', "-")), "{name} is {effect}, and not: {row}");
    }
    let models = server.get("/api/models").await.json();
    assert_eq!(
        (&models["items"][0]["id"], &models["items"][0]["default"]),
        (&json!("scripted/m"), &json!(true))
    );
    insta::assert_json_snapshot!(server.get("/api/providers").await.json());
}

#[tokio::test]
async fn health_names_its_checks() {
    let server = TestServer::start().await;
    let alive = server.send(server.bare(Method::GET, "/healthz")).await;
    assert_eq!((alive.status, &alive.json()["status"]), (200, &json!("ok")));
    // The providers are looked up after the port is open.
    server.get("/api/tools").await;
    let ready = server.send(server.bare(Method::GET, "/readyz")).await;
    assert_eq!(ready.status, 200);
    insta::assert_json_snapshot!(ready.json());
    let none = TestServer::with(
        livos_server::Models::new(livos_core::ProviderManager::builder().build()),
        &[],
    )
    .await;
    none.get("/api/tools").await;
    let ready = none.send(none.bare(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("failing")));
}

#[tokio::test]
async fn what_happens_is_counted() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    server.finished(&session, &run).await;
    let page = server.get("/metrics").await.text;
    assert!(page.contains("livos_runs_total{status=\"completed\"} 1"), "{page}");
    assert!(
        page.contains(
            "livos_http_requests_total{route=\"/api/sessions\",method=\"POST\",status=\"201\"} 1"
        ),
        "{page}"
    );
    assert!(page.ends_with("# EOF\n"));
}
