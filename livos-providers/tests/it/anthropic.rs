//! The Anthropic provider over a real connection.

use std::time::Duration;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::StopReason;
use livos_providers::Anthropic;
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

use crate::raw_server::Act;
use crate::raw_server::RawServer;

const KEY: &str = "sk-ant-not-a-real-key";
const TEXT: &str = include_str!("../fixtures/anthropic/text.sse");
const WHOLE: &str = include_str!("../fixtures/anthropic/whole.json");

pub(crate) fn provider(url: &str) -> Anthropic {
    let config = ProviderConfig::new("anthropic", url)
        .and_then(|config| config.with_api_key(KEY))
        .and_then(|config| config.with_idle_timeout(Duration::from_secs(10)))
        .expect("a valid configuration");
    Anthropic::new(config)
}

fn question() -> ChatRequest {
    ChatRequest::new("claude-haiku-4-5", [Message::user("Hello?")])
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn an_answer_streams_with_the_headers_of_the_api() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/messages"))
        .and(header("x-api-key", KEY))
        .and(header("anthropic-version", "2023-06-01"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(TEXT, "text/event-stream"))
        .mount(&server)
        .await;
    let pieces: Vec<_> =
        provider(&server.uri()).chat_stream(question()).await.expect("a stream").collect().await;
    let [Ok(ChatChunk::Text(one)), Ok(ChatChunk::Text(two)), Ok(ChatChunk::Finished(answer))] =
        pieces.as_slice()
    else {
        panic!("{pieces:?}")
    };
    assert_eq!((one.as_str(), two.as_str()), ("Hel", "lo."));
    assert_eq!(answer.message, Message::assistant("Hello."));
    assert_eq!(answer.stop_reason, StopReason::EndTurn);
    assert_eq!(answer.cost, Some(MicroUsd(35)));
    let requests = server.received_requests().await.expect("recorded");
    let request = requests.first().expect("one request");
    assert_eq!(request.headers["content-length"], request.body.len().to_string().as_str());
    let body: Value = request.body_json().expect("JSON");
    assert_eq!(body["stream"], true);
}

#[tokio::test]
async fn a_whole_answer_keeps_signatures_and_sources() {
    let server = serving(ResponseTemplate::new(200).set_body_raw(WHOLE, "application/json")).await;
    let answer = provider(&server.uri()).chat(question()).await.expect("an answer");
    let [
        ContentBlock::Thinking(thinking),
        ContentBlock::Native(_),
        ContentBlock::Text(text),
        ContentBlock::ToolUse(call),
    ] = answer.message.content.as_slice()
    else {
        panic!("{:?}", answer.message)
    };
    assert_eq!(thinking.signature.as_ref().map(|it| it.value.as_str()), Some("EqQBCgIYAhIM"));
    assert_eq!(text.citations[0]["start_page_number"], 2);
    assert_eq!(call.input.to_json(), r#"{"city":"Zürich","days":2}"#);
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    assert_eq!((answer.usage.input_tokens, answer.usage.cache_read_tokens), (1000, 500));
    let requests = server.received_requests().await.expect("recorded");
    let body: Value = requests[0].body_json().expect("JSON");
    assert!(body.get("stream").is_none());
}

#[tokio::test]
async fn a_gateway_that_streams_always_or_never_is_understood() {
    let server = serving(ResponseTemplate::new(200).set_body_raw(WHOLE, "application/json")).await;
    let mut pieces = provider(&server.uri()).chat_stream(question()).await.expect("a stream");
    let mut text = String::new();
    let mut finished = false;
    while let Some(piece) = pieces.next().await {
        match piece.expect("a piece") {
            ChatChunk::Text(more) => text.push_str(&more),
            ChatChunk::Finished(_) => finished = true,
            _ => {}
        }
    }
    assert_eq!((text.as_str(), finished), ("See page 2.", true));

    let server = serving(ResponseTemplate::new(200).set_body_raw(TEXT, "text/event-stream")).await;
    let answer = provider(&server.uri()).chat(question()).await.expect("an answer");
    assert_eq!(answer.message.text(), "Hello.");
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_provider() {
    let server = serving(ResponseTemplate::new(200).set_body_raw(TEXT, "text/event-stream")).await;
    let provider = provider(&server.uri());
    livos_core::testing::check_provider(&provider, "claude-haiku-4-5".into()).await.expect("kept");
}

#[tokio::test]
async fn the_key_is_checked_and_models_are_listed_lightly() {
    let server = MockServer::start().await;
    let list = json!({"data": [{"type": "model", "id": "claude-haiku-4-5-20251001"}, {"id": "claude-new"}]});
    Mock::given(method("GET"))
        .and(path("/v1/models"))
        .and(query_param("limit", "1"))
        .and(header("x-api-key", KEY))
        .respond_with(ResponseTemplate::new(200).set_body_json(&list))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/v1/models"))
        .and(query_param("limit", "1000"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&list))
        .mount(&server)
        .await;
    let provider = provider(&format!("{}/v1/", server.uri()));
    provider.verify().await.expect("the key works");
    let models = provider.models().await.expect("a list");
    let windows: Vec<_> = models.iter().map(|it| it.capabilities.context_window).collect();
    assert_eq!(windows, [Some(200_000), Some(200_000)]);
    assert_eq!(models[0].capabilities.max_output_tokens, Some(64_000));
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_finished_stream() {
    let length = TEXT.len();
    let headers = format!("content-type: text/event-stream\r\ncontent-length: {length}");
    let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{TEXT}");
    let mut server = RawServer::start(vec![Act::Send(answer.into())]).await;
    let provider = provider(&server.url);
    for _ in 0..3 {
        provider.chat_stream(question()).await.expect("a stream").collect::<Vec<_>>().await;
        server.body().await;
    }
    assert_eq!(server.connections(), 1);
}
