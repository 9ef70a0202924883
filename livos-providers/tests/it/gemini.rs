//! The Gemini provider over a real connection.

use std::time::Duration;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::StopReason;
use livos_core::ToolSupport;
use livos_providers::Gemini;
use livos_providers::ProviderConfig;
use serde_json::Value;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::any;
use wiremock::matchers::header;
use wiremock::matchers::method;
use wiremock::matchers::path;
use wiremock::matchers::query_param;

const KEY: &str = "AIzaSy-not-a-real-key";

pub(crate) fn provider(server: &MockServer) -> Gemini {
    let config = ProviderConfig::new("gemini", &server.uri())
        .and_then(|config| config.with_api_key(KEY))
        .and_then(|config| config.with_idle_timeout(Duration::from_secs(5)))
        .expect("a valid configuration");
    Gemini::new(config)
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn events(body: &'static str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/event-stream")
}

fn question() -> ChatRequest {
    ChatRequest::new("gemini-2.5-flash", [Message::user("Hello?")])
}

async fn stream_error(server: &MockServer) -> (String, ProviderError) {
    let mut pieces = provider(server).chat_stream(question()).await.expect("a stream");
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(ChatChunk::Text(more)) => text.push_str(&more),
            Ok(other) => panic!("{other:?}"),
            Err(error) => return (text, error),
        }
    }
    panic!("the stream ended without an error");
}

