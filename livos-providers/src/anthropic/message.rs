//! Our messages to Anthropic's, append-only.
//!
//! What one message becomes depends on it and on the messages before it, never
//! on later ones, so what was sent stays a prefix of what will be sent.
//! Neighbours of one role need no merging: the service does that itself.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use livos_core::ContentBlock;
use livos_core::Document;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::Role;
use livos_core::Text;
use livos_core::ToolCall;
use livos_core::ToolResult;
use serde_json::Value;
use serde_json::json;

use super::ISSUER;
use super::model::SystemRole;
use crate::encoding::NO_RESULT;
use crate::encoding::answers_any;
use crate::encoding::open_calls;
use crate::encoding::push_item;
use crate::encoding::push_json;

/// What changes the bytes of a message beside the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageFormat {
    /// Whether the model knows the role `system` inside a conversation.
    pub(super) system_role: SystemRole,
    /// Whether titled documents may be cited.
    pub(super) citations: Citations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Citations {
    Allowed,
    /// The service refuses them together with structured output.
    Refused,
}

impl MessageFormat {
    /// A number of its own for this wire and each choice.
    pub(super) fn id(self) -> u64 {
        const WIRE: u64 = 0xA17_0000;
        let system = u64::from(self.system_role == SystemRole::Known);
        let citations = u64::from(self.citations == Citations::Allowed);
        WIRE | system << 1 | citations
    }
}

/// Writes the wire messages that a message becomes. Each ends with `}]}`.
pub(super) fn encode_message(
    format: MessageFormat,
    earlier: &[Arc<Message>],
    message: &Message,
    out: &mut Vec<u8>,
) {
    let open = open_calls(earlier);
    let is_answering = message.role == Role::User && answers_any(message, &open);
    if !is_answering {
        push_missing_results(&open, out);
    }
    let role = match (message.role, format.system_role) {
        (Role::Assistant, _) => "assistant",
        // The first message of a conversation must be a user's.
        (Role::System, SystemRole::Known) if !earlier.is_empty() => "system",
        (Role::System | Role::User, _) => "user",
    };
    let blocks =
        Blocks { format, open: &open, is_marked: message.role == Role::System && role == "user" };
    push_wire_message(role, out, |out| {
        // Results come first: the service wants them directly behind the calls.
        let (results, others): (Vec<_>, Vec<_>) =
            message.content.iter().partition(|block| matches!(block, ContentBlock::ToolResult(_)));
        for block in results.into_iter().chain(others) {
            push_item(out, |out| blocks.push(block, out));
        }
    });
}

/// Results for calls that nobody answered, without which the service refuses the request.
pub(super) fn push_missing_results(open: &[&ToolCall], out: &mut Vec<u8>) {
    if open.is_empty() {
        return;
    }
    push_wire_message("user", out, |out| {
        for call in open {
            let id = wire_name(call.call_id.as_str());
            let result = json!({
                "type": "tool_result",
                "tool_use_id": id,
                "content": [{"type": "text", "text": NO_RESULT}],
                "is_error": true,
            });
            push_item(out, |out| push_json(out, &result));
        }
    });
}

/// Writes one wire message; without blocks it is left out, as the service refuses empty ones.
pub(super) fn push_wire_message(
    role: &'static str,
    out: &mut Vec<u8>,
    blocks: impl FnOnce(&mut Vec<u8>),
) {
    push_item(out, |out| {
        let start = out.len();
        out.extend_from_slice(b"{\"role\":\"");
        out.extend_from_slice(role.as_bytes());
        out.extend_from_slice(b"\",\"content\":[");
        let first_block = out.len();
        blocks(out);
        if out.len() == first_block {
            out.truncate(start);
        } else {
            out.extend_from_slice(b"]}");
        }
    });
}

struct Blocks<'a> {
    format: MessageFormat,
    open: &'a [&'a ToolCall],
    is_marked: bool,
}

