//! What comes in: chat completions as services really send them.
//!
//! Whole answers and stream frames share their shape but for one name
//! (`message`, `delta`), so they share these types. Everything may be absent
//! or null, unknown fields are skipped, and text is borrowed from the frame.
//! Large parts that a frame seldom has are boxed: a frame is moved several
//! times while it is read, for each piece of an answer.

mod lenient;
mod members;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Text borrowed where it holds no escapes. (serde borrows `Cow` only outside of `Option`.)
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct WireText<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A whole answer, or one frame of a streamed one.
#[derive(Debug, Default)]
pub(super) struct Frame<'a> {
    pub(super) choices: FirstChoice<'a>,
    pub(super) model: Option<WireText<'a>>,
    pub(super) usage: Option<Box<WireUsage>>,
    /// Groq's extras: its usage may be here only.
    pub(super) x_groq: Option<GroqExtras>,
    /// `chat.completion`, `chat.completion.chunk`, or `error`.
    pub(super) object: Option<WireText<'a>>,
    /// A failure inside an answer that began with status 200.
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroqExtras {
    #[serde(default)]
    pub(super) usage: Option<Box<WireUsage>>,
}

/// The candidate of index 0; we never ask for others.
#[derive(Debug, Default)]
pub(super) struct FirstChoice<'a>(pub(super) Option<Choice<'a>>);

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<u64>,
    pub(super) delta: Option<Box<Part<'a>>>,
    pub(super) message: Option<Box<Part<'a>>>,
    pub(super) finish_reason: Option<WireText<'a>>,
    /// Moonshot puts it here.
    pub(super) usage: Option<Box<WireUsage>>,
    /// OpenRouter's failure of the upstream.
    pub(super) error: Option<&'a RawValue>,
}

/// What a frame adds to the answer, or the whole of it.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) content: Content<'a>,
    pub(super) reasoning_content: Option<WireText<'a>>,
    pub(super) reasoning: Option<WireText<'a>>,
    pub(super) reasoning_details: Option<Vec<&'a RawValue>>,
    pub(super) refusal: Option<WireText<'a>>,
    pub(super) tool_calls: Option<Vec<ToolCallPart<'a>>>,
    /// The form before there were tool calls.
    pub(super) function_call: Option<Box<FunctionPart<'a>>>,
    pub(super) annotations: Option<Vec<Value>>,
    pub(super) images: Option<Vec<ImagePart<'a>>>,
}

/// The text of an answer.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// Mistral's reasoning models answer in parts.
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Debug, Deserialize)]
pub(super) struct ContentPart<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<WireText<'a>>,
    /// Text, or parts of text, by which a part of the type `thinking` is known.
    #[serde(borrow, default)]
    pub(super) thinking: Content<'a>,
    #[serde(borrow, default)]
    pub(super) image_url: Option<ImageUrl<'a>>,
    #[serde(borrow, default)]
    pub(super) refusal: Option<WireText<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImagePart<'a> {
    #[serde(borrow, default)]
    pub(super) image_url: Option<ImageUrl<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImageUrl<'a> {
    #[serde(borrow, default)]
    pub(super) url: Option<WireText<'a>>,
}

/// A tool call, or a fragment of one.
#[derive(Debug, Default)]
pub(super) struct ToolCallPart<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Option<WireText<'a>>,
    pub(super) function: Option<FunctionPart<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct FunctionPart<'a> {
    pub(super) name: Option<WireText<'a>>,
    pub(super) arguments: Arguments<'a>,
}

/// The arguments of a call: JSON in a string, or (against the reference, but seen) JSON itself.
#[derive(Debug, Default)]
pub(super) enum Arguments<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Json(Value),
}

