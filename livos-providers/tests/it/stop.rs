//! Stop means stop: who gives an answer up closes its connection, whatever the wire.

use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::ChatChunk;
use livos_core::ChatStream;
use livos_core::EventKind;
use livos_core::RunStatus;

use crate::raw_server::Act;
use crate::raw_server::RawServer;
use crate::wires::Wire;
use crate::wires::question;

/// How soon the server must see it. All time-outs of the providers are far longer.
const PROMPTLY: Duration = Duration::from_secs(2);

/// Where the service stops answering.
#[derive(Debug, Clone, Copy)]
enum Silence {
    BeforeTheHead,
    AfterTheHead,
    InTheMiddle,
}

async fn server(wire: Wire, falls_silent: Silence) -> RawServer {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let chunk = wire.beginning();
    let body = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n", chunk.len());
    let sent = match falls_silent {
        Silence::BeforeTheHead => String::new(),
        Silence::AfterTheHead => format!("{head}content-length: 1000\r\n\r\n"),
        Silence::InTheMiddle => format!("{head}{body}"),
    };
    RawServer::start(vec![Act::Send(sent.into_bytes()), Act::Hang]).await
}

async fn read_first_words(pieces: &mut ChatStream) {
    match pieces.next().await {
        Some(Ok(ChatChunk::Text(text))) => assert_eq!(text, "Once"),
        other => panic!("{other:?}"),
    }
}

async fn assert_closed_promptly(wire: Wire, server: &mut RawServer) {
    let closed = tokio::time::timeout(PROMPTLY, server.closed()).await;
    assert!(closed.is_ok(), "{wire:?}: the connection is still open");
}

#[tokio::test]
async fn before_the_head_of_the_answer() {
    for wire in Wire::ALL {
        let mut server = server(wire, Silence::BeforeTheHead).await;
        let provider = wire.provider(&server);
        tokio::select! {
            _ = provider.chat_stream(question()) => panic!("nothing was answered"),
            body = server.body() => assert!(!body.is_empty()),
        }
        assert_closed_promptly(wire, &mut server).await;
    }
}

#[tokio::test]
async fn before_the_first_word_of_the_answer() {
    for wire in Wire::ALL {
        let mut server = server(wire, Silence::AfterTheHead).await;
        let provider = wire.provider(&server);
        let mut pieces = provider.chat_stream(question()).await.expect("a stream");
        assert!(futures::poll!(pieces.next()).is_pending());
        drop(pieces);
        assert_closed_promptly(wire, &mut server).await;
    }
}

#[tokio::test]
async fn in_the_middle_of_the_answer() {
    for wire in Wire::ALL {
        let mut server = server(wire, Silence::InTheMiddle).await;
        let provider = wire.provider(&server);
        let mut pieces = provider.chat_stream(question()).await.expect("a stream");
        read_first_words(&mut pieces).await;
        drop(pieces);
        assert_closed_promptly(wire, &mut server).await;
    }
}

#[tokio::test]
async fn by_the_stop_of_a_run() {
    for wire in Wire::ALL {
        let mut server = server(wire, Silence::InTheMiddle).await;
        let agent = AgentLoop::builder_shared(wire.provider(&server)).model("a-model").build();
        let mut run = agent.run("Tell me a story.");
        while let Some(event) = run.next().await {
            if matches!(event.kind, EventKind::TextDelta { .. }) {
                run.cancel();
            }
        }
        assert_eq!(run.await.status, RunStatus::Cancelled);
        assert_closed_promptly(wire, &mut server).await;
    }
}
