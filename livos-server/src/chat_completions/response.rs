//! Our answers in OpenAI's words.

use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::ModelName;
use livos_core::StopReason;
use livos_core::Timestamp;
use livos_core::ToolCall;
use livos_core::Usage;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

/// What every object of one answer repeats.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    id: String,
    created: i64,
    model: String,
}

impl Envelope {
    pub(super) fn new(model: &ModelName, now: Timestamp) -> Self {
        Self {
            id: format!("chatcmpl-{}", Uuid::now_v7().simple()),
            created: now.as_unix_micros() / 1_000_000,
            model: model.to_string(),
        }
    }

    /// An object of the answer.
    pub(super) fn object(&self, kind: &str, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }
}

/// A whole `chat.completion`.
pub(super) fn whole(envelope: &Envelope, answer: &ChatResponse) -> Value {
    let text = answer.message.text();
    let calls: Vec<Value> = answer.message.tool_calls().map(tool_call).collect();
    let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { text.into() };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if let Some(fields) = message.as_object_mut() {
        let thinking = thinking(answer);
        if !thinking.is_empty() {
            fields.insert("reasoning_content".to_owned(), thinking.into());
        }
        if !calls.is_empty() {
            fields.insert("tool_calls".to_owned(), calls.into());
        }
    }
    let choice = json!({
        "index": 0,
        "message": message,
        "logprobs": null,
        "finish_reason": finish_reason(&answer.stop_reason),
    });
    let mut object = envelope.object("chat.completion", &json!([choice]));
    if let Some(fields) = object.as_object_mut() {
        fields.insert("usage".to_owned(), usage(answer.usage));
    }
    object
}

/// One call, as a whole message has it.
pub(super) fn tool_call(call: &ToolCall) -> Value {
    json!({
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.input.to_json()},
    })
}

pub(super) fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::ToolUse => "tool_calls",
        StopReason::MaxTokens => "length",
        StopReason::Refusal => "content_filter",
        _ => "stop",
    }
}

pub(super) fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens(),
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    })
}

fn thinking(answer: &ChatResponse) -> String {
    let texts = answer.message.content.iter().filter_map(|block| match block {
        ContentBlock::Thinking(thinking) => Some(thinking.text.as_str()),
        _ => None,
    });
    texts.collect()
}
