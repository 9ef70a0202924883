//! Frames of a streamed answer to chunks: a pure state machine.

use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::ProviderError;

use super::answer::Answer;
use super::answer::Asked;
use super::dialect::StreamEnd;
use super::failure;
use super::reasoning::Arrival;
use super::wire::Frame;
use crate::stream::StreamMachine;
use crate::transport::MAX_BODY_BYTES;

/// What ends the events of this wire.
const DONE: &str = "[DONE]";

/// Reads one streamed answer.
///
/// The answer is whole at `[DONE]`, or when the bytes end after a
/// `finish_reason` was seen. Without a `finish_reason` it was cut, even when
/// `[DONE]` came, unless the dialect says that its services may leave it out.
#[derive(Debug)]
pub(super) struct ChatMachine {
    /// Gone once the answer was given.
    answer: Option<Answer>,
    received_bytes: usize,
    has_begun: bool,
}

impl ChatMachine {
    pub(super) fn new(asked: Asked) -> Self {
        let answer = Some(Answer::new(asked, Arrival::Streamed));
        Self { answer, received_bytes: 0, has_begun: false }
    }

    fn finish(&mut self, end: End, out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        let Some(answer) = self.answer.take() else { return Ok(()) };
        let counts_as_whole = match (end, answer.asked().dialect.stream_end) {
            (End::Done, StreamEnd::FinishReasonOrDone) => self.has_begun,
            (End::Done | End::OfBytes, _) => false,
        };
        if !answer.has_finish_reason() && !counts_as_whole {
            return Err(failure::interrupted(answer.asked()));
        }
        out.push_back(ChatChunk::Finished(Box::new(answer.into_response())));
        Ok(())
    }
}

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    OfBytes,
}

impl StreamMachine for ChatMachine {
    fn on_event(
        &mut self,
        name: &str,
        data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        let data = data.trim_ascii();
        if data == DONE {
            return self.finish(End::Done, out);
        }
        let Some(answer) = &mut self.answer else { return Ok(()) };
        if data.is_empty() {
            return Ok(());
        }
        self.received_bytes += data.len();
        if self.received_bytes > MAX_BODY_BYTES {
            return Err(failure::malformed(answer.asked(), "the answer is too large"));
        }
        if name == "error" {
            return Err(failure::in_band(answer.asked(), data));
        }
        let frame: Frame<'_> = serde_json::from_str(data)
            .map_err(|error| failure::unreadable(answer.asked(), error))?;
        self.has_begun |= frame.choices.0.is_some();
        answer.take_frame(frame, data, out)
    }

    fn on_end(&mut self, out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        self.finish(End::OfBytes, out)
    }
}

/// A machine for fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_machine(dialect: &'static super::Dialect) -> impl StreamMachine {
    ChatMachine::new(Asked { provider: dialect.name.into(), model: "fuzz".into(), dialect })
}

#[cfg(test)]
mod tests;
