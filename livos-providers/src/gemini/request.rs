//! A request in the service's words.
//!
//! The body is three segments: a head (instructions, tools) and the contents,
//! which grow at their end only, and a tail with whatever changes from turn to
//! turn. Contents that follow each other with the same role are sent as they
//! are; the service accepts that, and no earlier byte is touched.

use std::sync::Arc;

use bytes::Bytes;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::NativeBlock;
use livos_core::OutputFormat;
use livos_core::Role;
use livos_core::Signature;
use serde_json::Value;

use super::ISSUER;
use super::body::CallOut;
use super::body::CallingConfig;
use super::body::Declaration;
use super::body::GenerationConfig;
use super::body::PartOut;
use super::body::ResponseOut;
use super::model;
use super::model::Generation;
use crate::encoding::answers_any;
use crate::encoding::encode_head;
use crate::encoding::encode_messages;
use crate::encoding::open_calls;
use crate::encoding::push_item;
use crate::encoding::push_json;
use crate::transport::RequestBody;

/// Stands in for the signature of a call that another vendor's model made.
/// See <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body of a request.
pub(super) fn encode(request: &ChatRequest) -> RequestBody {
    let generation = Generation::of(request.model.as_str());
    let format = format(generation);
    let head = encode_head(request, format, |buffer| push_head(buffer, request, generation));
    let contents = encode_messages(&request.conversation, format, |earlier, message, buffer| {
        push_message(buffer, earlier, message, generation);
    });
    let tail = encode_tail(request, generation, contents.is_empty());
    RequestBody::new(head, contents, tail)
}

/// Two generations are two formats: they want other bytes for the same history.
fn format(generation: Generation) -> u64 {
    let base = u64::from(u32::from_be_bytes(*b"gmni")) << 8;
    base | match generation {
        Generation::Three => 3,
        Generation::Gemma => 1,
        Generation::Two | Generation::TwoFive | Generation::Unknown => 2,
    }
}

