//! Drives a wire's pure state machine over a response's bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::StreamExt;
use livos_core::ChatChunk;
use livos_core::ChatStream;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::config::ProviderConfig;
use crate::failure;
use crate::sse::Flow;
use crate::sse::SseDecoder;
use crate::sse::SseError;
use crate::transport::Tails;

/// How many chunks are gathered at most before the run is shown what they hold, so that a source
/// that never pauses is not gathered for ever.
const MAX_GATHERED: usize = 64;

/// What a wire format makes of the events of one streamed answer. Pure: no IO, no clock.
pub(crate) trait StreamMachine: Send + Unpin + 'static {
    /// Takes one event and appends what it means. [`ChatChunk::Finished`] or an error ends the answer;
    /// no event follows. `name` is empty on wires that do not name events.
    fn on_event(
        &mut self,
        name: &str,
        data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError>;

    /// The bytes ended and the answer did not: the error to give (or the late
    /// [`ChatChunk::Finished`] on wires whose end is the end of the bytes).
    fn on_end(&mut self, out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError>;
}

/// The pieces of the answer that this response streams.
///
/// It ends after [`ChatChunk::Finished`] or the first error. Silence for the
/// idle time-out is [`ProviderError::TimedOut`], a broken connection
/// [`ProviderError::InterruptedStream`]. Dropping it closes the connection.
pub(crate) fn run(
    config: Arc<ProviderConfig>,
    tails: Tails,
    response: reqwest::Response,
    machine: impl StreamMachine,
) -> ChatStream {
    drive(config, tails, response.bytes_stream(), machine).boxed()
}

fn drive<S, M: StreamMachine>(
    config: Arc<ProviderConfig>,
    tails: Tails,
    bytes: S,
    machine: M,
) -> Driver<S, M> {
    let limit = config.idle_timeout();
    Driver {
        config,
        bytes: Some(bytes),
        decoder: SseDecoder::default(),
        machine,
        gathered: Gathered::default(),
        turn: Turn::Reading,
        ready: VecDeque::new(),
        failed: None,
        finished: None,
        rest: Rest::Unread,
        tails,
        watch: IdleWatch { limit, waiting_since: None, alarm: None },
    }
}

struct Driver<S, M> {
    config: Arc<ProviderConfig>,
    /// Gone once nothing more is to be read.
    bytes: Option<S>,
    decoder: SseDecoder,
    machine: M,
    gathered: Gathered,
    turn: Turn,
    ready: VecDeque<ChatChunk>,
    /// Given after everything in `ready`.
    failed: Option<ProviderError>,
    /// The whole answer, held back until the rest of its body had one turn to arrive.
    finished: Option<ChatChunk>,
    rest: Rest,
    tails: Tails,
    watch: IdleWatch,
}

/// Chunks that arrived in a row and are looked at together. Copied: one that is kept would keep the
/// connection from reading into the same memory again.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    chunks: usize,
}

impl Gathered {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        self.chunks += 1;
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Reading,
    /// The connection's task was given a turn to bring more.
    Yielded,
}

/// What stands behind a finished answer: usually nothing but the end of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Unread,
    /// The connection's task was given a turn to bring it.
    Awaited,
}

