//! What the frames of a streamed answer mean.

use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use serde_json::value::RawValue;

use super::response::Assembly;
use super::response::Delta;
use crate::stream::StreamMachine;

/// Reads the frames of one answer.
///
/// The wire has no final event, and a finish reason may come before the last
/// frame (code execution does that), so the answer is whole when the bytes end
/// after a finish reason.
#[derive(Debug)]
pub(super) struct GeminiStream {
    provider: ProviderId,
    assembly: Option<Assembly>,
}

impl GeminiStream {
    pub(super) fn new(provider: ProviderId, model: ModelName) -> Self {
        let assembly = Assembly::new(provider.clone(), model);
        Self { provider, assembly: Some(assembly) }
    }
}

impl StreamMachine for GeminiStream {
    fn on_event(
        &mut self,
        _name: &str,
        data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        let Some(assembly) = &mut self.assembly else { return Ok(()) };
        assembly.add_frame(data, &mut |delta| out.push_back(chunk(delta)))
    }

    fn on_end(&mut self, out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        let Some(assembly) = self.assembly.take() else {
            let failure = ProviderFailure::new(self.provider.clone(), "the stream ended twice");
            return Err(ProviderError::InterruptedStream(failure));
        };
        out.push_back(ChatChunk::Finished(Box::new(assembly.finish()?)));
        Ok(())
    }
}

/// A body that came whole where a stream was asked for, as the pieces it would have come in:
/// one answer, or an array of frames (what the service sends without `alt=sse`).
pub(super) fn pieces(
    provider: ProviderId,
    model: ModelName,
    body: &str,
) -> Result<VecDeque<ChatChunk>, ProviderError> {
    let mut machine = GeminiStream::new(provider, model);
    let mut out = VecDeque::new();
    match serde_json::from_str::<Vec<&RawValue>>(body) {
        Ok(frames) => {
            for frame in frames {
                machine.on_event("", frame.get(), &mut out)?;
            }
        }
        Err(_) => machine.on_event("", body, &mut out)?,
    }
    machine.on_end(&mut out)?;
    Ok(out)
}

/// Reads arbitrary bytes as a stream and as a body; must never panic.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(data: &[u8]) {
    let mut machine = GeminiStream::new("gemini".into(), "fuzz".into());
    let mut decoder = crate::sse::SseDecoder::default();
    let mut out = VecDeque::new();
    for half in data.chunks(data.len().div_ceil(2).max(1)) {
        let _ = decoder.feed::<crate::sse::SseError>(half, |name, data| {
            let _ = machine.on_event(name, data, &mut out);
            Ok(crate::sse::Flow::Continue)
        });
    }
    let _ = machine.on_end(&mut out);
    if let Ok(text) = str::from_utf8(data) {
        let _ = pieces("gemini".into(), "fuzz".into(), text);
    }
}

fn chunk(delta: Delta<'_>) -> ChatChunk {
    match delta {
        Delta::Text(text) => ChatChunk::Text(text.to_owned()),
        Delta::Thinking(text) => ChatChunk::Thinking(text.to_owned()),
        Delta::Call(call_id, name, json) => ChatChunk::ToolCall {
            call_id: call_id.clone(),
            name: name.clone(),
            partial_json: json.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests;
