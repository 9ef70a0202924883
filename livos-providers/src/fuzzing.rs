//! What the fuzz targets call. Each panics when a promise is broken.

use std::collections::VecDeque;

use livos_core::ChatChunk;

use crate::anthropic::AnthropicMachine;
use crate::config::ProviderConfig;
use crate::openai_compatible::Dialect;
use crate::sse::Flow;
use crate::sse::SseDecoder;
use crate::sse::SseError;
use crate::stream::StreamMachine;

type Events = Vec<(String, String)>;

/// Reads bytes as an event stream, whole and cut in two at a place the first byte names.
pub fn sse(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let (left, right) = data.split_at(usize::from(*cut).min(data.len()));
    assert_eq!(events([data]), events([left, right]), "a cut changed the events");
}

fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Events, SseError> {
    let mut decoder = SseDecoder::default();
    let mut events = Events::new();
    for chunk in chunks {
        decoder.feed::<SseError>(chunk, |name, data| {
            events.push((name.to_owned(), data.to_owned()));
            Ok(Flow::Continue)
        })?;
    }
    Ok(events)
}

/// Reads bytes as a streamed answer of Anthropic's API.
pub fn anthropic(data: &[u8]) {
    let mut machine = AnthropicMachine::new("anthropic".into(), "fuzz");
    fold(&mut machine, data);
}

/// Reads bytes as an answer of the Gemini API.
pub fn gemini(data: &[u8]) {
    crate::gemini::fuzz(data);
}

/// Reads bytes as an answer of chat completions, in every dialect.
pub fn openai(data: &[u8]) {
    for dialect in Dialect::KNOWN {
        fold(&mut crate::openai_compatible::fuzz_machine(dialect), data);
    }
}

/// Reads bytes as a refusal; the first byte chooses the status.
pub fn failure(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    let Ok(config) = ProviderConfig::new("fuzz", "http://127.0.0.1") else { return };
    let status = 300 + u16::from(*status);
    let error = crate::failure::from_response(
        &config,
        status,
        &reqwest::header::HeaderMap::default(),
        body,
    );
    assert!(error.failure().message.len() <= 4 * 600, "the message is not bounded");
}

/// Feeds events until the answer is over. An answer is over once.
fn fold(machine: &mut impl StreamMachine, data: &[u8]) {
    let mut decoder = SseDecoder::default();
    let mut out = VecDeque::new();
    let fed = decoder.feed::<SseError>(data, |name, data| {
        let is_over = machine.on_event(name, data, &mut out).is_err()
            || matches!(out.back(), Some(ChatChunk::Finished(_)));
        Ok(if is_over { Flow::Stop } else { Flow::Continue })
    });
    if fed == Ok(Flow::Continue) {
        let ended = machine.on_end(&mut out);
        let finished = matches!(out.back(), Some(ChatChunk::Finished(_)));
        assert_eq!(ended.is_ok(), finished, "the stream ended without an end");
    }
}