/// A service sends an answer in many small chunks, of which one read brings several, and the HTTP
/// client hands over one a turn. They are gathered until a turn brings none: so what lies
/// above is woken to read, and not to parse and show, as often as there are chunks. With many runs at once
/// each of these turns meets cold memory; a piece that comes alone waits for one more turn.
impl<S, M> Stream for Driver<S, M>
where
    S: Stream<Item = reqwest::Result<Bytes>> + Send + Unpin + 'static,
    M: StreamMachine,
{
    type Item = Result<ChatChunk, ProviderError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(chunk) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(error) = this.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if this.finished.is_some() {
                return this.poll_finished(context);
            }
            let Some(bytes) = &mut this.bytes else {
                return Poll::Ready(None);
            };
            if this.gathered.chunks >= MAX_GATHERED {
                this.take_gathered();
                continue;
            }
            match bytes.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    this.gathered.push(&chunk);
                    this.watch.waiting_since = None;
                    this.turn = Turn::Reading;
                }
                Poll::Ready(Some(Err(error))) => this.break_off(error),
                Poll::Ready(None) => this.end(),
                Poll::Pending if this.gathered.chunks > 0 => match this.turn {
                    Turn::Reading => {
                        this.turn = Turn::Yielded;
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Turn::Yielded => this.take_gathered(),
                },
                Poll::Pending => match this.watch.poll_silence(context) {
                    Poll::Ready(()) => this.fail(silent(this.config.id(), this.watch.limit)),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

impl<S, M> Driver<S, M>
where
    S: Stream<Item = reqwest::Result<Bytes>> + Send + Unpin + 'static,
    M: StreamMachine,
{
    /// Looks at what was gathered, up to the end of the answer or the first error.
    fn take_gathered(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.take_bytes(&gathered.bytes);
        // Its room is for the next ones.
        gathered.bytes.clear();
        gathered.chunks = 0;
        self.gathered = gathered;
        self.turn = Turn::Reading;
    }

    fn is_over(&self) -> bool {
        self.failed.is_some() || self.finished.is_some()
    }

    fn take_bytes(&mut self, chunk: &[u8]) {
        let Self { config, decoder, machine, ready, .. } = self;
        let fed = decoder.feed(chunk, |name, data| {
            machine.on_event(name, data, ready).map_err(Stopped::Machine)?;
            let finished = matches!(ready.back(), Some(ChatChunk::Finished(_)));
            Ok(if finished { Flow::Stop } else { Flow::Continue })
        });
        match fed {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => self.finished = self.ready.pop_back(),
            Err(Stopped::Machine(error)) => self.fail(error),
            Err(Stopped::Sse(error)) => {
                let failure = ProviderFailure::new(config.id().clone(), error.to_string());
                self.fail(ProviderError::MalformedResponse(failure.with_source(error)));
            }
        }
    }

    fn fail(&mut self, error: ProviderError) {
        self.bytes = None;
        self.failed = Some(failure::presentable(&self.config, error));
    }

    /// The connection broke; what came before it counts.
    fn break_off(&mut self, error: reqwest::Error) {
        self.take_gathered();
        self.bytes = None;
        if !self.is_over() {
            self.fail(broken(self.config.id(), error));
        }
    }

    fn end(&mut self) {
        self.take_gathered();
        self.bytes = None;
        if !self.is_over()
            && let Err(error) = self.machine.on_end(&mut self.ready)
        {
            self.fail(error);
        }
    }

    /// Gives the whole answer once the rest of its body is read. A connection that is not read to
    /// its end is closed, and one that is not back in its pool when the next turn asks makes that
    /// turn open another. So the connection's task gets one turn to bring the end, which has nearly
    /// always arrived; a slow one is read by a task of the pool's.
    fn poll_finished(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<ChatChunk, ProviderError>>> {
        while let Some(mut bytes) = self.bytes.take() {
            match (bytes.poll_next_unpin(context), self.rest) {
                (Poll::Ready(Some(Ok(_))), _) => self.bytes = Some(bytes),
                (Poll::Ready(_), _) => {}
                (Poll::Pending, Rest::Unread) => {
                    self.bytes = Some(bytes);
                    self.rest = Rest::Awaited;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                (Poll::Pending, Rest::Awaited) => self.tails.read(bytes),
            }
        }
        Poll::Ready(self.finished.take().map(Ok))
    }
}

enum Stopped {
    Machine(ProviderError),
    Sse(SseError),
}

impl From<SseError> for Stopped {
    fn from(error: SseError) -> Self {
        Self::Sse(error)
    }
}

/// Notices silence while somebody waits; a slow reader is not a silent service.
/// The timer is set anew when it fires, not at every piece.
struct IdleWatch {
    limit: Duration,
    waiting_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl IdleWatch {
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.waiting_since.get_or_insert_with(Instant::now) + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        while alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

fn silent(provider: &ProviderId, limit: Duration) -> ProviderError {
    let message = format!("the stream was silent for {limit:?}");
    ProviderError::TimedOut(ProviderFailure::new(provider.clone(), message))
}

fn broken(provider: &ProviderId, error: reqwest::Error) -> ProviderError {
    let failure = ProviderFailure::new(provider.clone(), "the connection broke inside the answer");
    ProviderError::InterruptedStream(failure.with_source(error.without_url()))
}

#[cfg(test)]
mod tests;
