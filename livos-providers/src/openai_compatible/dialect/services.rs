//! The services that are known. Sources: each vendor's API reference, and recordings of their traffic.

use livos_core::ToolSupport;

use super::AuthHeader;
use super::CostReport;
use super::Dialect;
use super::DocumentInput;
use super::EmptyContent;
use super::ForcedTool;
use super::ImageInput;
use super::KeyRule;
use super::LateInstructions;
use super::NamedTool;
use super::OutputLimit;
use super::ParallelCalls;
use super::ReasoningReplay;
use super::ReasoningSampling;
use super::ReasoningSwitch;
use super::StreamEnd;
use super::StreamUsage;
use super::StructuredOutput;
use super::SystemRole;
use super::ToldSizes;
use super::ToolCallIds;
use super::ToolMedia;
use crate::catalog::Vendor;

/// The longest tool-call id that OpenAI accepts.
const OPENAI_ID_BYTES: usize = 40;
/// No service is known to need more.
const ANY_ID_BYTES: usize = 256;
/// Servers of open models fill their window when nothing stops them.
const LOCAL_OUTPUT_TOKENS: u32 = 4096;

impl Dialect {
    /// A service of which nothing is known: the smallest common wire, read leniently.
    pub const GENERIC: Self = Self {
        name: "generic",
        vendor: None,
        base_url: "http://127.0.0.1:8000/v1",
        key_variable: "OPENAI_API_KEY",
        base_url_variable: "OPENAI_BASE_URL",
        key: KeyRule::Optional,
        auth: AuthHeader::Bearer,
        headers: &[],
        models_path: "/models",
        sizes: ToldSizes::ModelList,
        verify_path: "/models",
        tools: ToolSupport::Native,
        output_limit: OutputLimit::MaxTokens,
        default_output_tokens: None,
        stream_usage: StreamUsage::AskedFor,
        system_role: SystemRole::System,
        late_instructions: LateInstructions::OnlyFirst,
        reasoning: ReasoningSwitch::Effort { off: None },
        reasoning_models: &[],
        reasoning_sampling: ReasoningSampling::Free,
        reasoning_replay: ReasoningReplay::AsReceived,
        structured_output: StructuredOutput::JsonSchema,
        required_tool: "required",
        named_tool: NamedTool::ByName,
        forced_tool: ForcedTool::Always,
        parallel_calls: ParallelCalls::Unasked,
        tool_call_ids: ToolCallIds::UpTo(OPENAI_ID_BYTES),
        empty_content: EmptyContent::Absent,
        images: ImageInput::ImageUrl,
        documents: DocumentInput::Unsupported,
        tool_media: ToolMedia::UserMessage,
        stream_end: StreamEnd::FinishReasonOrDone,
        cost: CostReport::Absent,
    };

    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        name: "openai",
        vendor: Some(Vendor::OpenAi),
        base_url: "https://api.openai.com/v1",
        key: KeyRule::Required,
        sizes: ToldSizes::Nowhere,
        output_limit: OutputLimit::MaxCompletionTokens,
        system_role: SystemRole::Developer,
        late_instructions: LateInstructions::Anywhere,
        reasoning_models: &["o1", "o3", "o4", "gpt-5", "gpt-6"],
        reasoning_sampling: ReasoningSampling::Fixed,
        // Chat completions hide the reasoning; there is nothing to send back.
        reasoning_replay: ReasoningReplay::Never,
        documents: DocumentInput::File,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// OpenRouter: many vendors behind one wire; signed reasoning travels in `reasoning_details`.
    pub const OPENROUTER: Self = Self {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        key_variable: "OPENROUTER_API_KEY",
        base_url_variable: "OPENROUTER_BASE_URL",
        key: KeyRule::Required,
        headers: &[("x-title", "LivOS")],
        // The list of models is public.
        verify_path: "/key",
        stream_usage: StreamUsage::Unasked,
        late_instructions: LateInstructions::Anywhere,
        reasoning: ReasoningSwitch::Object,
        tool_call_ids: ToolCallIds::UpTo(ANY_ID_BYTES),
        documents: DocumentInput::FileOrUrl,
        stream_end: StreamEnd::FinishReason,
        cost: CostReport::UsageCost,
        ..Self::GENERIC
    };

