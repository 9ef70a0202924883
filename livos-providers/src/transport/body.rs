//! A request body of several pieces that are never joined in memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Frame;
use http_body::SizeHint;

/// Head, messages and tail of a request. Its length is known, so that it is sent with a
/// `Content-Length`; the socket gets the pieces as they are.
#[derive(Debug, Clone)]
pub(crate) struct RequestBody {
    segments: std::array::IntoIter<Bytes, 3>,
}

impl RequestBody {
    /// A body of three pieces; empty ones are left out.
    pub(crate) fn new(head: Bytes, messages: Bytes, tail: impl Into<Bytes>) -> Self {
        Self { segments: [head, messages, tail.into()].into_iter() }
    }

    /// All pieces joined, for tests and logs.
    #[cfg(test)]
    pub(crate) fn joined(&self) -> Vec<u8> {
        self.segments.as_slice().concat()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.segments.find(|segment| !segment.is_empty());
        Poll::Ready(next.map(|segment| Ok(Frame::data(segment))))
    }

    fn is_end_stream(&self) -> bool {
        self.segments.as_slice().iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.segments.as_slice().iter().map(|segment| segment.len() as u64).sum();
        SizeHint::with_exact(length)
    }
}
