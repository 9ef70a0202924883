//! The listener: a thread with a runtime of its own, so that its cost is apart.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::StreamExt;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::Answer;
use super::Script;
use super::anthropic;
use super::gemini;
use super::openai;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A running mock. It stops when dropped.
#[derive(Debug)]
pub struct MockModel {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl MockModel {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Tokio's listener queues 1,024 connections, the standard library's only 128.
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name("mock-model".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = accept(listener) => result,
                    _ = stopped => Ok(()),
                }
            })
        })?;
        Ok(Self { address, _stop: stop })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(serve(socket));
    }
}

async fn serve(socket: TcpStream) {
    // Each delta must leave when it is written, as with a real model.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    // An error here is a client that went away; the next one is served all the same.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let Some(script) = path.split('/').nth(1).and_then(|segment| segment.parse::<Script>().ok())
    else {
        return Ok(plain(StatusCode::NOT_FOUND, "text/plain", "the path names no script"));
    };
    if !script.wait.is_zero() {
        tokio::time::sleep(script.wait).await;
    }
    Ok(script.answer(&path, &body))
}

impl Script {
    fn answer(self, path: &str, request: &[u8]) -> Response<Body> {
        if path.ends_with("/chat/completions") {
            let answer = self.next_answer(request, b"\"role\":\"tool\"");
            if contains(request, b"\"stream\":true") {
                return self.stream(openai::events(answer));
            }
            return plain(StatusCode::OK, "application/json", openai::whole(answer));
        }
        if path.ends_with("/messages") {
            let answer = self.next_answer(request, b"\"type\":\"tool_result\"");
            return self.stream(anthropic::events(answer));
        }
        if path.ends_with(":streamGenerateContent") {
            let answer = self.next_answer(request, b"\"functionResponse\"");
            return self.stream(gemini::events(answer));
        }
        plain(StatusCode::NOT_FOUND, "text/plain", "no vendor has this path")
    }

    /// The rounds done so far are the tool results in the request.
    fn next_answer(self, request: &[u8], result_mark: &[u8]) -> Answer {
        let done = count(request, result_mark);
        if done < self.rounds {
            Answer::ToolCall { round: done }
        } else {
            Answer::Text { deltas: self.deltas }
        }
    }

    fn stream(self, events: Vec<String>) -> Response<Body> {
        let body = BodyExt::boxed_unsync(StreamBody::new(frames(events, self.pace)));
        respond(StatusCode::OK, "text/event-stream", body)
    }
}

/// One HTTP chunk for each event, with the pause before it.
fn frames(
    events: Vec<String>,
    pace: Duration,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    futures::stream::iter(events).then(move |event| async move {
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        Ok(Frame::data(Bytes::from(event)))
    })
}

fn plain(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    respond(status, kind, Full::new(text.into()).boxed_unsync())
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

fn contains(text: &[u8], mark: &[u8]) -> bool {
    count(text, mark) > 0
}

fn count(text: &[u8], mark: &[u8]) -> u32 {
    let found = text.windows(mark.len()).filter(|window| *window == mark).count();
    u32::try_from(found).unwrap_or(u32::MAX)
}
