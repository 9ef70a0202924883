//! Sessions searched, forked, exported and imported, and what they used.

use livos_core::Usage;
use livos_core::testing::Script;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::scripted;

async fn talked(texts: &[&str]) -> (TestServer, Vec<String>) {
    let usage = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
    let scripts: Vec<_> = texts
        .iter()
        .chain(&["Once more.", "And more."])
        .map(|text| Script::text(text).usage(usage))
        .collect();
    let server = TestServer::with(scripted(scripts), &[]).await;
    let mut sessions = Vec::new();
    for text in texts {
        let session = server.session().await;
        let run = server.say(&session, &format!("about {text}")).await;
        server.finished(&session, &run).await;
        sessions.push(session);
    }
    (server, sessions)
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| format!("/api/sessions/{}", item["id"].as_str().unwrap())).collect()
}

async fn history(server: &TestServer, session: &str) -> Vec<Value> {
    let history = server.get(&format!("{session}/messages")).await.json();
    let items = history["items"].as_array().unwrap().iter();
    items.map(|item| item["message"]["content"][0]["text"].clone()).collect()
}

async fn import(server: &TestServer, query: &str, text: String) -> crate::test_server::Answer {
    let request = server
        .bare(Method::POST, &format!("/api/sessions/import{query}"))
        .bearer_auth(KEY)
        .header("content-type", "application/x-ndjson")
        .body(text);
    server.send(request).await
}

#[tokio::test]
async fn sessions_are_found_by_what_was_said_and_the_last_used_comes_first() {
    let (server, sessions) = talked(&["apples", "pears"]).await;
    let list = server.get("/api/sessions").await.json();
    assert_eq!(ids(&list), [sessions[1].clone(), sessions[0].clone()]);
    let run = server.say(&sessions[0], "again").await;
    server.finished(&sessions[0], &run).await;
    assert_eq!(ids(&server.get("/api/sessions").await.json())[0], sessions[0]);
    assert_eq!(ids(&server.get("/api/sessions?q=PEAR").await.json()), [sessions[1].clone()]);
    assert!(ids(&server.get("/api/sessions?q=plums").await.json()).is_empty());
}

#[tokio::test]
async fn a_fork_knows_what_was_said_before_and_goes_its_own_way() {
    let (server, sessions) = talked(&["apples"]).await;
    let forked = server.post(&format!("{}/fork", sessions[0]), &json!({})).await;
    assert_eq!(forked.status, 201, "{}", forked.text);
    let fork = format!("/api/sessions/{}", forked.json()["id"].as_str().unwrap());
    let run = server.say(&fork, "and then?").await;
    assert_eq!(server.finished(&fork, &run).await["text"], "Once more.");
    assert_eq!(
        history(&server, &fork).await,
        ["about apples", "apples", "and then?", "Once more."]
    );
    assert_eq!(history(&server, &sessions[0]).await.len(), 2, "the other is as it was");
    let too_far = server.post(&format!("{}/fork", sessions[0]), &json!({"seq": 99})).await;
    assert_eq!(too_far.json()["errors"][0]["field"], "seq");
}

#[tokio::test]
async fn an_exported_session_can_be_taken_over_and_gone_on_with() {
    let (server, sessions) = talked(&["apples"]).await;
    let exported = server.get(&format!("{}/export", sessions[0])).await;
    assert_eq!(exported.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> =
        exported.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["entries"], lines.len() as u64 - 1);
    assert_eq!((&lines[1]["type"], &lines[1]["seq"]), (&json!("run_admitted"), &json!(1)));
    assert_eq!(import(&server, "", exported.text.clone()).await.problem(), "conflict");
    let copied = import(&server, "?as=new", exported.text.clone()).await;
    assert_eq!(copied.status, 201, "{}", copied.text);
    let copy = format!("/api/sessions/{}", copied.json()["id"].as_str().unwrap());
    assert_eq!(history(&server, &copy).await, history(&server, &sessions[0]).await);
    // The same id again, after it was deleted: nothing of the old one is remembered.
    server.call(Method::DELETE, &sessions[0], &json!({})).await;
    let shorter: Vec<_> = exported.text.lines().take(2).collect();
    assert!(import(&server, "", shorter.join("\n")).await.text.contains("the file was cut"));
    assert_eq!(import(&server, "", exported.text).await.status, 201);
    let run = server.say(&sessions[0], "and then?").await;
    assert_eq!(server.finished(&sessions[0], &run).await["text"], "Once more.");
}

#[tokio::test]
async fn what_is_no_exported_session_is_told_by_line() {
    let server = TestServer::start().await;
    for text in ["", "{}", "nonsense"] {
        let answer = import(&server, "", text.to_owned()).await;
        assert_eq!(answer.json()["errors"][0]["field"], "line 1", "{text}");
    }
    let json = server.post("/api/sessions/import", &json!({})).await;
    assert_eq!(json.problem(), "unsupported-media-type");
}

#[tokio::test]
async fn usage_is_summed_by_what_one_asks_for() {
    let (server, sessions) = talked(&["apples", "pears"]).await;
    let all = server.get("/api/usage").await.json();
    assert_eq!(
        (&all["items"][0]["answered"], &all["items"][0]["usage"]["input_tokens"]),
        (&json!(2), &json!(14))
    );
    let grouped = server.get("/api/usage?group_by=provider,session&from=2026-01-01").await.json();
    let groups: Vec<&Value> =
        grouped["items"].as_array().unwrap().iter().map(|total| &total["group"]).collect();
    assert_eq!(groups.len(), 2);
    assert!(groups.iter().all(|group| group["provider"] == "scripted"));
    let id = sessions[0].strip_prefix("/api/sessions/").unwrap();
    let one = server.get(&format!("/api/usage?session={id}")).await.json();
    assert_eq!(one["items"][0]["answered"], 1);
    let wrong = server.get("/api/usage?group_by=colour&from=yesterday").await.json();
    let fields: Vec<&Value> =
        wrong["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["group_by", "from"]);
}

#[tokio::test]
async fn no_model_is_asked_when_the_day_is_spent() {
    let limit = [("LIVOS_AGENT_DAILY_LIMIT_MICRO_USD", "0")];
    let server = TestServer::with(scripted([Script::text("Hello.")]), &limit).await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    let end = server.finished(&session, &run).await;
    assert_eq!(
        (&end["status"], &end["error"]["kind"]),
        (&json!("exhausted"), &json!("daily_limit"))
    );
}
