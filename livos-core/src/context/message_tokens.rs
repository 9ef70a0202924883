//! Tokens of a message: its text, and what wires put around it.

use std::sync::Arc;

use super::TokenCounter;
use crate::message::ContentBlock;
use crate::message::Document;
use crate::message::MediaSource;
use crate::message::Message;
use crate::message::ToolResult;

/// What wires put around a message or a block: role, separators, types.
const FRAME: u64 = 5;

/// What they put around a tool call or its result, beside its id.
const CALL_FRAME: u64 = 16;

/// A picture at the size that vendors scale to; the dearest of them takes this much.
const IMAGE: u64 = 3_000;

/// A file whose size is unknown because it is not here.
const REMOTE_DOCUMENT: u64 = 20_000;

/// Bytes of a PDF for one token: a page of 50 KB is read as about 3,000.
const PDF_BYTES_PER_TOKEN: u64 = 16;

/// How many tokens a message takes, counted with `counter`; pictures and files are estimated.
pub fn message_tokens(counter: &dyn TokenCounter, message: &Message) -> u64 {
    let blocks = message.content.iter().map(|block| block_tokens(counter, block));
    FRAME + blocks.sum::<u64>()
}

fn block_tokens(counter: &dyn TokenCounter, block: &ContentBlock) -> u64 {
    match block {
        ContentBlock::Text(text) => counter.count(&text.text),
        ContentBlock::Image(_) => IMAGE,
        ContentBlock::Document(document) => document_tokens(document),
        ContentBlock::Thinking(thinking) => {
            // What a provider hides it still counts; its proof is about as long as that.
            let proof = thinking.signature.as_ref().map_or(0, |it| it.value.len() as u64 / 4);
            FRAME + counter.count(&thinking.text).max(proof)
        }
        ContentBlock::ToolUse(call) => {
            CALL_FRAME
                + counter.count(call.call_id.as_str())
                + counter.count(call.name.as_str())
                + counter.count(&call.input.to_json())
        }
        ContentBlock::ToolResult(result) => {
            let content = result.content.iter().map(|block| block_tokens(counter, block));
            CALL_FRAME + counter.count(result.call_id.as_str()) + content.sum::<u64>()
        }
        ContentBlock::Native(native) => FRAME + counter.count(&native.value.to_string()),
    }
}

fn document_tokens(document: &Document) -> u64 {
    let title = document.title.as_deref().map_or(0, |title| title.len() as u64);
    let body = match &document.source {
        MediaSource::Base64(data) => {
            let bytes = data.len() as u64 * 3 / 4;
            match document.media_type.starts_with("text/") {
                // A token of prose has four bytes, one of dense text two.
                true => bytes.div_ceil(2),
                false => bytes.div_ceil(PDF_BYTES_PER_TOKEN).max(IMAGE),
            }
        }
        MediaSource::Url(_) | MediaSource::FileId(_) => REMOTE_DOCUMENT,
    };
    FRAME + title + body
}

/// The message with the text of its tool results cut to `limit` bytes each, and saying so.
/// The same `Arc` when there is nothing to cut.
pub(crate) fn cut_results(message: &Arc<Message>, limit: usize) -> Arc<Message> {
    let is_long = |block: &ContentBlock| match block {
        ContentBlock::ToolResult(result) => text_bytes(result) > limit,
        _ => false,
    };
    if !message.content.iter().any(is_long) {
        return Arc::clone(message);
    }
    let content = message.content.iter().map(|block| match block {
        ContentBlock::ToolResult(result) if text_bytes(result) > limit => {
            ContentBlock::ToolResult(cut(result, limit))
        }
        other => other.clone(),
    });
    Arc::new(Message::new(message.role, content.collect()))
}

fn text_bytes(result: &ToolResult) -> usize {
    result.content.iter().filter_map(ContentBlock::as_text).map(str::len).sum()
}

fn cut(result: &ToolResult, limit: usize) -> ToolResult {
    let text = result.text();
    let kept = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    let marker =
        format!("{kept}\n[cut to save room: the first {} of {} bytes]", kept.len(), text.len());
    ToolResult {
        call_id: result.call_id.clone(),
        name: result.name.clone(),
        content: vec![ContentBlock::text(marker)],
        is_error: result.is_error,
    }
}
