//! A small HTTP server in the test itself: what the killed server talks to.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use hyper::Request;
use hyper::Response;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) type Body = BoxBody<Bytes, Infallible>;
/// An error cuts the connection.
pub(crate) type Outcome = io::Result<Response<Body>>;

/// Answers requests that were read to their end.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Outcome>;
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Loopback {
    url: String,
    _serving: JoinSet<()>,
}

impl Loopback {
    pub(crate) async fn start(handler: Arc<impl Handler>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                while connections.try_join_next().is_some() {}
                let handler = Arc::clone(&handler);
                let service = service_fn(move |request| answer(Arc::clone(&handler), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    // The other side dies all the time: that is the test.
                    drop(connection.await);
                });
            }
        });
        Self { url, _serving: serving }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

async fn answer(handler: Arc<impl Handler>, request: Request<Incoming>) -> Outcome {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    handler.handle(Request::from_parts(parts, body)).await
}

/// A whole body.
pub(crate) fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// A body that comes in pieces.
pub(crate) fn in_pieces(pieces: mpsc::Receiver<String>) -> Body {
    let frames = futures::stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), pieces))
    });
    StreamBody::new(frames).boxed()
}

/// What cuts the connection.
pub(crate) fn cut() -> Outcome {
    Err(io::Error::from(io::ErrorKind::ConnectionReset))
}
