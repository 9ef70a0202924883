//! OpenAI's words in ours.
//!
//! Fields that are not known are ignored: clients send many, and most steer
//! things that no other provider has. What would change the answer in a way
//! the client relies on (several choices, audio) is refused.

mod content;
mod messages;

use std::sync::Arc;

use livos_core::ChatRequest;
use livos_core::Effect;
use livos_core::ModelName;
use livos_core::OutputFormat;
use livos_core::ThinkingEffort;
use livos_core::ToolChoice;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use self::messages::WireMessage;
use super::stream::UsageChunk;
use crate::http::FieldError;
use crate::http::Problem;
use crate::openapi::any_object;

/// The names under which the server's own choice of model is asked for.
const DEFAULT_MODEL_NAMES: [&str; 2] = ["default", "livos"];
/// How many tools a request may bring.
const MAX_TOOLS: usize = 128;

/// A request for a chat completion.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CompletionRequest {
    /// `provider/model`, a tier (`fast`, `balanced`, `best`), or `default`.
    model: String,
    /// What was said, as OpenAI's API has it.
    #[schemars(with = "Vec<serde_json::Map<String, Value>>", length(min = 1))]
    messages: Vec<WireMessage>,
    /// Whether to answer with server-sent events.
    #[serde(default)]
    stream: Option<bool>,
    /// `{include_usage: true}` adds a chunk with the usage.
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// From 0 to 2.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    temperature: Option<f32>,
    /// From 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    top_p: Option<f32>,
    /// How many tokens the answer may have.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_tokens: Option<u32>,
    /// The newer name of `max_tokens`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_completion_tokens: Option<u32>,
    /// One to four texts that end the answer.
    #[serde(default)]
    stop: Option<Stop>,
    /// Functions the model may call; they are not run here.
    #[serde(default)]
    tools: Option<Vec<WireTool>>,
    /// `auto`, `none`, `required`, or `{type: "function", function: {name}}`.
    #[serde(default)]
    tool_choice: Option<Value>,
    /// `text`, `json_object`, or `json_schema`.
    #[serde(default)]
    response_format: Option<ResponseFormat>,
    /// `none`, `minimal`, `low`, `medium` or `high`.
    #[serde(default)]
    reasoning_effort: Option<String>,
    /// How many answers to give: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    n: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StreamOptions {
    /// Whether a last chunk tells the usage.
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize, JsonSchema)]
struct WireTool {
    /// `function`; there are no others here.
    #[serde(rename = "type")]
    kind: String,
    /// The function, when it is one.
    #[serde(default)]
    function: Option<WireFunction>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct WireFunction {
    /// Letters, digits, `_` and `-`, at most 64.
    name: String,
    /// What it does.
    #[serde(default)]
    description: Option<String>,
    /// JSON Schema of its arguments.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    parameters: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    kind: String,
    /// The schema, for `json_schema`.
    #[serde(default)]
    json_schema: Option<NamedSchema>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NamedSchema {
    /// A name for it.
    #[serde(default)]
    name: Option<String>,
    /// The JSON Schema.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    schema: Option<Value>,
}

/// How the answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Stream(UsageChunk),
}

/// The faults of a request, collected.
#[derive(Debug, Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }
}