    /// Groq.
    pub const GROQ: Self = Self {
        name: "groq",
        vendor: Some(Vendor::Groq),
        base_url: "https://api.groq.com/openai/v1",
        key_variable: "GROQ_API_KEY",
        base_url_variable: "GROQ_BASE_URL",
        key: KeyRule::Required,
        late_instructions: LateInstructions::Anywhere,
        reasoning_models: &["gpt-oss"],
        // It refuses fields it does not know, and knows `reasoning` for some models only.
        reasoning_replay: ReasoningReplay::Never,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// DeepSeek: text only; reasoning must come back with tool calls.
    pub const DEEPSEEK: Self = Self {
        name: "deepseek",
        vendor: Some(Vendor::DeepSeek),
        base_url: "https://api.deepseek.com",
        key_variable: "DEEPSEEK_API_KEY",
        base_url_variable: "DEEPSEEK_BASE_URL",
        key: KeyRule::Required,
        sizes: ToldSizes::Nowhere,
        late_instructions: LateInstructions::Anywhere,
        reasoning: ReasoningSwitch::ThinkingType,
        reasoning_replay: ReasoningReplay::Demanded,
        structured_output: StructuredOutput::JsonObject,
        forced_tool: ForcedTool::UnlessReasoning,
        tool_call_ids: ToolCallIds::UpTo(ANY_ID_BYTES),
        empty_content: EmptyContent::EmptyString,
        images: ImageInput::Unsupported,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// Mistral: short ids, strict order of roles, reasoning as content parts.
    pub const MISTRAL: Self = Self {
        name: "mistral",
        vendor: Some(Vendor::Mistral),
        base_url: "https://api.mistral.ai/v1",
        key_variable: "MISTRAL_API_KEY",
        base_url_variable: "MISTRAL_BASE_URL",
        key: KeyRule::Required,
        stream_usage: StreamUsage::Unasked,
        reasoning: ReasoningSwitch::OneEffort("high"),
        reasoning_models: &["mistral-small"],
        required_tool: "any",
        tool_call_ids: ToolCallIds::Alphanumeric(9),
        empty_content: EmptyContent::EmptyString,
        documents: DocumentInput::DocumentUrl,
        tool_media: ToolMedia::InToolMessage,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// Moonshot (Kimi): reasoning must come back with tool calls; ids carry the tool's name.
    pub const MOONSHOT: Self = Self {
        name: "moonshot",
        base_url: "https://api.moonshot.ai/v1",
        key_variable: "MOONSHOT_API_KEY",
        base_url_variable: "MOONSHOT_BASE_URL",
        key: KeyRule::Required,
        late_instructions: LateInstructions::Anywhere,
        reasoning: ReasoningSwitch::ThinkingType,
        reasoning_models: &["k2.5", "k2.6", "k3"],
        reasoning_replay: ReasoningReplay::Demanded,
        forced_tool: ForcedTool::UnlessReasoning,
        tool_call_ids: ToolCallIds::UpTo(ANY_ID_BYTES),
        empty_content: EmptyContent::EmptyString,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// Ollama on this machine.
    pub const OLLAMA: Self = Self {
        name: "ollama",
        base_url: "http://127.0.0.1:11434/v1",
        key_variable: "OLLAMA_API_KEY",
        base_url_variable: "OLLAMA_HOST",
        sizes: ToldSizes::OllamaApi,
        reasoning: ReasoningSwitch::Effort { off: Some("none") },
        named_tool: NamedTool::AnyTool,
        default_output_tokens: Some(LOCAL_OUTPUT_TOKENS),
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// llama.cpp's server: one model, often too small for tool calls, held to schemas by grammar.
    pub const LLAMA_CPP: Self = Self {
        name: "llamacpp",
        base_url: "http://127.0.0.1:8080/v1",
        key_variable: "LLAMA_API_KEY",
        base_url_variable: "LLAMA_BASE_URL",
        sizes: ToldSizes::LlamaProps,
        tools: ToolSupport::JsonInText,
        default_output_tokens: Some(LOCAL_OUTPUT_TOKENS),
        reasoning: ReasoningSwitch::TemplateArgument,
        named_tool: NamedTool::AnyTool,
        parallel_calls: ParallelCalls::AskedFor,
        tool_media: ToolMedia::InToolMessage,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };

    /// vLLM.
    pub const VLLM: Self = Self {
        name: "vllm",
        base_url: "http://127.0.0.1:8000/v1",
        key_variable: "VLLM_API_KEY",
        base_url_variable: "VLLM_BASE_URL",
        reasoning: ReasoningSwitch::TemplateArgument,
        stream_end: StreamEnd::FinishReason,
        ..Self::GENERIC
    };
}