fn push_head(buffer: &mut Vec<u8>, request: &ChatRequest, generation: Generation) {
    let system = request.system.as_deref().filter(|system| !system.is_empty());
    let takes_system = generation != Generation::Gemma;
    buffer.push(b'{');
    if let Some(system) = system.filter(|_| takes_system) {
        buffer.extend_from_slice(br#""systemInstruction":{"parts":["#);
        push_json(buffer, &PartOut::text(system));
        buffer.extend_from_slice(b"]},");
    }
    if !request.tools.is_empty() {
        buffer.extend_from_slice(br#""tools":[{"functionDeclarations":["#);
        for tool in request.tools.iter() {
            push_item(buffer, |buffer| push_json(buffer, &Declaration::of(tool)));
        }
        buffer.extend_from_slice(b"]}],");
    }
    buffer.extend_from_slice(br#""contents":["#);
    if let Some(system) = system.filter(|_| !takes_system) {
        push_content(buffer, "user", [PartOut::text(system)]);
        buffer.push(b',');
    }
}

fn push_message(
    buffer: &mut Vec<u8>,
    earlier: &[Arc<Message>],
    message: &Message,
    generation: Generation,
) {
    let open = open_calls(earlier);
    if !open.is_empty() && !answers_any(message, &open) {
        let results = open.into_iter().map(|call| PartOut {
            function_response: Some(ResponseOut::interrupted(call)),
            ..PartOut::default()
        });
        push_content(buffer, "user", results);
        buffer.push(b',');
    }
    let before = buffer.len();
    match message.role {
        Role::Assistant => push_answer(buffer, message, generation),
        Role::User | Role::System => push_input(buffer, message, generation),
    }
    if buffer.len() == before && buffer.last() == Some(&b',') {
        buffer.pop();
    }
}

/// What the model said. Parts of other vendors that mean nothing here are left out.
fn push_answer(buffer: &mut Vec<u8>, message: &Message, generation: Generation) {
    let is_signed = message.tool_calls().any(|call| ours(call.signature.as_ref()).is_some());
    let lacks_signature = generation.requires_signatures() && !is_signed;
    let first_call = message.tool_calls().next().filter(|_| lacks_signature);
    let unsigned = first_call.map(|call| &call.call_id);
    let following = message.content.iter().skip(1).map(Some).chain([None]);
    let parts = message.content.iter().zip(following).filter_map(|(block, next)| {
        let mut part = answer_part(block)?;
        match block {
            ContentBlock::ToolUse(call) if Some(&call.call_id) == unsigned => {
                part.thought_signature = Some(FOREIGN_SIGNATURE);
            }
            ContentBlock::Image(_) => part.thought_signature = next.and_then(signature_alone),
            _ => {}
        }
        Some(part)
    });
    push_content(buffer, "model", parts);
}

fn answer_part(block: &ContentBlock) -> Option<PartOut<'_>> {
    match block {
        ContentBlock::Text(text) => {
            let signature = ours(text.signature.as_ref());
            (!text.text.is_empty() || signature.is_some()).then(|| PartOut {
                text: Some(&text.text),
                thought_signature: signature,
                ..PartOut::default()
            })
        }
        ContentBlock::Thinking(thinking) => {
            let signature = ours(thinking.signature.as_ref());
            let is_foreign = thinking.signature.is_some() && signature.is_none();
            let is_empty = thinking.text.is_empty() && signature.is_none();
            (!is_foreign && !is_empty).then(|| PartOut {
                text: Some(&thinking.text),
                thought: true,
                thought_signature: signature,
                ..PartOut::default()
            })
        }
        ContentBlock::ToolUse(call) => Some(PartOut {
            function_call: Some(CallOut::of(call)),
            thought_signature: ours(call.signature.as_ref()),
            ..PartOut::default()
        }),
        ContentBlock::Native(native) if native.issuer.as_str() == ISSUER => {
            if signature_alone(block).is_some() {
                return None;
            }
            Some(PartOut { native: Some(&native.value), ..PartOut::default() })
        }
        ContentBlock::Image(image) => Some(PartOut::media(&image.media_type, &image.source)),
        ContentBlock::Document(document) => {
            Some(PartOut::media(&document.media_type, &document.source))
        }
        _ => None,
    }
}

/// What the human, the tools or the system said.
fn push_input(buffer: &mut Vec<u8>, message: &Message, generation: Generation) {
    let mut parts = Vec::new();
    let mut beside = Vec::new();
    for block in &message.content {
        match block {
            ContentBlock::Text(text) if !text.text.is_empty() => {
                parts.push(PartOut::text(&text.text));
            }
            ContentBlock::ToolResult(result) => {
                let mut media: Vec<_> = result.content.iter().flat_map(media_parts).collect();
                if !generation.has_multimodal_responses() {
                    beside.append(&mut media);
                }
                parts.push(PartOut {
                    function_response: Some(ResponseOut::of(result, media)),
                    ..PartOut::default()
                });
            }
            other => parts.extend(media_parts(other)),
        }
    }
    push_content(buffer, "user", parts.into_iter().chain(beside));
}

fn media_parts(block: &ContentBlock) -> Vec<PartOut<'_>> {
    match block {
        ContentBlock::Image(image) => vec![PartOut::media(&image.media_type, &image.source)],
        ContentBlock::Document(document) => {
            let title = document.title.as_deref().map(PartOut::text);
            let file = PartOut::media(&document.media_type, &document.source);
            title.into_iter().chain([file]).collect()
        }
        _ => Vec::new(),
    }
}

/// Writes a content, or nothing where there are no parts: the service refuses empty ones.
fn push_content<'a>(
    buffer: &mut Vec<u8>,
    role: &str,
    parts: impl IntoIterator<Item = PartOut<'a>>,
) {
    let mut parts = parts.into_iter().peekable();
    if parts.peek().is_none() {
        return;
    }
    buffer.extend_from_slice(br#"{"role":""#);
    buffer.extend_from_slice(role.as_bytes());
    buffer.extend_from_slice(br#"","parts":["#);
    for part in parts {
        push_item(buffer, |buffer| match part.native {
            Some(native) => push_json(buffer, native),
            None => push_json(buffer, &part),
        });
    }
    buffer.extend_from_slice(b"]}");
}

fn encode_tail(request: &ChatRequest, generation: Generation, is_first: bool) -> Bytes {
    let mut buffer = Vec::with_capacity(256);
    let schema = match &request.output {
        OutputFormat::JsonSchema { schema, .. } => Some(schema.as_ref()),
        _ => None,
    };
    let is_enforced = model::capabilities(request.model.as_str()).structured_output
        && (request.tools.is_empty() || generation.combines_tools_and_schema());
    let plea = schema.filter(|_| !is_enforced).map(|schema| {
        format!("Answer with JSON that fits this schema, and with nothing else: {schema}")
    });
    let texts = request.volatile.as_deref().into_iter().chain(plea.as_deref());
    let parts: Vec<_> = texts.filter(|text| !text.is_empty()).map(PartOut::text).collect();
    if !parts.is_empty() {
        if !is_first {
            buffer.push(b',');
        }
        push_content(&mut buffer, "user", parts);
    }
    buffer.extend_from_slice(br#"],"generationConfig":"#);
    let enforced = schema.filter(|_| is_enforced);
    push_json(&mut buffer, &GenerationConfig::of(request, enforced));
    if let Some(config) = CallingConfig::of(request) {
        buffer.extend_from_slice(br#","toolConfig":{"functionCallingConfig":"#);
        push_json(&mut buffer, &config);
        buffer.push(b'}');
    }
    buffer.push(b'}');
    Bytes::from(buffer)
}

fn ours(signature: Option<&Signature>) -> Option<&str> {
    signature.filter(|it| it.issuer.as_str() == ISSUER).map(|it| it.value.as_str())
}

/// The signature that a block holds for the block before it.
fn signature_alone(block: &ContentBlock) -> Option<&str> {
    let ContentBlock::Native(NativeBlock { issuer, value: Value::Object(object) }) = block else {
        return None;
    };
    let is_alone = issuer.as_str() == ISSUER && object.len() == 1;
    object.get("thoughtSignature").filter(|_| is_alone)?.as_str()
}

#[cfg(test)]
mod tests;
