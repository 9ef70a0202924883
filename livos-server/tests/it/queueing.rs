//! What happens to messages that arrive during a run, and how runs are stopped.

use std::time::Duration;
use std::time::Instant;

use livos_core::Message;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::gated_provider::GatedProvider;
use crate::gated_provider::OpenCall;
use crate::test_server::TestServer;
use crate::test_server::models;

async fn start() -> (TestServer, UnboundedReceiver<OpenCall>, String) {
    let (provider, calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    (server, calls, session)
}

fn said(call: &OpenCall) -> Vec<String> {
    call.request.conversation.iter().map(|message| Message::text(message)).collect()
}

#[tokio::test]
async fn a_message_during_a_run_joins_it() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "first").await;
    let mut call = calls.recv().await.unwrap();
    let (joined, _) = server.say_with(&session, &json!({"text": "and this"})).await;
    assert_eq!(joined, run);
    call.say("One.");
    call.finish();
    let mut second = calls.recv().await.unwrap();
    assert_eq!(said(&second), ["first", "One.", "and this"]);
    second.say("Two.");
    second.finish();
    assert_eq!(server.finished(&session, &run).await["text"], "Two.");
}

#[tokio::test]
async fn a_queued_message_gets_the_next_run_and_sees_the_answer_before_it() {
    let (server, mut calls, session) = start().await;
    let first = server.say(&session, "first").await;
    let mut call = calls.recv().await.unwrap();
    let (second, seq) =
        server.say_with(&session, &json!({"text": "second", "mode": "queue"})).await;
    assert_ne!(first, second);
    let admitted =
        server.events(&session, &format!("?wait=0&after={}", seq - 1)).await.rest().await;
    assert_eq!(
        admitted[0],
        format!("{seq}:run_admitted"),
        "it is in the journal when it is acknowledged"
    );
    assert_eq!(server.get(&format!("/api/runs/{second}")).await.json()["status"], "queued");
    call.say("One.");
    call.finish();
    let mut call = calls.recv().await.unwrap();
    assert_eq!(said(&call), ["first", "One.", "second"]);
    call.say("Two.");
    call.finish();
    assert_eq!(server.finished(&session, &second).await["text"], "Two.");
}

#[tokio::test]
async fn an_interrupting_message_stops_the_run_and_goes_first() {
    let (server, mut calls, session) = start().await;
    let first = server.say(&session, "first").await;
    let call = calls.recv().await.unwrap();
    let (waiting, _) = server.say_with(&session, &json!({"text": "later", "mode": "queue"})).await;
    let (urgent, _) = server.say_with(&session, &json!({"text": "now", "mode": "interrupt"})).await;
    call.hung_up().await;
    assert_eq!(server.finished(&session, &first).await["status"], "cancelled");
    let next = calls.recv().await.unwrap();
    assert_eq!(said(&next).last().unwrap(), "now");
    next.finish();
    server.finished(&session, &urgent).await;
    calls.recv().await.unwrap().finish();
    server.finished(&session, &waiting).await;
}

#[tokio::test]
async fn cancel_stops_the_model_call_and_answers_within_a_second() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    call.say("I will nev");
    let asked = Instant::now();
    let answer = server.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")));
    call.hung_up().await;
    let again = server.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(again.json()["status"], "cancelled", "cancelling twice changes nothing");
}

#[tokio::test]
async fn the_text_of_a_stopped_answer_is_there_after_a_reload_and_the_model_sees_it() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    let mut events = server.events(&session, "").await;
    call.say("I will nev");
    events.until("3+I will nev").await;
    server.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(server.finished(&session, &run).await["text"], "I will nev");
    let history = server.get(&format!("{session}/messages")).await.json();
    assert_eq!(history["items"][1]["message"]["content"][0]["text"], "I will nev");
    server.say(&session, "go on").await;
    let next = calls.recv().await.unwrap();
    assert_eq!(said(&next), ["hi", "I will nev", "go on"]);
    next.finish();
}

