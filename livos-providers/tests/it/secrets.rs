//! The key is shown nowhere: not by a provider, and in no error, wherever a service repeats it.

use std::error::Error;

use futures::StreamExt;
use livos_core::ProviderError;
use livos_providers::OpenAiCompatible;
use livos_providers::openai_compatible::Dialect;

use crate::raw_server::Act;
use crate::raw_server::RawServer;
use crate::wires::KEY;
use crate::wires::Wire;
use crate::wires::question;

/// Everything an error shows to anybody, causes included.
fn shown(error: &ProviderError) -> String {
    let mut shown = String::new();
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        shown = format!("{shown}{error} {error:?} ");
        cause = error.source();
    }
    shown
}

#[test]
fn in_nothing_that_shows_a_provider() {
    let provider = OpenAiCompatible::with_key(&Dialect::OPENAI, KEY).expect("a key");
    let shown = format!("{provider:?}");
    assert!(!shown.contains(KEY), "{shown}");
}

async fn server(status: &str, content_type: &str, body: &str) -> RawServer {
    let head = format!("content-type: {content_type}\r\ncontent-length: {}", body.len());
    let answer = format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}");
    RawServer::start(vec![Act::Send(answer.into_bytes())]).await
}

/// The error that ends a stream of these events.
async fn error_in_stream(wire: Wire, events: &str) -> ProviderError {
    let server = server("200 OK", "text/event-stream", events).await;
    let mut pieces = wire.provider(&server).chat_stream(question()).await.expect("a stream");
    while let Some(piece) = pieces.next().await {
        if let Err(error) = piece {
            return error;
        }
    }
    panic!("{wire:?}: the stream ended without an error");
}

/// An error object of the wire with this message.
fn error_event(message: &str) -> String {
    let error = format!(r#"{{"type":"authentication_error","message":"{message}"}}"#);
    format!("event: error\ndata: {{\"type\":\"error\",\"error\":{error}}}\n\n")
}

#[tokio::test]
async fn in_an_error_inside_a_stream() {
    for wire in Wire::ALL {
        let events = wire.beginning().to_owned() + &error_event(&format!("wrong key {KEY}."));
        let error = error_in_stream(wire, &events).await;
        assert_eq!(error.kind(), "authentication", "{wire:?}");
        assert_eq!(error.to_string(), "tested: wrong key [redacted].", "{wire:?}");
        assert!(!shown(&error).contains(KEY), "{wire:?}: {}", shown(&error));
    }
}

#[tokio::test]
async fn where_a_long_message_is_cut() {
    for wire in Wire::ALL {
        for length in 590..602 {
            let message = "x".repeat(length) + KEY;
            let error = error_in_stream(wire, &error_event(&message)).await;
            assert!(!shown(&error).contains("sk-"), "{wire:?}, at {length}: {error}");
            assert!(error.failure().message.chars().count() <= 600, "{wire:?}");
        }
    }
}

#[tokio::test]
async fn in_an_event_that_cannot_be_read() {
    for wire in Wire::ALL {
        let event = format!(
            r#"data: {{"type":"message_delta","usage":"{KEY}","choices":"{KEY}","candidates":"{KEY}"}}"#
        );
        let error = error_in_stream(wire, &format!("{event}\n\n")).await;
        assert_eq!(error.kind(), "malformed_response", "{wire:?}");
        assert!(!shown(&error).contains(KEY), "{wire:?}: {}", shown(&error));
    }
}

#[tokio::test]
async fn in_a_refusal() {
    for wire in Wire::ALL {
        let body = format!(r#"{{"error":{{"type":"authentication_error","message":"no {KEY}"}}}}"#);
        let server = server("401 No", "application/json", &body).await;
        let error = wire.provider(&server).chat(question()).await.expect_err("refused");
        assert_eq!(error.to_string(), "tested: no [redacted] (HTTP 401)", "{wire:?}");
    }
}

#[tokio::test]
async fn in_a_whole_answer_that_is_none() {
    for wire in Wire::ALL {
        for body in [
            format!(r#"{{"error":{{"message":"no {KEY}"}},"type":"error"}}"#),
            format!(r#"{{"choices":"{KEY}","content":"{KEY}","candidates":"{KEY}"}}"#),
            "{}".to_owned(),
        ] {
            let server = server("200 OK", "application/json", &body).await;
            let error = wire.provider(&server).chat(question()).await.expect_err("no answer");
            assert!(
                ["unavailable", "malformed_response", "interrupted_stream"].contains(&error.kind()),
                "{error}"
            );
            assert!(!shown(&error).contains(KEY), "{wire:?}: {}", shown(&error));
        }
    }
}
