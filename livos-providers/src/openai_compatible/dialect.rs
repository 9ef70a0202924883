//! What differs between services that speak chat completions, as data.
//!
//! The wire is one; services disagree in field names, roles and limits. Each
//! disagreement is a field of [`Dialect`], and each service is a constant.
//! Nothing else in this crate asks which service it talks to.

use livos_core::ToolSupport;

use crate::catalog::KnownModel;
use crate::catalog::Vendor;
use crate::catalog::find_model;

/// How one service speaks chat completions.
///
/// A service that has no constant here is described by what it does otherwise
/// than the one it resembles most:
///
/// ```
/// use livos_providers::openai_compatible::Dialect;
/// use livos_providers::openai_compatible::OutputLimit;
///
/// const MINE: Dialect = Dialect {
///     name: "mine",
///     base_url: "https://llm.example.com/v1",
///     output_limit: OutputLimit::MaxCompletionTokens,
///     ..Dialect::GENERIC
/// };
/// assert_eq!(MINE.models_path, "/models");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The name in `provider/model`, and the issuer of what the service wants back unchanged.
    pub name: &'static str,
    /// Whose models the catalogue has for it.
    pub vendor: Option<Vendor>,
    /// Where the service is unless configured otherwise; `/chat/completions` is put behind it.
    pub base_url: &'static str,
    /// The environment variable that customarily holds the key; empty where there is none.
    pub key_variable: &'static str,
    /// The environment variable that overrides `base_url`.
    pub base_url_variable: &'static str,
    /// Whether the service can be used without a key.
    pub key: KeyRule,
    /// Which header carries the key.
    pub auth: AuthHeader,
    /// Headers sent with every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// The path that lists the models.
    pub models_path: &'static str,
    /// Where the service tells how large the windows of its models are.
    pub sizes: ToldSizes,
    /// The lightest path that refuses a wrong key.
    pub verify_path: &'static str,
    /// How models call tools of which nothing better is known.
    pub tools: ToolSupport,
    /// The name of the field that limits the answer.
    pub output_limit: OutputLimit,
    /// The limit sent when the request has none, for services that would otherwise never stop.
    pub default_output_tokens: Option<u32>,
    /// Whether the token counts of a stream must be asked for.
    pub stream_usage: StreamUsage,
    /// The role of the standing instructions.
    pub system_role: SystemRole,
    /// Where instructions may stand besides the beginning.
    pub late_instructions: LateInstructions,
    /// How reasoning is switched on and off.
    pub reasoning: ReasoningSwitch,
    /// Parts of the names of the models that know the switch, where the catalogue does not
    /// know the model; all models where empty.
    pub reasoning_models: &'static [&'static str],
    /// Whether models that know the switch take sampling parameters.
    pub reasoning_sampling: ReasoningSampling,
    /// Whether earlier reasoning is sent back.
    pub reasoning_replay: ReasoningReplay,
    /// How an answer is held to a JSON Schema.
    pub structured_output: StructuredOutput,
    /// The word for "call some tool": `required`, or Mistral's `any`.
    pub required_tool: &'static str,
    /// How one certain tool is demanded.
    pub named_tool: NamedTool,
    /// Whether a tool may be demanded of a model that reasons.
    pub forced_tool: ForcedTool,
    /// Whether several calls in one turn must be asked for.
    pub parallel_calls: ParallelCalls,
    /// Which tool-call ids the service accepts in history.
    pub tool_call_ids: ToolCallIds,
    /// What stands for the text of a message that has only tool calls.
    pub empty_content: EmptyContent,
    /// Whether messages may hold images.
    pub images: ImageInput,
    /// How messages hold documents that are not plain text.
    pub documents: DocumentInput,
    /// Where images and documents of a tool's result go.
    pub tool_media: ToolMedia,
    /// What must have been seen for a stream to count as whole.
    pub stream_end: StreamEnd,
    /// Whether the service says what an answer cost.
    pub cost: CostReport,
}

