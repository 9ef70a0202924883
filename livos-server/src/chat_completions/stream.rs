//! A stream of chunks in OpenAI's words.

use std::collections::VecDeque;

use futures::Stream;
use futures::StreamExt;
use futures::stream;
use livos_core::ChatChunk;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ProviderError;
use livos_core::RedactedPieces;
use livos_core::Redactor;
use livos_core::ToolCallId;
use livos_core::ToolName;
use serde_json::Value;
use serde_json::json;

use super::failure;
use super::response;
use super::response::Envelope;
use crate::http::Frame;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::openai_error;

/// Whether the last chunk tells what the answer used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageChunk {
    Sent,
    LeftOut,
}

/// The answer as frames, `[DONE]` at its end.
pub(super) fn frames(
    envelope: Envelope,
    usage: UsageChunk,
    redactor: Redactor,
    pieces: ChatStream,
) -> impl Stream<Item = Frame> + Send + 'static {
    let encoder = Encoder::new(envelope, usage, redactor);
    stream::unfold((encoder, pieces), |(mut encoder, mut pieces)| async move {
        loop {
            if let Some(frame) = encoder.ready.pop_front() {
                return Some((frame, (encoder, pieces)));
            }
            if encoder.is_done {
                return None;
            }
            encoder.take(pieces.next().await);
        }
    })
}

/// Texts whose ends may be the beginnings of secrets; none where no secret is known.
struct Open {
    text: Option<RedactedPieces>,
    thinking: Option<RedactedPieces>,
    arguments: Vec<Option<RedactedPieces>>,
}

fn passed(open: &mut Option<RedactedPieces>, piece: String) -> String {
    match open {
        Some(open) => open.push(piece),
        None => piece,
    }
}

/// Translates piece by piece.
struct Encoder {
    envelope: Envelope,
    usage: UsageChunk,
    ready: VecDeque<Frame>,
    calls: Vec<ToolCallId>,
    redactor: Redactor,
    /// What is held back of the text, the reasoning, and the arguments of each call, since a secret may
    /// begin in it.
    open: Open,
    has_text: bool,
    is_done: bool,
}

impl Encoder {
    fn new(envelope: Envelope, usage: UsageChunk, redactor: Redactor) -> Self {
        let open =
            Open { text: redactor.pieces(), thinking: redactor.pieces(), arguments: Vec::new() };
        let mut encoder = Self {
            envelope,
            usage,
            ready: VecDeque::new(),
            calls: Vec::new(),
            redactor,
            open,
            has_text: false,
            is_done: false,
        };
        encoder.delta(&json!({"role": "assistant", "content": "", "refusal": null}));
        encoder
    }

    fn take(&mut self, piece: Option<Result<ChatChunk, ProviderError>>) {
        match piece {
            Some(Ok(ChatChunk::Text(text))) => {
                let text = passed(&mut self.open.text, text);
                self.text(&text);
            }
            Some(Ok(ChatChunk::Thinking(text))) => {
                let text = passed(&mut self.open.thinking, text);
                self.thinking(&text);
            }
            Some(Ok(ChatChunk::ToolCall { call_id, name, partial_json })) => {
                let place = self.calls.iter().position(|known| *known == call_id);
                let place = place.unwrap_or(self.calls.len());
                if place == self.open.arguments.len() {
                    self.open.arguments.push(self.redactor.pieces());
                }
                let partial_json = match self.open.arguments.get_mut(place) {
                    Some(open) => passed(open, partial_json),
                    None => partial_json,
                };
                self.call(&call_id, &name, &partial_json);
            }
            Some(Ok(ChatChunk::Switched { from, to, reason, .. })) => {
                // What the client has seen cannot be taken back in this protocol.
                if self.has_text || !self.calls.is_empty() {
                    let detail = format!(
                        "{from} failed in the middle of the answer ({reason}); ask again and {to} answers"
                    );
                    self.fail(&Problem::new(ProblemKind::ProviderFailed, detail));
                }
            }
            Some(Ok(ChatChunk::Finished(mut answer))) => {
                answer.message = self.redactor.cleaned(answer.message);
                self.finish_open();
                self.finish(&answer);
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.fail(&failure::problem(&error)),
            None => {
                let detail = "the answer broke off before its end";
                self.fail(&Problem::new(ProblemKind::ProviderFailed, detail));
            }
        }
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.has_text = true;
        self.delta(&json!({"content": text}));
    }

    /// Sends what was held back.
    fn finish_open(&mut self) {
        let rest = |open: &mut Option<RedactedPieces>| {
            open.as_mut().map(RedactedPieces::finish).unwrap_or_default()
        };
        let thinking = rest(&mut self.open.thinking);
        self.thinking(&thinking);
        let text = rest(&mut self.open.text);
        self.text(&text);
        let arguments: Vec<String> = self.open.arguments.iter_mut().map(rest).collect();
        for (index, arguments) in arguments.iter().enumerate().filter(|(_, text)| !text.is_empty())
        {
            let function = json!({"arguments": arguments});
            self.delta(&json!({"tool_calls": [{"index": index, "function": function}]}));
        }
    }

    fn thinking(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.delta(&json!({"reasoning_content": text}));
    }

    fn call(&mut self, call_id: &ToolCallId, name: &ToolName, arguments: &str) {
        match self.calls.iter().position(|known| known == call_id) {
            Some(index) => {
                let function = json!({"arguments": arguments});
                self.delta(&json!({"tool_calls": [{"index": index, "function": function}]}));
            }
            None => {
                let index = self.calls.len();
                self.calls.push(call_id.clone());
                let function = json!({"name": name, "arguments": arguments});
                let call = json!({"index": index, "id": call_id, "type": "function", "function": function});
                self.delta(&json!({"tool_calls": [call]}));
            }
        }
    }

    /// The whole answer holds what was not streamed.
    fn finish(&mut self, answer: &ChatResponse) {
        if !self.has_text && !answer.message.text().is_empty() {
            self.text(&answer.message.text());
        }
        for call in answer.message.tool_calls() {
            if !self.calls.contains(&call.call_id) {
                self.call(&call.call_id, &call.name, &call.input.to_json());
            }
        }
        let reason = response::finish_reason(&answer.stop_reason);
        self.push(
            &json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": reason}]),
            None,
        );
        if self.usage == UsageChunk::Sent {
            self.push(&json!([]), Some(response::usage(answer.usage)));
        }
        self.ready.push_back(Frame::text("[DONE]"));
        self.is_done = true;
    }

    fn fail(&mut self, problem: &Problem) {
        self.ready.push_back(Frame::data(&openai_error(problem)));
        self.is_done = true;
    }

    fn delta(&mut self, delta: &Value) {
        self.push(
            &json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]),
            None,
        );
    }

    fn push(&mut self, choices: &Value, usage: Option<Value>) {
        let mut chunk = self.envelope.object("chat.completion.chunk", choices);
        if let (UsageChunk::Sent, Some(fields)) = (self.usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.unwrap_or(Value::Null));
        }
        self.ready.push_back(Frame::data(&chunk));
    }
}
