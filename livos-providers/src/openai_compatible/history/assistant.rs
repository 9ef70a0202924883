//! The model's own messages.

use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::Thinking;
use livos_core::ToolCall;

use super::super::dialect::Dialect;
use super::super::dialect::EmptyContent;
use super::super::dialect::ReasoningReplay;
use super::super::ids;
use super::super::parts::OutPart;
use super::super::reasoning;
use super::super::reasoning::Carrier;
use crate::encoding::push_item;
use crate::encoding::push_json;

/// Writes what the model said, with what its service wants back; nothing where nothing is left.
pub(super) fn push_assistant(dialect: &Dialect, message: &Message, out: &mut Vec<u8>) {
    let text = message.text();
    let has_calls = message.tool_calls().next().is_some();
    let replay = Replay::of(dialect, message);
    if text.is_empty() && !has_calls && replay.is_empty() {
        return;
    }
    push_item(out, |out| {
        out.extend_from_slice(b"{\"role\":\"assistant\"");
        out.extend_from_slice(&replay.fields);
        push_assistant_content(dialect, &text, &replay.parts, out);
        if has_calls {
            out.extend_from_slice(b",\"tool_calls\":[");
            for call in message.tool_calls() {
                push_item(out, |out| push_call(dialect, call, out));
            }
            out.push(b']');
        }
        out.push(b'}');
    });
}

fn push_assistant_content(dialect: &Dialect, text: &str, thinking: &[u8], out: &mut Vec<u8>) {
    if thinking.is_empty() {
        if !text.is_empty() || dialect.empty_content == EmptyContent::EmptyString {
            out.extend_from_slice(b",\"content\":");
            push_json(out, text);
        }
        return;
    }
    out.extend_from_slice(b",\"content\":[");
    out.extend_from_slice(thinking);
    if !text.is_empty() {
        push_item(out, |out| push_json(out, &OutPart::Text { text: text.to_owned() }));
    }
    out.push(b']');
}

fn push_call(dialect: &Dialect, call: &ToolCall, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    push_json(out, &*ids::wire_id(dialect, call));
    out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
    push_json(out, &*ids::wire_name(call.name.as_str()));
    out.extend_from_slice(b",\"arguments\":");
    // Malformed input too becomes valid JSON here: servers refuse anything else in history.
    let mut arguments = Vec::new();
    push_json(&mut arguments, &call.input);
    push_json(out, &*String::from_utf8_lossy(&arguments));
    out.extend_from_slice(b"}}");
}

/// Reasoning that goes back to the service it came from.
struct Replay {
    /// Fields of the message, each with its leading comma.
    fields: Vec<u8>,
    /// Parts of its content, comma-separated.
    parts: Vec<u8>,
}

impl Replay {
    fn of(dialect: &Dialect, message: &Message) -> Self {
        let mut replay = Self { fields: Vec::new(), parts: Vec::new() };
        if dialect.reasoning_replay == ReasoningReplay::Never {
            return replay;
        }
        for carrier in [Carrier::ReasoningContent, Carrier::Reasoning] {
            if let Some(text) = joined(own_thinking(dialect, message, carrier)) {
                replay.push_field(carrier, &text);
            }
        }
        for thinking in own_thinking(dialect, message, Carrier::ContentPart) {
            push_item(&mut replay.parts, |out| push_thinking_part(&thinking.text, out));
        }
        let mut details = Vec::new();
        reasoning::push_details(&message.content, dialect.name, &mut details);
        if !details.is_empty() {
            replay.fields.extend_from_slice(b",\"reasoning_details\":[");
            replay.fields.extend_from_slice(&details);
            replay.fields.push(b']');
        }
        let is_demanded = dialect.reasoning_replay == ReasoningReplay::Demanded;
        if is_demanded && replay.is_empty() && message.tool_calls().next().is_some() {
            replay.push_field(Carrier::ReasoningContent, "");
        }
        replay
    }

    fn push_field(&mut self, carrier: Carrier, text: &str) {
        self.fields.push(b',');
        push_json(&mut self.fields, carrier.name());
        self.fields.push(b':');
        push_json(&mut self.fields, text);
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.parts.is_empty()
    }
}

fn own_thinking<'a>(
    dialect: &'a Dialect,
    message: &'a Message,
    carrier: Carrier,
) -> impl Iterator<Item = &'a Thinking> {
    message.content.iter().filter_map(move |block| match block {
        ContentBlock::Thinking(thinking) => {
            let signature = thinking.signature.as_ref()?;
            let is_own = signature.issuer.as_str() == dialect.name;
            (is_own && Carrier::of(signature) == Some(carrier)).then_some(thinking)
        }
        _ => None,
    })
}

fn joined<'a>(blocks: impl Iterator<Item = &'a Thinking>) -> Option<String> {
    let text: String = blocks.map(|block| block.text.as_str()).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// Writes `{"type":"thinking","thinking":[{"type":"text","text":TEXT}]}` (Mistral).
fn push_thinking_part(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":[");
    push_json(out, &OutPart::Text { text: text.to_owned() });
    out.extend_from_slice(b"]}");
}