/// Where a service tells how large the windows of its models are. It is asked about models that the
/// catalogue does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldSizes {
    /// Nowhere.
    Nowhere,
    /// In the list of its models, under one of the names that are in use.
    ModelList,
    /// There too; older versions of llama.cpp list only what the model was trained for, and have what
    /// the server was started with under `/props`.
    LlamaProps,
    /// In Ollama's own API: `/api/ps` for a model that is loaded, `/api/show` for others.
    OllamaApi,
}

/// Whether a service can be used without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// It answers nobody without one.
    Required,
    /// Local services mostly have none.
    Optional,
}

/// Which header carries the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in a header of this (lower-case) name, as Azure has it with `api-key`.
    Named(&'static str),
}

/// The name of the field that limits the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLimit {
    /// `max_tokens`: understood nearly everywhere.
    MaxTokens,
    /// `max_completion_tokens`: OpenAI's reasoning models refuse the older name.
    MaxCompletionTokens,
}

/// Whether the token counts of a stream must be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamUsage {
    /// By `stream_options: {"include_usage": true}`.
    AskedFor,
    /// They come by themselves, and the option may be refused.
    Unasked,
}

/// The role of the standing instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemRole {
    /// `system`: understood everywhere.
    System,
    /// `developer`: what OpenAI's reasoning models follow.
    Developer,
}

/// Where instructions may stand besides the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateInstructions {
    /// Anywhere, in the system role.
    Anywhere,
    /// Only at the beginning: chat templates of open models raise an error on
    /// a later system message, and some on two user messages in a row. Later
    /// instructions are sent as the user's, volatile facts at the end of the last message.
    OnlyFirst,
}

/// How reasoning is switched on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningSwitch {
    /// It cannot be.
    Absent,
    /// By `reasoning_effort: "low" | "medium" | "high"`, and this word for off; nothing is sent where there is none.
    Effort {
        /// The word that switches reasoning off.
        off: Option<&'static str>,
    },
    /// By `reasoning_effort` with one word for on and none for off.
    OneEffort(&'static str),
    /// By `reasoning: {"effort": "..."}` (OpenRouter). Off leaves the model's default.
    Object,
    /// By `thinking: {"type": "enabled" | "disabled"}` (DeepSeek, Moonshot).
    ThinkingType,
    /// By `chat_template_kwargs: {"enable_thinking": true | false}` (servers of open models).
    TemplateArgument,
}

/// Whether reasoning models take sampling parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningSampling {
    /// As other models do.
    Free,
    /// They refuse `temperature` and `top_p`, which are left out.
    Fixed,
}

/// Whether earlier reasoning is sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningReplay {
    /// The service refuses or ignores it.
    Never,
    /// In the field it came in.
    AsReceived,
    /// As received, and messages with tool calls need `reasoning_content` even when there was none:
    /// DeepSeek and Moonshot refuse them without while thinking is on.
    Demanded,
}

/// How an answer is held to a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructuredOutput {
    /// By `response_format: json_schema`.
    JsonSchema,
    /// Only to some JSON object; the schema is told to the model in words.
    JsonObject,
}

/// How one certain tool is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedTool {
    /// By `{"type": "function", "function": {"name": ...}}`.
    ByName,
    /// It cannot be; any tool is demanded instead.
    AnyTool,
}

/// Whether a tool may be demanded of a model that reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForcedTool {
    /// Always.
    Always,
    /// Not while it reasons; the demand is left out then.
    UnlessReasoning,
}

/// Whether several calls in one turn must be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParallelCalls {
    /// Models make them unasked.
    Unasked,
    /// By `parallel_tool_calls: true`.
    AskedFor,
}

/// Which tool-call ids a service accepts in history; others are replaced by a digest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolCallIds {
    /// Of at most this many bytes.
    UpTo(usize),
    /// Of exactly this many letters and digits.
    Alphanumeric(usize),
}

/// What stands for the text of a message that has only tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyContent {
    /// No `content` at all.
    Absent,
    /// `content: ""`.
    EmptyString,
}