/// One item of `reasoning_details` (OpenRouter).
#[derive(Debug, Deserialize)]
pub(super) struct ReasoningDetail<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Option<WireText<'a>>,
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) id: Option<WireText<'a>>,
    #[serde(borrow, default)]
    pub(super) format: Option<WireText<'a>>,
    #[serde(borrow, default)]
    pub(super) text: Option<WireText<'a>>,
    #[serde(borrow, default)]
    pub(super) summary: Option<WireText<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Option<WireText<'a>>,
    #[serde(borrow, default)]
    pub(super) signature: Option<WireText<'a>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(super) completion_tokens: Option<u64>,
    #[serde(default)]
    pub(super) total_tokens: Option<u64>,
    #[serde(default)]
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    pub(super) completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's older name.
    #[serde(default)]
    pub(super) prompt_cache_hit_tokens: Option<u64>,
    /// Moonshot's place for it.
    #[serde(default)]
    pub(super) cached_tokens: Option<u64>,
    /// OpenRouter: US dollars.
    #[serde(default)]
    pub(super) cost: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default)]
    pub(super) cached_tokens: Option<u64>,
    #[serde(default)]
    pub(super) cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct CompletionDetails {
    #[serde(default)]
    pub(super) reasoning_tokens: Option<u64>,
}

/// The answer to `GET /models`.
#[derive(Debug, Deserialize)]
pub(super) struct ModelList {
    pub(super) data: Vec<ListedModel>,
}

/// One model, with what some services tell beyond its name.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListedModel {
    pub(super) id: String,
    /// OpenRouter.
    #[serde(default)]
    pub(super) context_length: Option<u64>,
    /// Groq.
    #[serde(default)]
    pub(super) context_window: Option<u64>,
    /// Mistral.
    #[serde(default)]
    pub(super) max_context_length: Option<u64>,
    /// vLLM.
    #[serde(default)]
    pub(super) max_model_len: Option<u64>,
    /// Groq.
    #[serde(default)]
    pub(super) max_completion_tokens: Option<u64>,
    /// llama.cpp.
    #[serde(default)]
    pub(super) meta: Option<ModelMeta>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ModelMeta {
    /// The window the server was started with.
    #[serde(default)]
    pub(super) n_ctx: Option<u64>,
    /// The window the model was trained with.
    #[serde(default)]
    pub(super) n_ctx_train: Option<u64>,
}

/// What llama.cpp's server says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct LlamaProps {
    pub(super) default_generation_settings: LlamaSettings,
}

#[derive(Debug, Deserialize)]
pub(super) struct LlamaSettings {
    /// The window of a slot.
    #[serde(default)]
    pub(super) n_ctx: Option<u64>,
}

/// The models that Ollama has loaded.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaRunning {
    #[serde(default)]
    pub(super) models: Vec<OllamaLoaded>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OllamaLoaded {
    name: String,
    #[serde(default)]
    pub(super) context_length: Option<u64>,
}

impl OllamaLoaded {
    /// A name without a tag means the latest.
    pub(super) fn is(&self, model: &str) -> bool {
        let rest = self.name.strip_prefix(model);
        rest.is_some_and(|rest| rest.is_empty() || rest == ":latest")
    }
}

/// What Ollama tells of a model.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaModel {
    /// What its file sets, a name and a value on each line.
    #[serde(default)]
    parameters: String,
    #[serde(default)]
    model_info: serde_json::Map<String, Value>,
}

impl OllamaModel {
    /// The window in its file.
    pub(super) fn window_set(&self) -> Option<u64> {
        let lines = self.parameters.lines().map(str::split_whitespace);
        let mut set = lines.filter_map(|mut words| match (words.next()?, words.next()?) {
            ("num_ctx", window) => window.parse().ok(),
            _ => None,
        });
        set.find(|window| *window > 0)
    }

    /// The longest window it was made for: `llama.context_length`, after its architecture.
    pub(super) fn window_made_for(&self) -> Option<u64> {
        let mut told = self.model_info.iter();
        told.find_map(|(name, value)| name.ends_with(".context_length").then(|| value.as_u64())?)
    }
}
