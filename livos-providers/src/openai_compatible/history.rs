//! Messages of a conversation as messages of this wire.
//!
//! What is written for a message depends on it and on earlier ones only, so
//! that it stays as it is when the conversation grows.

mod assistant;
mod tool_round;

use std::sync::Arc;

use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolResult;

use self::assistant::push_assistant;
use self::tool_round::ToolRound;
use super::dialect::Dialect;
use super::dialect::LateInstructions;
use super::dialect::SystemRole;
use super::dialect::ToolMedia;
use super::ids;
use super::parts;
use super::parts::OutPart;
use crate::encoding::NO_RESULT;
use crate::encoding::push_item;
use crate::encoding::push_json;

/// Writes a message: zero or more wire messages, separated by commas.
///
/// It ends in `"}` or `]}` when it ends with words of the user or of a tool,
/// so that [`append_to_last`] can add to them.
pub(super) fn push_message(
    dialect: &Dialect,
    earlier: &[Arc<Message>],
    message: &Message,
    out: &mut Vec<u8>,
) {
    let mut round = ToolRound::open_in(earlier);
    match message.role {
        Role::User => push_user(dialect, round, message, out),
        Role::Assistant => {
            close(dialect, &mut round, out);
            push_assistant(dialect, message, out);
        }
        Role::System => {
            close(dialect, &mut round, out);
            let role = match dialect.late_instructions {
                LateInstructions::Anywhere => system_role(dialect),
                LateInstructions::OnlyFirst => "user",
            };
            push_item(out, |out| push_text_message(role, &message.text(), out));
        }
    }
}

/// Writes answers for calls that the whole conversation leaves open.
pub(super) fn push_missing_results(
    dialect: &Dialect,
    messages: &[Arc<Message>],
    out: &mut Vec<u8>,
) {
    close(dialect, &mut ToolRound::open_in(messages), out);
}

pub(super) fn system_role(dialect: &Dialect) -> &'static str {
    match dialect.system_role {
        SystemRole::System => "system",
        SystemRole::Developer => "developer",
    }
}

/// Writes `{"role":ROLE,"content":TEXT}`.
pub(super) fn push_text_message(role: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"role\":");
    push_json(out, role);
    out.extend_from_slice(b",\"content\":");
    push_json(out, text);
    out.push(b'}');
}

/// Whether a message ends, on the wire, with words of the user or of a tool.
pub(super) fn has_words(message: &Message) -> bool {
    let is_shown = |block: &ContentBlock| {
        !matches!(
            block,
            ContentBlock::Thinking(_) | ContentBlock::ToolUse(_) | ContentBlock::Native(_)
        )
    };
    message.role != Role::Assistant && message.content.iter().any(is_shown)
}

/// How many bytes at the end of the messages written make room for more text in
/// the last one, and the bytes that come in their place.
pub(super) fn append_to_last(messages: &[u8], text: &str) -> Option<(usize, Vec<u8>)> {
    let mut more = Vec::with_capacity(text.len() + 64);
    if messages.ends_with(b"\"}") {
        push_json(&mut more, &format!("\n\n{text}"));
        // The opening quote of what was just written.
        more.remove(0);
    } else if messages.ends_with(b"]}") {
        more.push(b',');
        push_json(&mut more, &OutPart::Text { text: text.to_owned() });
        more.push(b']');
    } else {
        return None;
    }
    more.push(b'}');
    Some((2, more))
}

/// Answers what is still open, so that every call has its one answer.
fn close(dialect: &Dialect, round: &mut ToolRound<'_>, out: &mut Vec<u8>) {
    for call in round.open.drain(..) {
        push_item(out, |out| {
            push_tool_head(&ids::wire_id(dialect, call), out);
            push_json(out, NO_RESULT);
            out.push(b'}');
        });
    }
    let mut parts = PartList::default();
    push_tool_media(dialect, &round.results, &mut parts);
    round.results.clear();
    parts.push_as_user(out);
}