impl CompletionRequest {
    /// What the providers are asked, and how the answer is wanted.
    pub(super) fn into_chat(
        self,
        default_model: &ModelName,
    ) -> Result<(ChatRequest, Delivery), Problem> {
        let mut faults = Faults::default();
        let delivery = self.delivery();
        let model = self.model(default_model, &mut faults);
        self.check_numbers(&mut faults);
        let tools = self.tools(&mut faults);
        let tool_choice = self.tool_choice(&tools, &mut faults);
        let output = self.output(&mut faults);
        let thinking = self.thinking(&mut faults);
        let said = messages::read(self.messages, &mut faults);
        if !faults.0.is_empty() {
            return Err(Problem::invalid(faults.0));
        }
        let mut request = ChatRequest::of(model, said.conversation);
        request.system = said.system.map(Arc::from);
        request.tools = tools.into();
        request.tool_choice = tool_choice;
        request.output = output;
        request.thinking = thinking;
        request.max_output_tokens = self.max_completion_tokens.or(self.max_tokens);
        request.temperature = self.temperature;
        request.top_p = self.top_p;
        request.stop_sequences = match self.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Several(texts)) => texts,
        };
        Ok((request, delivery))
    }

    fn delivery(&self) -> Delivery {
        if self.stream != Some(true) {
            return Delivery::Whole;
        }
        let options = self.stream_options.as_ref();
        let usage = options.and_then(|options| options.include_usage) == Some(true);
        Delivery::Stream(if usage { UsageChunk::Sent } else { UsageChunk::LeftOut })
    }

    fn model(&self, default: &ModelName, faults: &mut Faults) -> ModelName {
        let name = self.model.trim();
        if name.is_empty() {
            faults.add("model", "must not be empty; GET /v1/models lists the models");
        }
        if DEFAULT_MODEL_NAMES.contains(&name) { default.clone() } else { ModelName::from(name) }
    }

    fn check_numbers(&self, faults: &mut Faults) {
        if self.n.is_some_and(|n| n != 1) {
            faults.add("n", "must be 1; ask several times for several answers");
        }
        if self.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
            faults.add("temperature", "must be from 0 to 2");
        }
        if self.top_p.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            faults.add("top_p", "must be from 0 to 1");
        }
        if self.max_tokens == Some(0) || self.max_completion_tokens == Some(0) {
            faults.add("max_tokens", "must be 1 or more");
        }
    }

    fn tools(&self, faults: &mut Faults) -> Vec<ToolSpec> {
        let tools = self.tools.as_deref().unwrap_or_default();
        if tools.len() > MAX_TOOLS {
            faults.add("tools", format!("may be {MAX_TOOLS} at most"));
        }
        let mut specs: Vec<ToolSpec> = Vec::new();
        for (index, tool) in tools.iter().enumerate() {
            let field = format!("tools[{index}].function");
            let Some(function) = tool.function.as_ref().filter(|_| tool.kind == "function") else {
                faults.add(
                    format!("tools[{index}]"),
                    "must be of type 'function' and have a function",
                );
                continue;
            };
            let is_name = (1..=ToolRegistry::MAX_NAME_LENGTH).contains(&function.name.len())
                && function
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if !is_name {
                faults
                    .add(format!("{field}.name"), "must have 1 to 64 letters, digits, '_' or '-'");
            }
            if specs.iter().any(|spec| spec.name.as_str() == function.name) {
                faults.add(format!("{field}.name"), "is there twice");
            }
            let schema = function.parameters.clone().filter(|schema| !schema.is_null());
            if schema.as_ref().is_some_and(|schema| !schema.is_object()) {
                faults.add(format!("{field}.parameters"), "must be a JSON Schema of an object");
            }
            specs.push(ToolSpec::new(
                function.name.as_str(),
                function.description.as_deref().unwrap_or_default(),
                schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
                // The client runs it; nobody here knows what it does.
                Effect::Mutating,
            ));
        }
        specs
    }

    fn tool_choice(&self, tools: &[ToolSpec], faults: &mut Faults) -> ToolChoice {
        let choice = match &self.tool_choice {
            None | Some(Value::Null) => return ToolChoice::Auto,
            Some(choice) => choice,
        };
        match (choice.as_str(), choice.pointer("/function/name").and_then(Value::as_str)) {
            (Some("auto"), _) => ToolChoice::Auto,
            (Some("none"), _) => ToolChoice::None,
            (Some("required"), _) => ToolChoice::Required,
            (None, Some(name)) if tools.iter().any(|tool| tool.name.as_str() == name) => {
                ToolChoice::Tool(name.into())
            }
            (None, Some(_)) => {
                faults.add("tool_choice.function.name", "must be the name of one of the tools");
                ToolChoice::Auto
            }
            _ => {
                faults.add("tool_choice", "must be auto, none, required, or name a function");
                ToolChoice::Auto
            }
        }
    }

    fn output(&self, faults: &mut Faults) -> OutputFormat {
        let Some(format) = &self.response_format else { return OutputFormat::Text };
        let named = |name: &str, schema: Value| OutputFormat::JsonSchema {
            name: name.into(),
            schema: Arc::new(schema),
        };
        match (format.kind.as_str(), &format.json_schema) {
            ("text", _) => OutputFormat::Text,
            ("json_object", _) => named("json_object", json!({"type": "object"})),
            ("json_schema", Some(NamedSchema { name, schema: Some(schema) })) => {
                named(name.as_deref().unwrap_or("answer"), schema.clone())
            }
            ("json_schema", _) => {
                faults.add("response_format.json_schema", "must have a schema");
                OutputFormat::Text
            }
            _ => {
                faults.add("response_format.type", "must be text, json_object or json_schema");
                OutputFormat::Text
            }
        }
    }

    fn thinking(&self, faults: &mut Faults) -> ThinkingEffort {
        match self.reasoning_effort.as_deref() {
            None | Some("none" | "minimal") => ThinkingEffort::Off,
            Some("low") => ThinkingEffort::Low,
            Some("medium") => ThinkingEffort::Medium,
            Some("high" | "xhigh") => ThinkingEffort::High,
            Some(_) => {
                faults.add("reasoning_effort", "must be none, minimal, low, medium or high");
                ThinkingEffort::Off
            }
        }
    }
}

#[cfg(test)]
mod tests;
