use std::time::Duration;

use futures::StreamExt;

use super::*;
use crate::message::Message;
use crate::provider::ChatChunk;
use crate::testing::ManualClock;
use crate::testing::Script;
use crate::testing::ScriptedProvider;

fn failure(provider: &str) -> ProviderFailure {
    ProviderFailure::new(provider, "no")
}

struct Chain {
    first: Arc<ScriptedProvider>,
    second: Arc<ScriptedProvider>,
    clock: Arc<ManualClock>,
    manager: ProviderManager,
}

fn chain(first: Vec<Script>, second: Vec<Script>) -> Chain {
    let first = Arc::new(ScriptedProvider::new("a", first));
    let second = Arc::new(ScriptedProvider::new("b", second));
    let clock = Arc::new(ManualClock::default());
    let manager = ProviderManager::builder()
        .provider_shared(first.clone(), Tiers::single("ma"))
        .provider_shared(second.clone(), Tiers::single("mb"))
        .clock(clock.clone())
        .build();
    Chain { first, second, clock, manager }
}

fn request(model: &str) -> ChatRequest {
    ChatRequest::new(model, [Message::user("hi")])
}

/// What a reader sees, in short.
async fn watch(manager: &ProviderManager, request: ChatRequest) -> Vec<String> {
    let mut pieces = match manager.chat_stream(request).await {
        Ok(pieces) => pieces,
        Err(error) => return vec![format!("refused {}", error.kind())],
    };
    let mut seen = Vec::new();
    while let Some(piece) = pieces.next().await {
        seen.push(match piece {
            Ok(ChatChunk::Text(text)) => format!("text {text}"),
            Ok(ChatChunk::Retrying { provider, .. }) => format!("retry {provider}"),
            Ok(ChatChunk::Switched { from, to, discarded_chars, .. }) => {
                format!("switch {from} {to} {discarded_chars}")
            }
            Ok(ChatChunk::Finished(answer)) => format!("done {} {}", answer.provider, answer.model),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error {}", error.kind()),
        });
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_a_moment_is_asked_again_and_then_the_next() {
    let overloaded = || Script::refused(ProviderError::Overloaded(failure("a")));
    let chain = chain(vec![overloaded(), overloaded(), overloaded()], vec![Script::text("hello")]);
    let seen = watch(&chain.manager, request("a/ma")).await;
    assert_eq!(seen, ["retry a", "retry a", "switch a b 0", "text hello", "done b mb"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_begun_again_elsewhere_and_its_text_is_void() {
    let breaking = || Script::new().say("Hel").then_break_off();
    let chain = chain(vec![breaking(), breaking(), breaking()], vec![Script::text("Hello.")]);
    let seen = watch(&chain.manager, request("a/ma")).await;
    let void = ["text Hel", "switch a a 3", "retry a"];
    let mut expected = [void, void].concat();
    expected.extend(["text Hel", "switch a b 3", "text Hello.", "done b mb"]);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_wrong_key_goes_to_the_next_at_once() {
    let refused = Script::refused(ProviderError::Authentication(failure("a")));
    let chain = chain(vec![refused], vec![Script::text("hello")]);
    let seen = watch(&chain.manager, request("balanced")).await;
    assert_eq!(seen, ["switch a b 0", "text hello", "done b mb"]);
    assert_eq!(chain.first.requests().len(), 1);
}

#[tokio::test]
async fn an_invalid_request_is_an_error_at_once() {
    let refused = Script::refused(ProviderError::InvalidRequest(failure("a")));
    let chain = chain(vec![refused], vec![Script::text("hello")]);
    assert_eq!(watch(&chain.manager, request("a/ma")).await, ["refused invalid_request"]);
    assert!(chain.second.requests().is_empty());
}

#[tokio::test]
async fn a_provider_that_asks_for_too_long_a_pause_is_left_for_the_next() {
    let limited = failure("a").with_retry_after(Duration::from_secs(3600));
    let refused = Script::refused(ProviderError::RateLimited(limited));
    let chain = chain(vec![refused], vec![Script::text("hello")]);
    let seen = watch(&chain.manager, request("fast")).await;
    assert_eq!(seen, ["switch a b 0", "text hello", "done b mb"]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let limited = failure("a").with_retry_after(Duration::from_secs(7));
    let refused = Script::refused(ProviderError::RateLimited(limited));
    let chain = chain(vec![refused, Script::text("hello")], vec![]);
    let before = tokio::time::Instant::now();
    let seen = watch(&chain.manager, request("a/ma")).await;
    assert_eq!(seen, ["retry a", "text hello", "done a ma"]);
    assert_eq!(before.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_keeps_failing_is_left_alone_for_a_while() {
    let broken = || Script::refused(ProviderError::Unavailable(failure("a")));
    let first = (0..6).map(|_| broken()).chain([Script::text("well again")]).collect();
    let second = (0..3).map(|_| Script::text("hello")).collect();
    let chain = chain(first, second);
    for _ in 0..2 {
        watch(&chain.manager, request("a/ma")).await;
    }
    assert_eq!(chain.manager.health()[0].circuit, CircuitState::Open);
    let seen = watch(&chain.manager, request("a/ma")).await;
    assert_eq!(seen, ["text hello", "done b mb"], "it is not asked");
    chain.clock.advance(Duration::from_secs(31));
    assert_eq!(chain.manager.health()[0].circuit, CircuitState::HalfOpen);
    let seen = watch(&chain.manager, request("a/ma")).await;
    assert_eq!(seen, ["text well again", "done a ma"]);
    assert_eq!(chain.manager.health()[0].circuit, CircuitState::Closed);
}

#[tokio::test]
async fn the_provider_that_answered_is_preferred() {
    let chain = chain(vec![], vec![Script::text("hello")]);
    let mut again = request("a/ma");
    again.preferred_provider = Some("b".into());
    assert_eq!(watch(&chain.manager, again).await, ["text hello", "done b mb"]);
}

#[tokio::test]
async fn models_nobody_has_are_refused_with_those_there_are() {
    let chain = chain(vec![], vec![]);
    for model in ["c/x", "gpt-9", "x"] {
        let Err(error) = chain.manager.chat_stream(request(model)).await else { panic!("{model}") };
        assert_eq!(error.kind(), "unknown_model");
        assert!(!chain.manager.has_model(&model.into()));
        assert!(error.to_string().contains("a, b"), "{error}");
    }
}

#[test]
fn tiers_and_any_model_of_a_provider_can_be_asked() {
    let chain = chain(vec![], vec![]);
    for model in ["a/ma", "b/another", "fast", "opus"] {
        assert!(chain.manager.has_model(&model.into()), "{model}");
    }
}

#[tokio::test]
async fn a_manager_without_providers_says_what_to_do() {
    let manager = ProviderManager::builder().build();
    let Err(error) = manager.chat_stream(request("balanced")).await else { panic!("answered") };
    assert!(error.to_string().contains("ANTHROPIC_API_KEY"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_last_error_remains() {
    let broken = |id: &str| Script::refused(ProviderError::Authentication(failure(id)));
    let chain = chain(vec![broken("a")], vec![broken("b")]);
    let seen = watch(&chain.manager, request("a/ma")).await;
    assert_eq!(seen, ["switch a b 0", "error authentication"]);
}

#[tokio::test]
async fn a_window_that_is_set_holds_for_its_model_or_its_provider_and_wins() {
    let able = Capabilities { context_window: Some(1_000), ..Capabilities::default() };
    let provider = |id: &str| ScriptedProvider::new(id, []).with_capabilities(able.clone());
    let manager = ProviderManager::builder()
        .provider(provider("a"), Tiers::single("m"))
        .provider(provider("b"), Tiers::single("m"))
        .build();
    let set = [("a", 2_000), ("a/large", 9_000)];
    let set = manager.with_windows(set.map(|(name, tokens)| (ModelName::from(name), tokens)));
    let windows = |manager: &ProviderManager| {
        ["a/m", "a/large", "fast", "b/m", "b/large"]
            .map(|model| manager.capabilities(&model.into()).context_window.unwrap())
    };
    assert_eq!(windows(&set), [2_000, 9_000, 2_000, 1_000, 1_000]);
    assert_eq!(windows(&manager), [1_000; 5], "the manager that was there stays as it was");
}
