//! What goes wrong on a wire, made to go wrong, and the typed error it must become.

use std::time::Duration;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::Message;
use livos_core::ProviderError;
use livos_providers::Anthropic;
use livos_providers::ProviderConfig;

use crate::raw_server::Act;
use crate::raw_server::RawServer;

const KEY: &str = "sk-ant-not-a-real-key";
const CALLS: &str = include_str!("../fixtures/anthropic/thinking_and_calls.sse");

fn provider(url: &str, patience: Duration) -> Anthropic {
    let config = ProviderConfig::new("anthropic", url)
        .and_then(|config| config.with_api_key(KEY))
        .and_then(|config| config.with_idle_timeout(patience))
        .and_then(|config| config.with_header_timeout(patience))
        .expect("a valid configuration");
    Anthropic::new(config)
}

fn question() -> ChatRequest {
    ChatRequest::new("claude-haiku-4-5", [Message::user("Hello?")])
}

/// The text before the failure, and the failure.
async fn outcome(url: &str, patience: Duration) -> (String, Result<(), ProviderError>) {
    let mut text = String::new();
    let mut pieces = match provider(url, patience).chat_stream(question()).await {
        Ok(pieces) => pieces,
        Err(error) => return (text, Err(error)),
    };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(ChatChunk::Text(more)) => text.push_str(&more),
            Ok(_) => {}
            Err(error) => {
                assert!(pieces.next().await.is_none(), "nothing follows an error");
                return (text, Err(error));
            }
        }
    }
    (text, Ok(()))
}

async fn failure(url: &str) -> ProviderError {
    outcome(url, Duration::from_secs(10)).await.1.expect_err("a failure")
}

#[track_caller]
fn assert_no_secret(error: &ProviderError) {
    let mut shown = format!("{error} {error:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        shown = format!("{shown} {error} {error:?}");
        cause = error.source();
    }
    assert!(!shown.contains(KEY), "{shown}");
}

fn response(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    vec![Act::Send(text.into_bytes())]
}

#[tokio::test]
async fn a_stream_cut_inside_a_character_or_a_call_is_interrupted() {
    let inside_a_character = CALLS.find('🌦').expect("it is there") + 2;
    let inside_a_call = CALLS.find("ich\\\"}").expect("it is there");
    for cut in [inside_a_character, inside_a_call] {
        let server = RawServer::stream_cut_after(&CALLS.as_bytes()[..cut]).await;
        let error = failure(&server.url).await;
        assert_eq!(error.kind(), "interrupted_stream");
        assert_no_secret(&error);
    }
}

#[tokio::test]
async fn a_body_that_ends_cleanly_but_early_is_interrupted() {
    let body = &CALLS[..CALLS.find("event: message_stop").expect("it is there")];
    let acts = response("200 OK", "content-type: text/event-stream\r\n", body);
    let server = RawServer::start(acts).await;
    assert_eq!(failure(&server.url).await.kind(), "interrupted_stream");
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let server = RawServer::start(vec![Act::Hang]).await;
    let (_, error) = outcome(&server.url, Duration::from_millis(100)).await;
    assert_eq!(error.expect_err("no answer").kind(), "timed_out");
}

#[tokio::test]
async fn a_stream_that_falls_silent_times_out_after_what_it_gave() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec();
    let upto = CALLS.find("event: weather_report").expect("it is there");
    let body = CALLS.as_bytes()[..upto].to_vec();
    let server = RawServer::start(vec![Act::Send(head), Act::Send(body), Act::Hang]).await;
    let (text, error) = outcome(&server.url, Duration::from_millis(300)).await;
    assert_eq!(error.expect_err("silence").kind(), "timed_out");
    assert_eq!(text, "I look \"both\" up 🌦.\n");
}

#[tokio::test]
async fn an_error_body_that_never_ends_does_not_hold_the_caller() {
    let head = b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\n{\"er".to_vec();
    let server = RawServer::start(vec![Act::Send(head), Act::Hang]).await;
    let (_, error) = outcome(&server.url, Duration::from_millis(100)).await;
    assert_eq!(error.expect_err("an error").kind(), "overloaded");
}

#[tokio::test]
async fn a_page_for_people_is_named_as_such() {
    for status in ["200 OK", "502 Bad Gateway"] {
        let headers = "content-type: text/html; charset=utf-8\r\n";
        let server = RawServer::start(response(status, headers, "<html>Welcome</html>")).await;
        let error = failure(&server.url).await;
        match status {
            "200 OK" => {
                assert_eq!(error.kind(), "malformed_response");
                assert!(error.to_string().contains("HTML"), "{error}");
            }
            _ => assert_eq!(error.kind(), "unavailable"),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = RawServer::start(response("200 OK", "", "{}")).await;
    let headers = format!("location: {}/v1/messages\r\n", target.url);
    let server = RawServer::start(response("307 Temporary Redirect", &headers, "")).await;
    let error = failure(&server.url).await;
    assert_eq!((error.kind(), error.status()), ("invalid_request", Some(307)));
}

#[tokio::test]
async fn statuses_become_typed_errors_with_their_pause() {
    for (status, headers, body, kind, pause) in [
        (
            "429 Too Many",
            "retry-after: 7\r\n",
            r#"{"error":{"type":"rate_limit_error","message":"slow"}}"#,
            "rate_limited",
            Some(7),
        ),
        (
            "529 Overloaded",
            "",
            r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            "overloaded",
            None,
        ),
        (
            "401 Unauthorized",
            "",
            r#"{"error":{"type":"authentication_error","message":"invalid x-api-key sk-ant-not-a-real-key"}}"#,
            "authentication",
            None,
        ),
        (
            "404 Not Found",
            "",
            r#"{"error":{"type":"not_found_error","message":"model: nope"}}"#,
            "unknown_model",
            None,
        ),
        (
            "400 Bad Request",
            "",
            r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 1 > 0"}}"#,
            "context_too_long",
            None,
        ),
        ("500 Oops", "", "", "unavailable", None),
    ] {
        let server = RawServer::start(response(status, headers, body)).await;
        let error = failure(&server.url).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.retry_after(), pause.map(Duration::from_secs));
        assert_no_secret(&error);
    }
}

#[tokio::test]
async fn an_answer_of_ten_megabytes_is_read() {
    let words = "x".repeat(1000);
    let mut body = String::from(&CALLS[..CALLS.find("event: content_block_start").expect("there")]);
    body.push_str("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    let delta = format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{words}\"}}}}\n\n"
    );
    body.push_str(&delta.repeat(10_000));
    body.push_str("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    let acts = response("200 OK", "content-type: text/event-stream\r\n", &body);
    let server = RawServer::start(acts).await;
    let (text, end) = outcome(&server.url, Duration::from_secs(30)).await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(text.len(), 10_000_000);
}
