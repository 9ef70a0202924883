//! Encodes a conversation once and keeps the bytes for the next turn.
//!
//! A request body is sent as segments: the head (model, system, tools), the
//! messages, and a tail with all that changes from turn to turn. The first two
//! are kept in the conversation's [`EncodingSlot`](livos_core::EncodingSlot);
//! a turn encodes only what is new.

use std::sync::Arc;

use bytes::Bytes;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Conversation;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolSpec;
use serde::Serialize;

/// What the slot holds between turns.
#[derive(Default)]
struct EncodedConversation {
    head: Option<EncodedHead>,
    messages: Option<EncodedMessages>,
}

struct EncodedHead {
    format: u64,
    model: ModelName,
    system: Option<Arc<str>>,
    tools: Arc<[ToolSpec]>,
    bytes: Bytes,
}

struct EncodedMessages {
    format: u64,
    count: usize,
    /// Kept alive, so that its address means this message and no later one.
    last: Arc<Message>,
    bytes: Bytes,
}

/// The encoded head of a request: whatever depends on model, system and tools alone.
///
/// `format` stands for the wire and for every other option that changes these bytes.
pub(crate) fn encode_head(
    request: &ChatRequest,
    format: u64,
    encode: impl FnOnce(&mut Vec<u8>),
) -> Bytes {
    let slot = request.conversation.encoding();
    let mut kept = slot.take::<EncodedConversation>().unwrap_or_default();
    let known = kept.head.as_ref().filter(|head| head.is_of(request, format));
    let bytes = if let Some(head) = known {
        head.bytes.clone()
    } else {
        let mut buffer = Vec::new();
        encode(&mut buffer);
        Bytes::from(buffer)
    };
    kept.head = Some(EncodedHead {
        format,
        model: request.model.clone(),
        system: request.system.clone(),
        tools: Arc::clone(&request.tools),
        bytes: bytes.clone(),
    });
    slot.put(kept);
    bytes
}

impl EncodedHead {
    fn is_of(&self, request: &ChatRequest, format: u64) -> bool {
        let same_system = match (&self.system, &request.system) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs) || ours == theirs,
            (None, None) => true,
            _ => false,
        };
        let same_tools = Arc::ptr_eq(&self.tools, &request.tools) || self.tools == request.tools;
        self.format == format && self.model == request.model && same_system && same_tools
    }
}

/// The messages as comma-separated JSON, without brackets. Only new ones are encoded.
///
/// `encode` gets the messages before the one to write, that one, and where to
/// write it: zero or more whole wire messages, separated by commas, without a
/// comma at either end ([`push_item`] puts commas). What was written is never
/// rewritten, so the bytes may depend on earlier messages only. `format`
/// stands for the wire and for every option that changes these bytes.
pub(crate) fn encode_messages(
    conversation: &Conversation,
    format: u64,
    mut encode: impl FnMut(&[Arc<Message>], &Message, &mut Vec<u8>),
) -> Bytes {
    let slot = conversation.encoding();
    let mut kept = slot.take::<EncodedConversation>().unwrap_or_default();
    let known = kept.messages.take().filter(|known| known.is_prefix_of(conversation, format));
    let (count, bytes) = known.map(|known| (known.count, known.bytes)).unwrap_or_default();
    let bytes = if count == conversation.len() {
        bytes
    } else {
        // Takes the buffer over where no request in flight still holds it, else copies it.
        let mut buffer = Vec::from(bytes);
        for (index, message) in conversation.iter().enumerate().skip(count) {
            let earlier = conversation.get(..index).unwrap_or_default();
            push_item(&mut buffer, |buffer| encode(earlier, message, buffer));
        }
        Bytes::from(buffer)
    };
    if let Some(last) = conversation.last() {
        kept.messages = Some(EncodedMessages {
            format,
            count: conversation.len(),
            last: Arc::clone(last),
            bytes: bytes.clone(),
        });
    }
    slot.put(kept);
    bytes
}

impl EncodedMessages {
    fn is_prefix_of(&self, conversation: &Conversation, format: u64) -> bool {
        let at_same_place = self.count.checked_sub(1).and_then(|index| conversation.get(index));
        self.format == format && at_same_place.is_some_and(|other| Arc::ptr_eq(other, &self.last))
    }
}

/// Writes an item of a comma-separated list; an item of no bytes leaves no comma. An item may
/// itself be written as several.
pub(crate) fn push_item(buffer: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let before = buffer.len();
    let is_first = matches!(buffer.last(), None | Some(b'[' | b'{' | b','));
    if !is_first {
        buffer.push(b',');
    }
    let start = buffer.len();
    write(buffer);
    if buffer.len() == start {
        buffer.truncate(before);
    }
}

/// Appends a value as JSON. Our wire types always serialise (string keys, finite numbers).
pub(crate) fn push_json(buffer: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = buffer.len();
    if let Err(error) = serde_json::to_writer(&mut *buffer, value) {
        tracing::error!(%error, "a part of a request could not be written as JSON");
        buffer.truncate(before);
        buffer.extend_from_slice(b"null");
    }
}

/// The calls of the last assistant message in `earlier` that no message after it answers.
///
/// Every wire refuses a call without its result. Before a message that brings
/// none of them, an encoder writes a result that says so ([`NO_RESULT`]).
pub(crate) fn open_calls(earlier: &[Arc<Message>]) -> Vec<&ToolCall> {
    let Some(asked) = earlier.iter().rposition(|message| message.role == Role::Assistant) else {
        return Vec::new();
    };
    let (asking, answers) = earlier.split_at_checked(asked + 1).unwrap_or_default();
    let Some(asking) = asking.last() else { return Vec::new() };
    let is_open = |call: &&ToolCall| !answers.iter().any(|message| answers_call(message, call));
    asking.tool_calls().filter(is_open).collect()
}

/// Whether a message holds the result of a call.
pub(crate) fn answers_call(message: &Message, call: &ToolCall) -> bool {
    message.content.iter().any(|block| match block {
        ContentBlock::ToolResult(result) => result.call_id == call.call_id,
        _ => false,
    })
}

/// Whether a message brings a result for at least one of these calls.
pub(crate) fn answers_any(message: &Message, calls: &[&ToolCall]) -> bool {
    calls.iter().any(|call| answers_call(message, call))
}

/// What a model is told of a call that was never answered.
pub(crate) const NO_RESULT: &str = "no result: the call was interrupted";

#[cfg(test)]
mod tests;
