//! Messages as text, for the model that sums them up.

use std::fmt::Write;
use std::sync::Arc;

use crate::context::EstimatedTokens;
use crate::context::TokenCounter;
use crate::message::ContentBlock;
use crate::message::Message;
use crate::message::Role;

/// To how many bytes a piece of text is cut, step by step, until everything fits.
const PIECE_BYTES: [usize; 4] = [16_384, 4_096, 1_024, 256];

/// The messages as text of at most about so many tokens. Long pieces are cut first, in the
/// middle; if that is not enough, the oldest messages are left out.
pub(super) fn render(messages: &[Arc<Message>], tokens: u64) -> String {
    let mut text = String::new();
    for piece_bytes in PIECE_BYTES {
        text.clear();
        for message in messages {
            write_message(&mut text, message, piece_bytes);
        }
        // Their own end mark inside the messages would end them early.
        text = text.replace("</messages", "<\\/messages");
        if EstimatedTokens.count(&text) <= tokens {
            return text;
        }
    }
    let bytes = usize::try_from(tokens).unwrap_or(usize::MAX);
    let start = text.ceil_char_boundary(text.len().saturating_sub(bytes));
    format!("[the beginning is left out]\n{}", text.get(start..).unwrap_or_default())
}

fn write_message(out: &mut String, message: &Message, piece_bytes: usize) {
    let speaker = match message.role {
        Role::System => "instructions",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    for block in &message.content {
        // Writing to a string cannot fail.
        let _ = match block {
            ContentBlock::Text(text) => {
                writeln!(out, "{speaker}: {}", middle_out(&text.text, piece_bytes))
            }
            ContentBlock::Image(_) => writeln!(out, "{speaker}: [an image]"),
            ContentBlock::Document(document) => {
                let title = document.title.as_deref().unwrap_or("without title");
                writeln!(out, "{speaker}: [a document, {title}]")
            }
            ContentBlock::ToolUse(call) => {
                let input = call.input.to_json();
                writeln!(out, "assistant calls {}: {}", call.name, middle_out(&input, piece_bytes))
            }
            ContentBlock::ToolResult(result) => {
                let outcome = if result.is_error { "fails" } else { "answers" };
                let text = result.text();
                writeln!(out, "{} {outcome}: {}", result.name, middle_out(&text, piece_bytes))
            }
            ContentBlock::Thinking(_) | ContentBlock::Native(_) => Ok(()),
        };
    }
}

/// The text, or its beginning and end when it is longer than `bytes`.
fn middle_out(text: &str, bytes: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    let start = text.get(..text.floor_char_boundary(bytes * 2 / 3)).unwrap_or_default();
    let end = text.get(text.ceil_char_boundary(text.len() - bytes / 3)..).unwrap_or_default();
    let cut = text.len() - start.len() - end.len();
    format!("{start} [{cut} bytes cut] {end}").into()
}
