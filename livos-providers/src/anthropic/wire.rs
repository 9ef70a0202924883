//! What Anthropic sends, as far as it is read.

use livos_core::StopReason;
use livos_core::Usage;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json_text::JsonText;

/// One event of a streamed answer. The rare members stay raw until they are needed.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: JsonText<'a>,
    #[serde(default)]
    pub(super) index: usize,
    #[serde(borrow, default)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(super) content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// What is new in a block, or (in `message_delta`) how the message ends.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: JsonText<'a>,
    #[serde(borrow, default)]
    pub(super) text: JsonText<'a>,
    #[serde(borrow, default)]
    pub(super) partial_json: JsonText<'a>,
    #[serde(borrow, default)]
    pub(super) thinking: JsonText<'a>,
    #[serde(borrow, default)]
    pub(super) signature: JsonText<'a>,
    #[serde(borrow, default)]
    pub(super) citation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) stop_reason: JsonText<'a>,
}

/// A whole message, or its beginning in `message_start`.
#[derive(Debug, Deserialize)]
pub(super) struct WireMessage {
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) content: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    /// Instead of all the others: gateways report failures with status 200.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// Token counts; gateways send `null` for what they do not know.
#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Counts in a later event are totals and replace what was told before. Some
    /// gateways repeat the prompt's counts as 0 there; those do not.
    pub(super) fn update(&self, usage: &mut Usage) {
        let told = |count: Option<u64>| count.filter(|count| *count > 0);
        let replace = |slot: &mut u64, count: Option<u64>| *slot = count.unwrap_or(*slot);
        replace(&mut usage.input_tokens, told(self.input_tokens));
        replace(&mut usage.cache_read_tokens, told(self.cache_read_input_tokens));
        replace(&mut usage.cache_write_tokens, told(self.cache_creation_input_tokens));
        replace(&mut usage.output_tokens, self.output_tokens);
        let details = self.output_tokens_details.as_ref();
        replace(&mut usage.reasoning_tokens, details.and_then(|details| details.thinking_tokens));
    }
}

/// The reason as the rest of the system knows it. None where the wire gives none.
pub(super) fn stop_reason(word: &str) -> Option<StopReason> {
    Some(match word {
        "" => return None,
        "end_turn" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        // The window was full: cut like any answer that is too long.
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refusal,
        "pause_turn" => StopReason::Paused,
        other => StopReason::Other(other.to_owned()),
    })
}
