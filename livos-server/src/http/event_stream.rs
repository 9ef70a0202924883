//! Server-sent events out.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use futures::Stream;
use futures::StreamExt;
use futures::stream;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::body::Frame as BodyFrame;
use hyper::header;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reply::Response;
use super::reply::set;

/// After this much silence a comment is sent, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// An event with a type, and with an id if a client may resume after it.
    pub(crate) fn event(id: Option<u64>, name: &str, data: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(256);
        if let Some(id) = id {
            text.extend_from_slice(format!("id: {id}\n").as_bytes());
        }
        text.extend_from_slice(format!("event: {name}\n").as_bytes());
        Self::finish(text, data)
    }

    /// Data alone.
    pub(crate) fn data(data: &impl Serialize) -> Self {
        Self::finish(Vec::with_capacity(256), data)
    }

    /// Text alone, which must have no line breaks.
    pub(crate) fn text(text: &'static str) -> Self {
        Self(Bytes::from(format!("data: {text}\n\n")))
    }

    /// JSON has no raw line breaks, so one `data:` line holds it all.
    fn finish(mut text: Vec<u8>, data: &impl Serialize) -> Self {
        text.extend_from_slice(b"data: ");
        if let Err(error) = serde_json::to_writer(&mut text, data) {
            tracing::error!(%error, "an event could not be written as JSON");
            text.extend_from_slice(b"null");
        }
        text.extend_from_slice(b"\n\n");
        Self(text.into())
    }
}

/// Sends frames until they end or the server drains.
pub(crate) fn event_stream(
    frames: impl Stream<Item = Frame> + Send + 'static,
    draining: CancellationToken,
) -> Response {
    let frames = frames.take_until(draining.cancelled_owned());
    // The comment makes the head and something of the body leave at once.
    let opening = stream::iter([Bytes::from_static(b": ok\n\n")]);
    let pieces = opening.chain(with_keep_alive(Box::pin(frames)));
    let body = StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(BodyFrame::data(piece))));
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, "text/event-stream");
    set(headers, header::CACHE_CONTROL, "no-cache, no-transform");
    set(headers, header::HeaderName::from_static("x-accel-buffering"), "no");
    response
}

fn with_keep_alive(
    frames: impl Stream<Item = Frame> + Send + Unpin + 'static,
) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(frames.ready_chunks(MAX_BATCH), |mut frames| async {
        let silent_until = Instant::now() + KEEP_ALIVE;
        match tokio::time::timeout_at(silent_until, frames.next()).await {
            Ok(Some(ready)) => Some((join(ready), frames)),
            Ok(None) => None,
            Err(_) => Some((Bytes::from_static(b": keep-alive\n\n"), frames)),
        }
    })
}

/// How many waiting events leave in one write.
const MAX_BATCH: usize = 64;

fn join(frames: Vec<Frame>) -> Bytes {
    let mut frames = frames.into_iter();
    match (frames.next(), frames.len()) {
        (Some(only), 0) => only.0,
        (first, _) => {
            let mut all = BytesMut::new();
            first.into_iter().chain(frames).for_each(|frame| all.extend_from_slice(&frame.0));
            all.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn frames_are_written_as_the_standard_has_them() {
        let frames = [
            Frame::event(Some(7), "text_delta", &json!({"text": "a\nb"})),
            Frame::event(None, "tool_progress", &json!(1)),
            Frame::text("[DONE]"),
        ];
        let response = event_stream(stream::iter(frames), CancellationToken::new());
        let expected = concat!(
            ": ok\n\n",
            "id: 7\nevent: text_delta\ndata: {\"text\":\"a\\nb\"}\n\n",
            "event: tool_progress\ndata: 1\n\n",
            "data: [DONE]\n\n",
        );
        assert_eq!(text(response).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_and_draining_ends_it() {
        let draining = CancellationToken::new();
        let response = event_stream(stream::pending(), draining.clone());
        let end = tokio::spawn(async move {
            tokio::time::sleep(KEEP_ALIVE + Duration::from_secs(1)).await;
            draining.cancel();
        });
        assert_eq!(text(response).await, ": ok\n\n: keep-alive\n\n");
        end.await.unwrap();
    }
}