#[tokio::test]
async fn an_answer_streams_and_the_key_is_in_a_header_only() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1beta/models/gemini-2.5-flash:streamGenerateContent"))
        .and(query_param("alt", "sse"))
        .and(header("x-goog-api-key", KEY))
        .respond_with(events(include_str!("../fixtures/gemini/text.sse")))
        .mount(&server)
        .await;
    let pieces: Vec<_> =
        provider(&server).chat_stream(question()).await.expect("a stream").collect().await;
    let texts: String = pieces
        .iter()
        .filter_map(|piece| match piece {
            Ok(ChatChunk::Text(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let Some(Ok(ChatChunk::Finished(response))) = pieces.last() else { panic!("{pieces:?}") };
    assert_eq!(texts, response.message.text());
    let requests = server.received_requests().await.expect("recorded");
    let [request] = requests.as_slice() else { panic!("one request, not {}", requests.len()) };
    assert!(!request.url.as_str().contains(KEY));
    let body: Value = request.body_json().expect("JSON");
    assert_eq!(body["contents"], json!([{"role": "user", "parts": [{"text": "Hello?"}]}]));
    assert_eq!(request.headers["content-length"], request.body.len().to_string().as_str());
}

#[tokio::test]
async fn a_whole_answer_keeps_its_parts_and_sources() {
    let server = MockServer::start().await;
    Mock::given(path("/v1beta/models/gemini-2.5-flash:generateContent"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_raw(include_str!("../fixtures/gemini/whole.json"), "application/json"),
        )
        .mount(&server)
        .await;
    let answer = provider(&server).chat(question()).await.expect("an answer");
    assert_eq!(answer.message.text(), "One.Two.");
    assert_eq!(answer.message.content.len(), 4, "parts of one frame are not joined");
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    assert_eq!(answer.model.as_str(), "gemini-2.5-pro");
    assert_eq!((answer.usage.input_tokens, answer.usage.cache_read_tokens), (20, 10));
    let cited = answer.message.content.iter().find_map(|block| match block {
        ContentBlock::Text(text) => text.citations.first(),
        _ => None,
    });
    assert_eq!(cited.expect("a source")["uri"], "https://example.com/a");
}

#[tokio::test]
async fn the_promises_of_a_provider_are_kept() {
    let server = MockServer::start().await;
    let stream = events(include_str!("../fixtures/gemini/text.sse"));
    Mock::given(query_param("alt", "sse")).respond_with(stream).mount(&server).await;
    let whole = include_str!("../fixtures/gemini/whole.json");
    let whole = ResponseTemplate::new(200).set_body_raw(whole, "application/json");
    Mock::given(any()).respond_with(whole).mount(&server).await;
    let gemini = provider(&server);
    let checked = livos_core::testing::check_provider(&gemini, "gemini-2.5-flash".into());
    assert_eq!(checked.await, Ok(()));
}

#[tokio::test]
async fn a_service_that_does_not_stream_is_understood() {
    let whole: Value =
        serde_json::from_str(include_str!("../fixtures/gemini/whole.json")).expect("JSON");
    for body in [whole.clone(), json!([whole])] {
        let server = serving(ResponseTemplate::new(200).set_body_json(body)).await;
        let pieces: Vec<_> =
            provider(&server).chat_stream(question()).await.expect("a stream").collect().await;
        let Some(Ok(ChatChunk::Finished(response))) = pieces.last() else { panic!("{pieces:?}") };
        assert_eq!(response.message.text(), "One.Two.");
    }
}

#[tokio::test]
async fn failures_in_and_before_the_stream_are_typed() {
    let cut = serving(events(include_str!("../fixtures/gemini/cut.sse"))).await;
    let (text, error) = stream_error(&cut).await;
    assert_eq!((text.as_str(), error.kind()), ("This will not ", "interrupted_stream"));

    let failing = serving(events(include_str!("../fixtures/gemini/error_in_stream.sse"))).await;
    let (text, error) = stream_error(&failing).await;
    assert_eq!((text.as_str(), error.kind()), ("Half an ans", "overloaded"));

    let blocked = serving(events(include_str!("../fixtures/gemini/blocked.sse"))).await;
    assert_eq!(stream_error(&blocked).await.1.kind(), "content_refused");

    for (status, word, message, expected) in [
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            "authentication",
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count exceeds the maximum number of tokens allowed.",
            "context_too_long",
        ),
        (403, "PERMISSION_DENIED", "", "authentication"),
        (404, "NOT_FOUND", "models/x is not found", "unknown_model"),
        (429, "RESOURCE_EXHAUSTED", "slow down", "rate_limited"),
        (500, "INTERNAL", "An internal error has occurred.", "unavailable"),
        (503, "UNAVAILABLE", "The model is overloaded.", "overloaded"),
    ] {
        let error = json!({"error": {"code": status, "status": word, "message": message}});
        for body in [error.clone(), json!([error])] {
            let server = serving(ResponseTemplate::new(status).set_body_json(body)).await;
            let Err(error) = provider(&server).chat_stream(question()).await else {
                panic!("HTTP {status} was taken for an answer")
            };
            assert_eq!((error.kind(), error.status()), (expected, Some(status)), "{message}");
        }
    }
}

#[tokio::test]
async fn a_missing_key_and_a_strange_model_are_refused_before_anything_is_sent() {
    let server = serving(ResponseTemplate::new(200)).await;
    let config = ProviderConfig::new("gemini", Gemini::BASE_URL).expect("a valid configuration");
    let error = Gemini::new(config).chat(question()).await.expect_err("no key");
    assert_eq!(error.kind(), "authentication");
    let request = ChatRequest::new("../../v1/files?x=", [Message::user("Hi")]);
    let error = provider(&server).chat(request).await.expect_err("no such model");
    assert_eq!(error.kind(), "unknown_model");
    assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(0));
}

#[tokio::test]
async fn models_are_listed_with_what_they_can_do() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1beta/models"))
        .and(header("x-goog-api-key", KEY))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_raw(include_str!("../fixtures/gemini/models.json"), "application/json"),
        )
        .mount(&server)
        .await;
    let provider = provider(&server);
    provider.verify().await.expect("the key works");
    let models = provider.models().await.expect("a list");
    let named: Vec<_> =
        models.iter().map(|it| (it.model.as_str(), it.capabilities.tools)).collect();
    assert_eq!(
        named,
        [("gemini-2.5-flash", ToolSupport::Native), ("gemma-3-27b-it", ToolSupport::JsonInText),]
    );
}
