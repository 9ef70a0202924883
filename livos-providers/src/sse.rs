//! Bytes of any cut to server-sent events, within a bound.
//!
//! Frames are cut at blank lines and decoded where they lie. The form nearly
//! all vendors send (an optional `event:` line, one `data:` line) is read in
//! place; every other form (comments, ids, data over several lines) goes
//! through the `eventsource-stream` crate, which knows the whole grammar but
//! allocates per line and scans by character.

use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use futures::stream;

/// How many bytes one event may have. The largest seen are inline images of a few MiB.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Why bytes are no event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    #[error("an event of the stream is larger than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
    #[error("an event of the stream is not UTF-8")]
    NotUtf8,
}

/// Whether the receiver wants more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}

/// Cuts bytes into events. Holds back only what is not a whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    carry: Vec<u8>,
    scan: FrameScan,
    past_start: bool,
}

impl SseDecoder {
    /// Takes more bytes and gives every event that is now whole, as (name, data), to `on_event`.
    /// The name is empty where the frame has none or says `message`, which means the same.
    pub(crate) fn feed<E: From<SseError>>(
        &mut self,
        chunk: &[u8],
        mut on_event: impl FnMut(&str, &str) -> Result<Flow, E>,
    ) -> Result<Flow, E> {
        if self.carry.is_empty() && self.past_start {
            let (used, flow) = drain_frames(&mut self.scan, chunk, &mut on_event)?;
            self.keep(chunk.get(used..).unwrap_or_default());
            self.check_size()?;
            return Ok(flow);
        }
        self.keep(chunk);
        if !self.skip_byte_order_mark() {
            return Ok(Flow::Continue);
        }
        let mut carry = std::mem::take(&mut self.carry);
        let (used, flow) = drain_frames(&mut self.scan, &carry, &mut on_event)?;
        carry.drain(..used);
        self.carry = carry;
        self.check_size()?;
        Ok(flow)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.carry.extend_from_slice(bytes);
    }

    fn check_size(&self) -> Result<(), SseError> {
        if self.carry.len() > MAX_EVENT_BYTES { Err(SseError::TooLarge) } else { Ok(()) }
    }

    /// False while the bytes so far may still turn out to be a byte order mark.
    fn skip_byte_order_mark(&mut self) -> bool {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self.past_start {
            return true;
        }
        if self.carry.starts_with(MARK) {
            self.carry.drain(..MARK.len());
        } else if MARK.starts_with(&self.carry) {
            return false;
        }
        self.past_start = true;
        true
    }
}

/// How far the search for the next blank line has come, so that no byte is looked at twice.
#[derive(Debug, Default)]
struct FrameScan {
    scanned: usize,
    line_start: usize,
}

impl FrameScan {
    /// The end of the frame that begins at 0, behind its blank line.
    fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.scanned..)?;
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.scanned = bytes.len();
                return None;
            };
            let end_of_text = self.scanned + found;
            let next_line = match (rest.get(found), rest.get(found + 1)) {
                (Some(b'\r'), Some(b'\n')) => end_of_text + 2,
                // The line feed of a CRLF may be in the next chunk.
                (Some(b'\r'), None) => {
                    self.scanned = end_of_text;
                    return None;
                }
                _ => end_of_text + 1,
            };
            let is_blank = end_of_text == self.line_start;
            self.scanned = next_line;
            self.line_start = next_line;
            if is_blank {
                return Some(next_line);
            }
        }
    }
}

/// Gives all whole frames and says how many bytes they took.
fn drain_frames<E: From<SseError>>(
    scan: &mut FrameScan,
    bytes: &[u8],
    on_event: &mut impl FnMut(&str, &str) -> Result<Flow, E>,
) -> Result<(usize, Flow), E> {
    let mut used = 0;
    loop {
        let rest = bytes.get(used..).unwrap_or_default();
        let Some(length) = scan.next_end(rest) else {
            return Ok((used, Flow::Continue));
        };
        *scan = FrameScan::default();
        let frame = rest.get(..length).unwrap_or_default();
        used += length;
        if decode_frame(frame, on_event)? == Flow::Stop {
            return Ok((used, Flow::Stop));
        }
    }
}

fn decode_frame<E: From<SseError>>(
    frame: &[u8],
    on_event: &mut impl FnMut(&str, &str) -> Result<Flow, E>,
) -> Result<Flow, E> {
    if frame.len() > MAX_EVENT_BYTES {
        return Err(SseError::TooLarge.into());
    }
    let frame = str::from_utf8(frame).map_err(|_| SseError::NotUtf8)?;
    match plain_frame(frame) {
        Some((name, data)) => on_event(name, data),
        None => decode_any_frame(frame, on_event),
    }
}

/// Reads `[event: NAME] data: DATA`, the form that needs no assembly.
fn plain_frame(frame: &str) -> Option<(&str, &str)> {
    let (name, rest) = match frame.strip_prefix("event: ") {
        Some(rest) => split_line(rest)?,
        None => ("", frame),
    };
    if name == "message" {
        return None;
    }
    let (data, rest) = split_line(rest.strip_prefix("data: ")?)?;
    (matches!(rest, "\n" | "\r\n") && !data.is_empty()).then_some((name, data))
}

/// Splits behind the first line end, unless a lone CR makes it doubtful.
fn split_line(text: &str) -> Option<(&str, &str)> {
    let end = memchr::memchr2(b'\n', b'\r', text.as_bytes())?;
    let (line, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"))?;
    Some((line, rest))
}

fn decode_any_frame<E: From<SseError>>(
    frame: &str,
    on_event: &mut impl FnMut(&str, &str) -> Result<Flow, E>,
) -> Result<Flow, E> {
    // The crate panics where a stream begins with a byte order mark, and takes each frame for a
    // stream: a blank line, which means nothing, goes first.
    let mut events = stream::iter([Ok::<_, SseError>("\n"), Ok(frame), Ok("\n")]).eventsource();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(event)) = events.poll_next_unpin(&mut context) {
        let event = event.map_err(|_| SseError::NotUtf8)?;
        let name = if event.event == "message" { "" } else { event.event.as_str() };
        if on_event(name, &event.data)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

#[cfg(test)]
mod tests;
