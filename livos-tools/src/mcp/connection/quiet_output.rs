//! A server's standard output without what is no message.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::ReadBuf;

/// How much a server may print that is no message before it is given up.
const MOST_NOISE: usize = 256 * 1024;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A server's standard output. Lines that cannot be messages, such as banners, are dropped;
/// one who prints nothing but such lines is cut off.
#[derive(Debug)]
pub(super) struct QuietOutput<R> {
    output: R,
    line: Line,
    noise: usize,
    read: Vec<u8>,
    /// What is to be passed on.
    ready: Vec<u8>,
    passed: usize,
}

/// What the line that is being read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Beginning,
    Message,
    Noise,
}

impl<R> QuietOutput<R> {
    pub(super) fn new(output: R) -> Self {
        Self {
            output,
            line: Line::Beginning,
            noise: 0,
            read: vec![0; CHUNK],
            ready: Vec::new(),
            passed: 0,
        }
    }

    fn sort(&mut self, count: usize) {
        self.ready.clear();
        self.passed = 0;
        for byte in self.read.iter().take(count).copied() {
            if self.line == Line::Beginning {
                self.line = match byte {
                    b'{' | b'[' => Line::Message,
                    // A byte order mark may stand before a message, as white space may.
                    b'\n' | b'\r' | b' ' | b'\t' | 0xef | 0xbb | 0xbf => continue,
                    _ => Line::Noise,
                };
            }
            match self.line {
                Line::Message => self.ready.push(byte),
                Line::Noise => self.noise += 1,
                Line::Beginning => {}
            }
            if byte == b'\n' {
                self.line = Line::Beginning;
            }
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for QuietOutput<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let waiting = this.ready.get(this.passed..).unwrap_or_default();
            if !waiting.is_empty() {
                let part = waiting.get(..into.remaining().min(waiting.len())).unwrap_or_default();
                into.put_slice(part);
                this.passed += part.len();
                return Poll::Ready(Ok(()));
            }
            if this.noise > MOST_NOISE {
                let message = "it prints text to its standard output that is no message";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
            }
            let mut read = ReadBuf::new(&mut this.read);
            ready!(Pin::new(&mut this.output).poll_read(context, &mut read))?;
            let count = read.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
            this.sort(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn banners_are_dropped_and_messages_stay() {
        let printed = b"Starting...\n{\"a\":1}\n\n warn: x {\n  [2]\r\nend";
        let mut quiet = String::new();
        QuietOutput::new(&printed[..]).read_to_string(&mut quiet).await.unwrap();
        assert_eq!(quiet, "{\"a\":1}\n[2]\r\n");
    }

    #[tokio::test]
    async fn who_prints_only_noise_is_cut_off() {
        let mut endless = QuietOutput::new(tokio::io::repeat(b'x'));
        let error = endless.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
