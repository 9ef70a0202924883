//! Event streams: no gap, no repeat, whenever one comes.

use serde_json::json;

use crate::gated_provider::GatedProvider;
use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::brief;
use crate::test_server::models;

const WHOLE_RUN: [&str; 7] = [
    "1:run_admitted",
    "2:run_started",
    "3:turn_started",
    "3+Hel",
    "3+lo.",
    "4:assistant_message",
    "5:run_finished",
];

#[tokio::test]
async fn a_watcher_from_the_start_sees_everything_once() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    let mut events = server.events(&session, "").await;
    server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    call.say("Hel");
    call.say("lo.");
    call.finish();
    assert_eq!(events.until("5:run_finished").await, WHOLE_RUN);
}

#[tokio::test]
async fn who_comes_in_the_middle_gets_the_answer_so_far_and_then_the_rest() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    let mut first = server.events(&session, "").await;
    server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    call.say("a");
    call.say("b");
    first.until("3+b").await;
    // The partial answer is one piece; what comes after it is live.
    let mut late = server.events(&session, "?after=2").await;
    assert_eq!(late.until("3+ab").await, ["3:turn_started", "3+ab"]);
    call.say("c");
    call.finish();
    assert_eq!(
        late.until("5:run_finished").await,
        ["3+c", "4:assistant_message", "5:run_finished"]
    );
    assert_eq!(
        first.until("5:run_finished").await,
        ["3+c", "4:assistant_message", "5:run_finished"]
    );
}

#[tokio::test]
async fn reading_in_pieces_gives_the_same_as_reading_at_once() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let session = server.session().await;
    for text in ["one", "two", "three"] {
        let run = server.say(&session, text).await;
        let mut call = calls.recv().await.unwrap();
        call.say(text);
        call.finish();
        server.finished(&session, &run).await;
    }
    let whole = server.events(&session, "?wait=0").await.rest().await;
    assert_eq!(whole.len(), 15);
    for cut in 0..=15 {
        let rest = server.events(&session, &format!("?wait=0&after={cut}")).await.rest().await;
        assert_eq!(rest, whole[cut..], "after {cut}");
    }
}

#[tokio::test]
async fn a_browser_resumes_by_its_last_event_id() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let run = server.say(&session, "hi").await;
    server.finished(&session, &run).await;
    let request = server.bare(reqwest::Method::GET, &format!("{session}/events?after=1&wait=0"));
    let answer = server.send(request.bearer_auth(KEY).header("last-event-id", "4")).await;
    assert_eq!(answer.text.matches("event: ").count(), 1, "{}", answer.text);
    assert!(answer.text.contains("id: 5\nevent: run_finished\n"));
    let request = server.bare(reqwest::Method::GET, &format!("{session}/events"));
    let wrong = server.send(request.bearer_auth(KEY).header("last-event-id", "x")).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (422, "invalid-input"));
}

#[tokio::test]
async fn a_fallback_voids_the_partial_answer_for_late_watchers_too() {
    use livos_core::ProviderError;
    use livos_core::ProviderFailure;
    use livos_core::ProviderManager;
    use livos_core::RetryPolicy;
    use livos_core::Tiers;
    use livos_core::testing::Script;
    use livos_core::testing::ScriptedProvider;
    use livos_server::Models;

    let broken = ProviderError::InterruptedStream(ProviderFailure::new("first", "gone"));
    let first =
        ScriptedProvider::new("first", [Script::new().say("half an ans").then_fail(broken)]);
    let (second, mut calls) = GatedProvider::new();
    let manager = ProviderManager::builder()
        .provider(first, Tiers::single("m"))
        .provider(second, Tiers::single("m"))
        .retry(RetryPolicy::none())
        .build();
    let server = TestServer::with(Models::new(manager), &[]).await;
    let session = server.session().await;
    let mut watcher = server.events(&session, "").await;
    server.say(&session, "hi").await;
    let mut call = calls.recv().await.unwrap();
    call.say("A whole one.");
    watcher.until("4+A whole one.").await;
    let late = server.events(&session, "?wait=0&after=3").await.rest().await;
    assert_eq!(late, ["4:provider_switched", "4+A whole one."]);
    call.finish();
    watcher.until("6:run_finished").await;
}

#[tokio::test]
async fn draining_ends_the_streams() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let mut events = server.events(&session, "").await;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(events.next().await.as_ref().map(brief), None);
    stopping.await.unwrap();
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_named() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let answer = server.get(&format!("{session}/events?after=-1&wait=2&x=1")).await;
    assert_eq!(answer.problem(), "invalid-input");
    let fields: Vec<_> =
        answer.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, [json!("after"), json!("wait"), json!("x")]);
}
