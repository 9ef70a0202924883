//! The OpenAI-compatible provider over a real connection.

use std::time::Duration;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::ProviderError;
use livos_core::StopReason;
use livos_core::ToolSupport;
use livos_providers::OpenAiCompatible;
use livos_providers::ProviderConfig;
use livos_providers::openai_compatible::AuthHeader;
use livos_providers::openai_compatible::Dialect;
use serde_json::Value;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::any;
use wiremock::matchers::body_partial_json;
use wiremock::matchers::header;
use wiremock::matchers::method;
use wiremock::matchers::path;

use crate::prefix;
use crate::raw_server::RawServer;

const KEY: &str = "sk-not-a-real-key";

pub(crate) fn provider(dialect: &'static Dialect, base_url: &str) -> OpenAiCompatible {
    let config = ProviderConfig::new(dialect.name, &format!("{base_url}/v1"))
        .and_then(|config| config.with_api_key(KEY))
        .and_then(|config| config.with_idle_timeout(Duration::from_secs(5)))
        .expect("a valid configuration");
    OpenAiCompatible::new(dialect, config)
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn events(body: &'static str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/event-stream")
}

fn whole() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": "Hello!", "refusal": null, "annotations": []}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
            "prompt_tokens_details": {"cached_tokens": 400}},
    })
}

fn question() -> ChatRequest {
    ChatRequest::new("gpt-4o", [Message::user("Hello?")])
}

async fn failure(dialect: &'static Dialect, answer: ResponseTemplate) -> ProviderError {
    let server = serving(answer).await;
    provider(dialect, &server.uri()).chat(question()).await.expect_err("a failure")
}

#[tokio::test]
async fn an_answer_streams_with_the_key_in_its_header() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(header("content-type", "application/json"))
        .and(body_partial_json(json!({"stream": true, "stream_options": {"include_usage": true}})))
        .respond_with(events(include_str!("../fixtures/openai/openai_text.sse")))
        .mount(&server)
        .await;
    let openai = provider(&Dialect::OPENAI, &server.uri());
    let pieces: Vec<_> = openai.chat_stream(question()).await.expect("a stream").collect().await;
    let Some(Ok(ChatChunk::Finished(response))) = pieces.last() else { panic!("{pieces:?}") };
    assert_eq!(response.message.text(), "Grüße, \"Welt\" 🌍\n");
    assert_eq!(pieces.len(), 3);
    assert!(!format!("{openai:?}").contains(KEY));
}

#[tokio::test]
async fn a_whole_answer_has_its_usage_and_the_catalogues_price() {
    let server = serving(ResponseTemplate::new(200).set_body_json(whole())).await;
    let answer =
        provider(&Dialect::OPENAI, &server.uri()).chat(question()).await.expect("an answer");
    assert_eq!(answer.message, Message::assistant("Hello!"));
    assert_eq!((answer.usage.input_tokens, answer.usage.cache_read_tokens), (600, 400));
    // $2.50, $1.25 cached and $10.00 a million tokens.
    assert_eq!(answer.cost, Some(MicroUsd(1_500 + 500 + 1_000)));
    let requests = server.received_requests().await.expect("recorded");
    let body: Value = requests[0].body_json().expect("JSON");
    assert_eq!(
        body,
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello?"}]})
    );
}

#[tokio::test]
async fn the_promises_of_a_provider_are_kept() {
    let server = MockServer::start().await;
    let stream = events(include_str!("../fixtures/openai/openai_text.sse"));
    Mock::given(body_partial_json(json!({"stream": true})))
        .respond_with(stream)
        .mount(&server)
        .await;
    let whole = ResponseTemplate::new(200).set_body_json(whole());
    Mock::given(any()).respond_with(whole).mount(&server).await;
    let openai = provider(&Dialect::OPENAI, &server.uri());
    assert_eq!(livos_core::testing::check_provider(&openai, "gpt-4o".into()).await, Ok(()));
}

#[tokio::test]
async fn a_gateway_that_streams_always_or_never_is_understood() {
    let never = serving(ResponseTemplate::new(200).set_body_json(whole())).await;
    let openai = provider(&Dialect::OPENAI, &never.uri());
    let pieces: Vec<_> = openai.chat_stream(question()).await.expect("a stream").collect().await;
    assert_eq!(pieces.len(), 2);
    assert!(matches!(pieces.last(), Some(Ok(ChatChunk::Finished(_)))), "{pieces:?}");
    let always =
        serving(events(include_str!("../fixtures/openai/openai_parallel_calls.sse"))).await;
    let openai = provider(&Dialect::OPENAI, &always.uri());
    let answer = openai.chat(question()).await.expect("an answer");
    assert_eq!((answer.message.tool_calls().count(), answer.stop_reason), (2, StopReason::ToolUse));
}

