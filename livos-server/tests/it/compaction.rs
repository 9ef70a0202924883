//! Conversations made shorter, by themselves and by hand.

use livos_core::Capabilities;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Value;
use serde_json::json;

use crate::gated_provider::GatedProvider;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

const LITTLE_IS_KEPT: &[(&str, &str)] = &[("LIVOS_COMPACTION_KEEP_MESSAGES", "2")];

fn long(word: &str) -> Script {
    Script::text(&format!("{word} ").repeat(400))
}

/// Says something so many times, and waits for the answers.
async fn talk(server: &TestServer, session: &str, times: usize) {
    for turn in 0..times {
        let run = server.say(session, &format!("question {turn}")).await;
        assert_eq!(server.finished(session, &run).await["status"], "completed");
    }
}

/// The calls for summaries: how many were answered, failed, were discarded.
async fn summaries(server: &TestServer) -> (u64, u64, u64) {
    let totals = server.get("/api/usage?group_by=purpose").await.json();
    let is_compaction = |total: &&Value| total["group"]["purpose"] == "compaction";
    let total = totals["items"].as_array().unwrap().iter().find(is_compaction);
    let count = |name: &str| total.map_or(0, |total| total[name].as_u64().unwrap());
    (count("answered"), count("failed"), count("discarded"))
}

#[tokio::test]
async fn a_session_is_compacted_by_hand() {
    let answers = [long("one"), long("two"), long("three"), Script::text("They counted.")];
    let server = TestServer::with(scripted(answers), LITTLE_IS_KEPT).await;
    let session = server.session().await;
    let path = format!("{session}/compact");
    let nothing = server.post(&path, &json!({})).await;
    assert_eq!((nothing.status, &nothing.json()["saved_tokens"]), (200, &json!(0)));
    assert_eq!(nothing.json().get("seq"), None);

    talk(&server, &session, 3).await;
    let history = server.get(&format!("{session}/messages")).await.json();
    let before = server.events(&session, "?wait=0").await.rest().await.len();
    let mut watching = server.events(&session, &format!("?after={before}")).await;
    let answer = server.post(&path, &json!({"instructions": "Keep the numbers."})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let saved = answer.json();
    assert_eq!(saved["messages_summarised"], 4, "{saved}");
    let [before, after] =
        ["tokens_before", "tokens_after"].map(|name| saved[name].as_u64().unwrap());
    assert!(before > after && saved["saved_tokens"] == before - after, "{saved}");

    let event = watching.next().await.unwrap();
    assert_eq!((&event["type"], &event["seq"]), (&json!("compacted"), &saved["seq"]));
    assert_eq!(event["view"]["summary"], "They counted.");
    assert_eq!(event["reason"], "requested");
    assert_eq!(server.get(&format!("{session}/messages")).await.json(), history, "nothing is lost");
    assert_eq!(summaries(&server).await, (1, 0, 0));
}

#[tokio::test]
async fn a_run_compacts_by_itself_when_the_settings_say_so() {
    let answers = (0..14).map(|_| long("word"));
    let settings =
        [("LIVOS_COMPACTION_KEEP_MESSAGES", "1"), ("LIVOS_COMPACTION_THRESHOLD_TOKENS", "4000")];
    let server = TestServer::with(scripted(answers), &settings).await;
    let session = server.session().await;
    talk(&server, &session, 10).await;
    let mut events = server.events(&session, "?wait=0").await;
    let compacted = loop {
        let event = events.next().await.expect("it is compacted");
        if event["type"] == "compacted" {
            break event;
        }
    };
    assert_eq!(
        (&compacted["reason"], &compacted["method"]),
        (&json!("threshold"), &json!("summarised"))
    );
    let (answered, failed, discarded) = summaries(&server).await;
    assert!(answered > 0 && failed + discarded == 0);
}

#[tokio::test]
async fn during_a_run_a_session_is_not_compacted() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), LITTLE_IS_KEPT).await;
    let session = server.session().await;
    let path = format!("{session}/compact");
    let run = server.say(&session, "first").await;
    let mut call = calls.recv().await.unwrap();
    let refused = server.post(&path, &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (409, "run-under-way".to_owned()));
    assert!(refused.json()["detail"].as_str().unwrap().contains(&run), "{}", refused.text);
    call.say(&"long ".repeat(500));
    call.finish();
    server.finished(&session, &run).await;

    // While the summary is written, somebody says something.
    for _ in 0..2 {
        let run = server.say(&session, "go on").await;
        let mut call = calls.recv().await.unwrap();
        call.say(&"long ".repeat(500));
        call.finish();
        server.finished(&session, &run).await;
    }
    let no_wishes = json!({});
    let (overtaken, ()) = tokio::join!(server.post(&path, &no_wishes), async {
        let mut summary = calls.recv().await.unwrap();
        let run = server.say(&session, "meanwhile").await;
        let mut answer = calls.recv().await.unwrap();
        answer.say("Yes.");
        answer.finish();
        server.finished(&session, &run).await;
        summary.say("They talked.");
        summary.finish();
    });
    assert_eq!((overtaken.status, overtaken.problem()), (409, "run-under-way".to_owned()));
    assert_eq!(summaries(&server).await, (1, 0, 0), "it is paid for all the same");
}

#[tokio::test]
async fn without_a_summary_the_session_stays_as_it_is() {
    let answers = [long("one"), long("two"), long("three"), Script::text("  ")];
    let server = TestServer::with(scripted(answers), LITTLE_IS_KEPT).await;
    let session = server.session().await;
    talk(&server, &session, 3).await;
    let before = server.events(&session, "?wait=0").await.rest().await;
    let path = format!("{session}/compact");
    let failed = server.post(&path, &json!({})).await;
    assert_eq!((failed.status, failed.problem()), (502, "provider-failed".to_owned()));
    assert!(failed.text.contains("the summary is empty"), "{}", failed.text);
    assert_eq!(server.events(&session, "?wait=0").await.rest().await, before);
    assert_eq!(summaries(&server).await, (1, 0, 0));
    let wordy = server.post(&path, &json!({"instructions": "x".repeat(2_001)})).await;
    assert_eq!((wordy.status, wordy.problem()), (422, "invalid-input".to_owned()));
    let nowhere = server.post(&path.replace('0', "1"), &json!({})).await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn what_every_request_takes_is_told() {
    let server = TestServer::start().await;
    let status = server.get("/api/status").await.json();
    let context = &status["context"];
    assert_eq!(status["model"], "scripted/m");
    let count = |name: &str| context[name].as_u64().unwrap();
    assert!(count("system_tokens") > 0 && count("tool_tokens") > 500, "{status}");
    assert_eq!(count("fixed_tokens"), count("system_tokens") + count("tool_tokens"));
    assert_eq!((context.get("problem"), &context["counted_by"]), (None, &json!("estimate")));
}

/// A model with a window in which the tools alone leave no room.
pub(crate) fn tiny() -> livos_server::Models {
    let mut capabilities = Capabilities::default();
    capabilities.context_window = Some(1_024);
    models(ScriptedProvider::new("tiny", []).with_capabilities(capabilities))
}

#[tokio::test]
async fn tools_that_leave_no_room_are_told_before_anything_is_asked() {
    let server = TestServer::with(tiny(), &[]).await;
    let status = server.get("/api/status").await.json();
    let problem = status["context"]["problem"].as_str().unwrap();
    assert!(problem.contains("of the 1024 tokens of 'tiny/m'"), "{problem}");
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    let end = server.finished(&session, &run).await;
    assert_eq!(end["error"]["kind"], "context_overhead");
    assert_eq!(end["error"]["message"], problem);
}