fn push_user<'a>(
    dialect: &Dialect,
    mut round: ToolRound<'a>,
    message: &'a Message,
    out: &mut Vec<u8>,
) {
    let brought = round.take(message);
    for (call, result) in &brought.results {
        push_item(out, |out| push_result(dialect, call, result, out));
    }
    if !brought.ends_round() && !round.open.is_empty() {
        return;
    }
    let results = std::mem::take(&mut round.results);
    close(dialect, &mut round, out);
    let mut parts = PartList::default();
    push_tool_media(dialect, &results, &mut parts);
    match brought.rest.as_slice() {
        [ContentBlock::Text(text)] if parts.0.is_empty() => {
            push_item(out, |out| push_text_message("user", &text.text, out));
        }
        rest => {
            for block in rest {
                push_user_block(dialect, block, &mut parts);
            }
            parts.push_as_user(out);
        }
    }
}

/// Content parts, comma-separated.
#[derive(Default)]
struct PartList(Vec<u8>);

impl PartList {
    fn push(&mut self, part: &OutPart<'_>) {
        push_item(&mut self.0, |out| push_json(out, part));
    }

    fn push_text(&mut self, text: String) {
        self.push(&OutPart::Text { text });
    }

    /// Writes `{"role":"user","content":[…]}`, or nothing where there are no parts.
    fn push_as_user(self, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            push_item(out, |out| {
                out.extend_from_slice(b"{\"role\":\"user\",\"content\":[");
                out.extend_from_slice(&self.0);
                out.extend_from_slice(b"]}");
            });
        }
    }
}

fn push_user_block(dialect: &Dialect, block: &ContentBlock, parts: &mut PartList) {
    match block {
        ContentBlock::Text(text) => parts.push_text(text.text.clone()),
        ContentBlock::ToolResult(result) => {
            // Its call is not there any more, or was answered: a tool message would be refused.
            parts.push_text(format!("Result of the tool `{}`:\n{}", result.name, result.text()));
        }
        ContentBlock::Native(native) if native.issuer.as_str() == dialect.name => {
            push_item(&mut parts.0, |out| push_json(out, &native.value));
        }
        other => {
            if let Some(part) = parts::media(dialect, other) {
                parts.push(&part);
            }
        }
    }
}

/// Writes `{"role":"tool","tool_call_id":ID,"content":`.
fn push_tool_head(id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"role\":\"tool\",\"tool_call_id\":");
    push_json(out, id);
    out.extend_from_slice(b",\"content\":");
}

fn push_result(dialect: &Dialect, call: &ToolCall, result: &ToolResult, out: &mut Vec<u8>) {
    push_tool_head(&ids::wire_id(dialect, call), out);
    let mut text = String::new();
    let mut media = Vec::new();
    for block in &result.content {
        match (block, parts::media(dialect, block)) {
            (ContentBlock::Text(block), _) => text.push_str(&block.text),
            (_, Some(OutPart::Text { text: told })) => text.push_str(&told),
            (_, Some(part)) => media.push(part),
            (_, None) => {}
        }
    }
    if result.is_error && !says_error(&text) {
        text.insert_str(0, "Error: ");
    }
    if media.is_empty() || dialect.tool_media == ToolMedia::UserMessage {
        if text.is_empty() && !media.is_empty() {
            text.push_str("The files it returned follow.");
        }
        push_json(out, &text);
    } else {
        out.push(b'[');
        if !text.is_empty() {
            push_item(out, |out| push_json(out, &OutPart::Text { text }));
        }
        for part in &media {
            push_item(out, |out| push_json(out, part));
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// The wire has no field for failure, so the text must tell.
fn says_error(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error"))
}

/// Writes what tool messages cannot hold, each behind the name of its tool.
fn push_tool_media(dialect: &Dialect, results: &[(&ToolCall, &ToolResult)], parts: &mut PartList) {
    if dialect.tool_media == ToolMedia::InToolMessage {
        return;
    }
    for (call, result) in results {
        let media = result.content.iter().filter_map(|block| parts::media(dialect, block));
        let media: Vec<_> = media.filter(|part| !matches!(part, OutPart::Text { .. })).collect();
        if !media.is_empty() {
            parts.push_text(format!("Returned by the tool `{}` ({}):", call.name, call.call_id));
            for part in &media {
                parts.push(part);
            }
        }
    }
}

#[cfg(test)]
mod tests;