#[tokio::test]
async fn a_queued_run_can_be_cancelled_before_it_begins() {
    let (server, mut calls, session) = start().await;
    let first = server.say(&session, "first").await;
    let mut call = calls.recv().await.unwrap();
    let (second, _) = server.say_with(&session, &json!({"text": "second", "mode": "queue"})).await;
    let answer = server.post(&format!("/api/runs/{second}/cancel"), &json!({})).await;
    assert_eq!(answer.json()["status"], "cancelled");
    call.say("One.");
    call.finish();
    assert_eq!(server.finished(&session, &first).await["status"], "completed");
    assert!(calls.try_recv().is_err(), "nothing was asked for the cancelled run");
}

#[tokio::test]
async fn what_was_said_to_a_run_that_was_stopped_is_kept_and_not_acted_on() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "first").await;
    let _call = calls.recv().await.unwrap();
    server.say(&session, "too late").await;
    server.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    server.finished(&session, &run).await;
    let history = server.get(&format!("{session}/messages")).await.json();
    let texts: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["message"]["content"][0]["text"])
        .collect();
    assert_eq!(texts, [&json!("first"), &json!("too late")]);
    assert!(calls.try_recv().is_err());
}

#[tokio::test]
async fn the_same_key_again_is_the_same_run() {
    let (server, mut calls, session) = start().await;
    let message = json!({"text": "hi", "idempotency_key": "k1", "mode": "queue"});
    let first = server.say_with(&session, &message).await;
    assert_eq!(server.say_with(&session, &message).await, first);
    calls.recv().await.unwrap().finish();
    server.finished(&session, &first.0).await;
    assert_eq!(server.say_with(&session, &message).await, first, "also when the run has ended");
    let runs = server.get("/api/runs").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn sessions_do_not_wait_for_each_other() {
    let (server, mut calls, one) = start().await;
    let two = server.session().await;
    server.say(&one, "slow").await;
    let _slow = calls.recv().await.unwrap();
    let quick = server.say(&two, "quick").await;
    let mut call = calls.recv().await.unwrap();
    call.say("Done.");
    call.finish();
    assert_eq!(server.finished(&two, &quick).await["status"], "completed");
}

#[tokio::test]
async fn no_more_runs_than_allowed_are_under_way() {
    let (provider, mut calls) = GatedProvider::new();
    let limit = [("LIVOS_AGENT_MAX_CONCURRENT_RUNS", "1")];
    let server = TestServer::with(models(provider), &limit).await;
    let (one, two) = (server.session().await, server.session().await);
    server.say(&one, "first").await;
    let call = calls.recv().await.unwrap();
    let second = server.say(&two, "second").await;
    assert_eq!(server.get(&format!("/api/runs/{second}")).await.json()["status"], "queued");
    assert!(calls.try_recv().is_err());
    call.finish();
    calls.recv().await.unwrap().finish();
    server.finished(&two, &second).await;
}

#[tokio::test]
async fn a_run_that_panics_harms_nothing_else() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "panic").await;
    let end = server.finished(&session, &run).await;
    assert_eq!((&end["status"], &end["error"]["kind"]), (&json!("failed"), &json!("panicked")));
    let run = server.say(&session, "hi").await;
    calls.recv().await.unwrap().finish();
    assert_eq!(server.finished(&session, &run).await["status"], "completed");
}

#[tokio::test]
async fn deleting_a_session_stops_what_runs_in_it() {
    let (server, mut calls, session) = start().await;
    let run = server.say(&session, "hi").await;
    let call = calls.recv().await.unwrap();
    let deleted = server.call(reqwest::Method::DELETE, &session, &json!({})).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    call.hung_up().await;
    assert_eq!(server.get(&session).await.problem(), "not-found");
    assert_eq!(server.get(&format!("/api/runs/{run}")).await.problem(), "not-found");
}
