//! Anthropic's stream events to chunks: a pure state machine.

use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::response::Answer;
use super::response::OpenBlock;
use super::wire;
use super::wire::Delta;
use super::wire::Event;
use super::wire::WireUsage;
use crate::failure;
use crate::stream::StreamMachine;

/// How many blocks an answer may have; none has been seen with more than a few dozen.
const MAX_BLOCKS: usize = 4096;

/// Folds the events of one answer.
#[derive(Debug)]
pub(crate) struct AnthropicMachine {
    provider: ProviderId,
    /// Gone once the answer is given.
    answer: Option<Answer>,
    /// The wire's index of each block that was begun, and its place in the answer.
    indices: Vec<(usize, usize)>,
}

impl AnthropicMachine {
    pub(crate) fn new(provider: ProviderId, model: &str) -> Self {
        let answer = Some(Answer::new(provider.clone(), model));
        Self { provider, answer, indices: Vec::new() }
    }

    fn malformed(&self, message: impl Into<String>) -> ProviderError {
        ProviderError::MalformedResponse(ProviderFailure::new(self.provider.clone(), message))
    }

    /// Reads a member that is only looked at when its event needs it.
    fn read<T: DeserializeOwned>(&self, raw: Option<&RawValue>) -> Result<T, ProviderError> {
        let raw = raw.map_or("null", RawValue::get);
        serde_json::from_str(raw).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: serde_json::Error) -> ProviderError {
        let failure = ProviderFailure::new(
            self.provider.clone(),
            "an event of the stream is not the JSON expected",
        );
        ProviderError::MalformedResponse(failure.with_source(error))
    }

    fn start_block(
        &mut self,
        event: &Event<'_>,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        let block = OpenBlock::new(self.read(event.content_block)?);
        if self.indices.len() >= MAX_BLOCKS {
            return Err(self.malformed(format!("the answer has more than {MAX_BLOCKS} blocks")));
        }
        match &block {
            OpenBlock::Text(text) if !text.text.is_empty() => {
                out.push_back(ChatChunk::Text(text.text.clone()));
            }
            OpenBlock::Thinking { text, .. } if !text.is_empty() => {
                out.push_back(ChatChunk::Thinking(text.clone()));
            }
            OpenBlock::ToolUse { call_id, name, .. } => out.push_back(ChatChunk::ToolCall {
                call_id: call_id.clone(),
                name: name.clone(),
                partial_json: String::new(),
            }),
            _ => {}
        }
        if let Some(answer) = &mut self.answer {
            self.indices.push((event.index, answer.blocks.len()));
            answer.blocks.push(block);
        }
        Ok(())
    }

    fn grow_block(
        &mut self,
        index: usize,
        delta: Delta<'_>,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        let place = self.indices.iter().rev().find(|(known, _)| *known == index);
        let block = place
            .zip(self.answer.as_mut())
            .and_then(|((_, place), answer)| answer.blocks.get_mut(*place));
        match (&*delta.kind, block) {
            ("text_delta", Some(OpenBlock::Text(block))) => {
                block.text.push_str(&delta.text);
                push_text(delta.text.into_string(), ChatChunk::Text, out);
            }
            ("thinking_delta", Some(OpenBlock::Thinking { text, .. })) => {
                text.push_str(&delta.thinking);
                push_text(delta.thinking.into_string(), ChatChunk::Thinking, out);
            }
            ("signature_delta", Some(OpenBlock::Thinking { signature, .. })) => {
                signature.push_str(&delta.signature);
            }
            ("input_json_delta", Some(OpenBlock::ToolUse { call_id, name, json, .. })) => {
                json.push_str(&delta.partial_json);
                if !delta.partial_json.is_empty() {
                    out.push_back(ChatChunk::ToolCall {
                        call_id: call_id.clone(),
                        name: name.clone(),
                        partial_json: delta.partial_json.into_string(),
                    });
                }
            }
            ("input_json_delta", Some(OpenBlock::Native { json, .. })) => {
                json.push_str(&delta.partial_json);
            }
            ("citations_delta", Some(OpenBlock::Text(block))) => {
                let citation = delta.citation.map(|raw| serde_json::from_str(raw.get()));
                if let Some(Ok(citation)) = citation {
                    block.citations.push(citation);
                }
            }
            (_, None) => return Err(self.malformed("a piece came for a block that never began")),
            (kind, Some(_)) => tracing::debug!(kind, "unknown kind of delta left out"),
        }
        Ok(())
    }

    fn end_message(&mut self, event: &Event<'_>) -> Result<(), ProviderError> {
        let usage: Option<WireUsage> = self.read(event.usage)?;
        let Some(answer) = &mut self.answer else { return Ok(()) };
        if let Some(usage) = usage {
            usage.update(&mut answer.usage);
        }
        if let Some(delta) = &event.delta
            && let Some(reason) = wire::stop_reason(&delta.stop_reason)
        {
            answer.stop_reason = Some(reason);
        }
        Ok(())
    }
}

/// Some models send empty pieces to keep the connection alive; nobody needs to see them.
fn push_text(text: String, chunk: fn(String) -> ChatChunk, out: &mut VecDeque<ChatChunk>) {
    if !text.is_empty() {
        out.push_back(chunk(text));
    }
}

impl StreamMachine for AnthropicMachine {
    fn on_event(
        &mut self,
        name: &str,
        data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        // A gateway's own end mark.
        if data == "[DONE]" {
            return Ok(());
        }
        let mut event: Event<'_> =
            serde_json::from_str(data).map_err(|error| self.unreadable(error))?;
        let kind = if event.kind.is_empty() { name } else { &*event.kind };
        match kind {
            "content_block_delta" => match event.delta.take() {
                Some(delta) => self.grow_block(event.index, delta, out)?,
                None => return Err(self.malformed("a content_block_delta without delta")),
            },
            "content_block_start" => self.start_block(&event, out)?,
            "message_start" => {
                let message = self.read(event.message)?;
                if let Some(answer) = &mut self.answer {
                    answer.begin(message);
                }
            }
            "message_delta" => self.end_message(&event)?,
            "message_stop" => {
                let answer = self.answer.take();
                out.extend(answer.map(|answer| ChatChunk::Finished(Box::new(answer.finish()))));
            }
            "error" => {
                return Err(failure::from_error_object(&self.provider, &self.read(event.error)?));
            }
            "ping" | "content_block_stop" => {}
            other => tracing::debug!(event = other, "unknown event left out"),
        }
        Ok(())
    }

    fn on_end(&mut self, _out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        let message = "the stream ended without message_stop";
        Err(ProviderError::InterruptedStream(ProviderFailure::new(self.provider.clone(), message)))
    }
}

#[cfg(test)]
mod tests;