#[tokio::test]
async fn refusals_have_their_kind_in_every_services_words() {
    for (dialect, status, body, kind) in [
        (
            &Dialect::OPENAI,
            401,
            json!({"error": {"code": "invalid_api_key", "message": format!("Incorrect API key {KEY}")}}),
            "authentication",
        ),
        (
            &Dialect::OPENAI,
            400,
            json!({"error": {"code": "context_length_exceeded", "message": "too long"}}),
            "context_too_long",
        ),
        (
            &Dialect::OPENAI,
            400,
            json!({"error": {"code": "decimal_above_max_value", "type": "invalid_request_error", "message": "Invalid 'temperature'"}}),
            "invalid_request",
        ),
        (
            &Dialect::OPENAI,
            429,
            json!({"error": {"code": "insufficient_quota", "message": "no money"}}),
            "quota_exhausted",
        ),
        (
            &Dialect::OPENAI,
            429,
            json!({"error": {"code": "rate_limit_exceeded", "message": "slow"}}),
            "rate_limited",
        ),
        (
            &Dialect::DEEPSEEK,
            402,
            json!({"error": {"message": "Insufficient Balance"}}),
            "quota_exhausted",
        ),
        (&Dialect::MISTRAL, 401, json!({"detail": "Invalid API Key"}), "authentication"),
        (
            &Dialect::LLAMA_CPP,
            400,
            json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "the request exceeds the available context size", "n_prompt_tokens": 9000, "n_ctx": 2048}}),
            "context_too_long",
        ),
        (
            &Dialect::LLAMA_CPP,
            503,
            json!({"error": {"code": 503, "type": "unavailable_error", "message": "Loading model"}}),
            "overloaded",
        ),
        (
            &Dialect::OPENROUTER,
            502,
            json!({"error": {"code": 502, "message": "Provider returned error"}}),
            "unavailable",
        ),
        (
            &Dialect::GROQ,
            413,
            json!({"error": {"code": "rate_limit_exceeded", "type": "tokens", "message": "Request too large"}}),
            "rate_limited",
        ),
    ] {
        let error = failure(dialect, ResponseTemplate::new(status).set_body_json(&body)).await;
        assert_eq!(error.kind(), kind, "{} {body}", dialect.name);
        assert!(!error.to_string().contains(KEY), "{error}");
    }
    let html = ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html");
    assert_eq!(failure(&Dialect::OPENAI, html).await.kind(), "malformed_response");
    let hidden =
        ResponseTemplate::new(200).set_body_json(json!({"error": {"code": 429, "message": "x"}}));
    assert_eq!(failure(&Dialect::OPENROUTER, hidden).await.kind(), "rate_limited");
}

#[tokio::test]
async fn a_connection_cut_in_mid_answer_is_an_interruption() {
    let cut = include_str!("../fixtures/openai/cut_before_finish.sse");
    let server = RawServer::stream_cut_after(cut).await;
    let openai = provider(&Dialect::OPENAI, &server.url);
    let pieces: Vec<_> = openai.chat_stream(question()).await.expect("a stream").collect().await;
    let Some(Err(error)) = pieces.last() else { panic!("{pieces:?}") };
    assert_eq!((pieces.len(), error.kind()), (3, "interrupted_stream"));
}

#[tokio::test]
async fn models_are_listed_and_the_key_is_checked_where_it_counts() {
    let server = MockServer::start().await;
    let list = json!({"data": [{"id": "gpt-4o"}, {"id": "unheard-of", "context_length": 4096}]});
    Mock::given(method("GET"))
        .and(path("/v1/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list))
        .mount(&server)
        .await;
    Mock::given(path("/v1/key")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let openai = provider(&Dialect::OPENAI, &server.uri());
    let models = openai.models().await.expect("a list");
    let windows: Vec<_> = models.iter().map(|it| it.capabilities.context_window).collect();
    assert_eq!(windows, [Some(128_000), Some(4096)]);
    assert!(openai.verify().await.is_ok());
    let refused = provider(&Dialect::OPENROUTER, &server.uri()).verify().await.expect_err("no key");
    assert_eq!(refused.kind(), "authentication");
}

#[tokio::test]
async fn a_dialect_of_ones_own_is_a_value() {
    const AZURE: Dialect =
        Dialect { name: "azure", auth: AuthHeader::Named("api-key"), ..Dialect::OPENAI };
    let server = MockServer::start().await;
    Mock::given(header("api-key", KEY))
        .respond_with(ResponseTemplate::new(200).set_body_json(whole()))
        .mount(&server)
        .await;
    let azure = provider(&AZURE, &server.uri());
    assert_eq!(azure.chat(question()).await.expect("an answer").provider.as_str(), "azure");
}

#[test]
fn small_models_call_tools_in_text_and_are_held_to_schemas() {
    let llama =
        provider(&Dialect::LLAMA_CPP, "http://127.0.0.1:1").capabilities(&"any.gguf".into());
    assert_eq!((llama.tools, llama.structured_output), (ToolSupport::JsonInText, true));
    let deepseek = provider(&Dialect::DEEPSEEK, "http://127.0.0.1:1").capabilities(&"new".into());
    assert_eq!((deepseek.tools, deepseek.images), (ToolSupport::Native, false));
}

#[tokio::test]
async fn what_was_sent_is_the_beginning_of_what_is_sent_next_over_fifty_turns() {
    for dialect in Dialect::KNOWN {
        let mut server = prefix::refusing_server().await;
        let openai = provider(dialect, &server.url);
        let requests = prefix::requests("some-model", dialect.name);
        let bodies = prefix::bodies(&openai, &mut server, requests).await;
        prefix::assert_prefixes(&bodies, b"],\"stream\":");
    }
}