impl Blocks<'_> {
    fn push(&self, block: &ContentBlock, out: &mut Vec<u8>) {
        match block {
            ContentBlock::Text(text) => self.push_text(text, out),
            ContentBlock::Image(image) => push_json(out, &wire_image(image)),
            ContentBlock::Document(document) => push_json(out, &self.wire_document(document)),
            ContentBlock::Thinking(thinking) => {
                // Reasoning of another issuer, or without its proof, would be refused.
                let signature = thinking.signature.as_ref().filter(|s| s.issuer.as_str() == ISSUER);
                if let Some(signature) = signature {
                    let block = json!({
                        "type": "thinking",
                        "thinking": thinking.text,
                        "signature": signature.value,
                    });
                    push_json(out, &block);
                }
            }
            ContentBlock::ToolUse(call) => push_json(out, &WireCall::from(call)),
            ContentBlock::ToolResult(result) => self.push_result(result, out),
            ContentBlock::Native(native) if native.issuer.as_str() == ISSUER => {
                push_json(out, &native.value);
            }
            other => tracing::debug!(block = ?std::mem::discriminant(other), "block left out"),
        }
    }

    fn push_text(&self, text: &Text, out: &mut Vec<u8>) {
        // The service refuses text blocks without words.
        if text.text.trim().is_empty() {
            return;
        }
        let words = if self.is_marked {
            Cow::Owned(format!("<system_instructions>\n{}\n</system_instructions>", text.text))
        } else {
            Cow::Borrowed(text.text.as_str())
        };
        let citations = text.citations.iter().filter(|citation| is_citation(citation)).collect();
        push_json(out, &WireText { kind: "text", text: &words, citations });
    }

    fn push_result(&self, result: &ToolResult, out: &mut Vec<u8>) {
        let is_asked_for = self.open.iter().any(|call| call.call_id == result.call_id);
        if !is_asked_for {
            // A result without its call would be refused; what it says is kept as text.
            let text = format!("Result of {}: {}", result.name, result.text());
            push_json(out, &WireText { kind: "text", text: &text, citations: Vec::new() });
            return;
        }
        out.extend_from_slice(b"{\"type\":\"tool_result\",\"tool_use_id\":");
        push_json(out, &wire_name(result.call_id.as_str()));
        let with_content = out.len();
        out.extend_from_slice(b",\"content\":[");
        let first_block = out.len();
        for block in &result.content {
            if matches!(
                block,
                ContentBlock::Text(_) | ContentBlock::Image(_) | ContentBlock::Document(_)
            ) {
                push_item(out, |out| self.push(block, out));
            }
        }
        if out.len() == first_block {
            out.truncate(with_content);
        } else {
            out.push(b']');
        }
        out.extend_from_slice(if result.is_error { b",\"is_error\":true}" } else { b"}" });
    }

    fn wire_document(&self, document: &Document) -> Value {
        let source = wire_document_source(document);
        match (&document.title, self.format.citations) {
            (None, _) => json!({"type": "document", "source": source}),
            (Some(title), Citations::Refused) => {
                json!({"type": "document", "source": source, "title": title})
            }
            (Some(title), Citations::Allowed) => {
                let citations = json!({"enabled": true});
                json!({"type": "document", "source": source, "title": title, "citations": citations})
            }
        }
    }
}

#[derive(serde::Serialize)]
struct WireText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<&'a Value>,
}

#[derive(serde::Serialize)]
struct WireCall<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    input: &'a livos_core::ToolInput,
}

impl<'a> From<&'a ToolCall> for WireCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        Self {
            kind: "tool_use",
            id: wire_name(call.call_id.as_str()),
            name: wire_name(call.name.as_str()),
            input: &call.input,
        }
    }
}

/// Ids and names as the service accepts them: letters, digits, `_`, `-`. Other vendors' ids may
/// hold more; both halves of a pair are changed alike.
fn wire_name(name: &str) -> Cow<'_, str> {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_accepted) {
        return Cow::Borrowed(name);
    }
    let replaced: String = name.chars().map(|c| if is_accepted(c) { c } else { '_' }).collect();
    Cow::Owned(if replaced.is_empty() { "_".to_owned() } else { replaced })
}

/// Whether a source is in this wire's shape; other vendors' are not understood.
fn is_citation(citation: &Value) -> bool {
    let kind = citation.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.ends_with("_location")
}

fn wire_image(image: &Image) -> Value {
    json!({"type": "image", "source": wire_source(&image.media_type, &image.source)})
}

fn wire_source(media_type: &str, source: &MediaSource) -> Value {
    match source {
        MediaSource::Base64(data) => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        MediaSource::Url(url) => json!({"type": "url", "url": url}),
        MediaSource::FileId(id) => json!({"type": "file", "file_id": id}),
        // A kind of source that came after this encoder.
        other => {
            tracing::warn!(?other, "unknown source of a document");
            json!({"type": "text", "media_type": "text/plain", "data": "(not readable)"})
        }
    }
}

fn wire_document_source(document: &Document) -> Value {
    if let MediaSource::Base64(data) = &document.source
        && document.media_type.starts_with("text/")
    {
        let bytes = STANDARD.decode(data).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        return json!({"type": "text", "media_type": "text/plain", "data": text});
    }
    wire_source(&document.media_type, &document.source)
}

#[cfg(test)]
mod tests;