/// Whether messages may hold images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageInput {
    /// As `image_url` parts, with a web address or a `data:` URL.
    ImageUrl,
    /// Not at all; the model is told that there was one.
    Unsupported,
}

/// How messages hold documents that are not plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentInput {
    /// As `file` parts: contents or file id, no addresses.
    File,
    /// As `file` parts, whose contents may be an address too.
    FileOrUrl,
    /// As `document_url` parts (Mistral).
    DocumentUrl,
    /// Not at all; the model is told that there was one.
    Unsupported,
}

/// Where images and documents of a tool's result go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolMedia {
    /// Into the tool's message.
    InToolMessage,
    /// Into a user message behind the results, because tool messages hold text only.
    UserMessage,
}

/// What must have been seen for a stream to count as whole. `[DONE]` alone may
/// come from a proxy whose upstream broke off; a `finish_reason` comes from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// A `finish_reason`; `[DONE]` may be missing.
    FinishReason,
    /// A `finish_reason` or `[DONE]`.
    FinishReasonOrDone,
}

/// Whether a service says what an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostReport {
    /// No; the catalogue's prices are used.
    Absent,
    /// In US dollars as `usage.cost`.
    UsageCost,
}

mod services;

impl Dialect {
    /// All services with a constant of their own.
    pub const KNOWN: [&'static Self; 9] = [
        &Self::OPENAI,
        &Self::OPENROUTER,
        &Self::GROQ,
        &Self::DEEPSEEK,
        &Self::MISTRAL,
        &Self::MOONSHOT,
        &Self::OLLAMA,
        &Self::LLAMA_CPP,
        &Self::VLLM,
    ];

    /// The service of this name; none for names that are not known.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::KNOWN.into_iter().find(|dialect| dialect.name == name)
    }

    /// The service that is known to be at this address, or [`Dialect::GENERIC`].
    ///
    /// For `OPENAI_BASE_URL`, which is often set to something that is not OpenAI:
    ///
    /// ```
    /// use livos_providers::openai_compatible::Dialect;
    ///
    /// assert_eq!(Dialect::at("https://api.groq.com/openai/v1"), &Dialect::GROQ);
    /// assert_eq!(Dialect::at("http://127.0.0.1:9999/v1"), &Dialect::GENERIC);
    /// ```
    pub fn at(base_url: &str) -> &'static Self {
        let authority = authority(base_url);
        let is_at = |dialect: &&&Self| authority == self::authority(dialect.base_url);
        Self::KNOWN.iter().find(is_at).copied().unwrap_or(&Self::GENERIC)
    }

    /// Whether a model knows the dialect's reasoning switch.
    pub(crate) fn switches_reasoning(&self, model: &str) -> bool {
        if self.reasoning == ReasoningSwitch::Absent {
            return false;
        }
        match (self.reasoning_models, self.known(model)) {
            ([], _) => true,
            (_, Some(known)) => known.thinking,
            (parts, None) => parts.iter().any(|part| model.contains(part)),
        }
    }

    /// What the catalogue has of a model.
    pub(crate) fn known(&self, model: &str) -> Option<&'static KnownModel> {
        find_model(self.vendor?, model)
    }
}

/// Host and port of an address.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name_and_its_address() {
        for dialect in Dialect::KNOWN {
            assert_eq!(Dialect::named(dialect.name), Some(dialect));
            assert_eq!(Dialect::at(dialect.base_url), dialect, "{}", dialect.name);
        }
        assert_eq!(Dialect::named("generic"), None);
    }

    #[test]
    fn a_look_alike_host_is_not_the_service() {
        assert_eq!(Dialect::at("https://api.openai.com.example.org/v1"), &Dialect::GENERIC);
    }

    #[test]
    fn only_reasoning_models_of_openai_know_the_switch() {
        let knows = |model| Dialect::OPENAI.switches_reasoning(model);
        assert!(knows("o4-mini") && knows("gpt-5-nano") && knows("gpt-6-nova"));
        assert!(!knows("gpt-4o") && !knows("gpt-4.1"));
    }
}
