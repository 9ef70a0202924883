//! A chat request as the body of `POST /chat/completions`.
//!
//! The body is `{model, tools, messages: [system, history…, volatile], settings…}`
//! in this order: what stays the same from turn to turn comes first and is
//! encoded once (see [`crate::encoding`]).

use bytes::Bytes;
use livos_core::ChatRequest;
use livos_core::Delivery;
use livos_core::OutputFormat;
use livos_core::ThinkingEffort;
use livos_core::ToolChoice;
use livos_core::ToolSpec;
use serde::Serialize;
use serde_json::Value;

use super::dialect::Dialect;
use super::dialect::ForcedTool;
use super::dialect::LateInstructions;
use super::dialect::NamedTool;
use super::dialect::OutputLimit;
use super::dialect::ParallelCalls;
use super::dialect::ReasoningSampling;
use super::dialect::ReasoningSwitch;
use super::dialect::StreamUsage;
use super::dialect::StructuredOutput;
use super::history;
use crate::encoding::encode_head;
use crate::encoding::encode_messages;
use crate::encoding::push_item;
use crate::encoding::push_json;
use crate::transport::RequestBody;

/// Encodes a request. `format` stands for the dialect: bytes of another format are not used.
pub(super) fn encode(dialect: &Dialect, format: u64, request: &ChatRequest) -> RequestBody {
    let mut head = encode_head(request, format, |out| push_head(dialect, request, out));
    let mut messages = encode_messages(&request.conversation, format, |earlier, message, out| {
        history::push_message(dialect, earlier, message, out);
    });
    if messages.is_empty() && head.ends_with(b",") {
        head.truncate(head.len() - 1);
    }
    let mut tail = Vec::with_capacity(512);
    let kept = push_volatile(dialect, request, &messages, &mut tail);
    messages.truncate(kept);
    let is_first = messages.is_empty() && request.system.is_none();
    if is_first && tail.starts_with(b",") {
        tail.remove(0);
    }
    tail.push(b']');
    push_settings(dialect, request, &mut tail);
    tail.push(b'}');
    RequestBody::new(head, messages, Bytes::from(tail))
}

/// Writes everything up to the first message, with the comma before it.
fn push_head(dialect: &Dialect, request: &ChatRequest, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"model\":");
    push_json(out, &request.model);
    if !request.tools.is_empty() {
        out.extend_from_slice(b",\"tools\":[");
        for tool in request.tools.iter() {
            push_item(out, |out| push_json(out, &WireTool::of(tool)));
        }
        out.push(b']');
    }
    out.extend_from_slice(b",\"messages\":[");
    if let Some(system) = &request.system {
        history::push_text_message(history::system_role(dialect), system, out);
        out.push(b',');
    }
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

impl<'a> WireTool<'a> {
    fn of(tool: &'a ToolSpec) -> Self {
        let name = tool.name.as_str();
        let function =
            WireFunction { name, description: &tool.description, parameters: &tool.input_schema };
        Self { kind: "function", function }
    }
}

/// Writes what stands behind the history this once, each message with its leading comma, and says
/// how many bytes of the history stay before it.
fn push_volatile(
    dialect: &Dialect,
    request: &ChatRequest,
    messages: &[u8],
    tail: &mut Vec<u8>,
) -> usize {
    // The items of a list that goes on: `push_item` puts the comma.
    let mut items = vec![b'['];
    history::push_missing_results(dialect, &request.conversation, &mut items);
    let mut kept = messages.len();
    if let Some(text) = volatile_text(dialect, request) {
        let joins_last = dialect.late_instructions == LateInstructions::OnlyFirst
            && items.len() == 1
            && request.conversation.last().is_some_and(|message| history::has_words(message));
        match joins_last.then(|| history::append_to_last(messages, &text)).flatten() {
            Some((replaced, more)) => {
                kept -= replaced;
                tail.extend_from_slice(&more);
            }
            None => push_item(&mut items, |out| {
                let role = match dialect.late_instructions {
                    LateInstructions::Anywhere => history::system_role(dialect),
                    LateInstructions::OnlyFirst => "user",
                };
                history::push_text_message(role, &text, out);
            }),
        }
    }
    if items.len() > 1 {
        tail.push(b',');
        tail.extend_from_slice(items.get(1..).unwrap_or_default());
    }
    kept
}

/// The facts of the moment, and the schema where the service cannot be held to it otherwise.
fn volatile_text(dialect: &Dialect, request: &ChatRequest) -> Option<String> {
    let facts = request.volatile.as_deref().filter(|facts| !facts.is_empty());
    let schema = match (&request.output, dialect.structured_output) {
        (OutputFormat::JsonSchema { schema, .. }, StructuredOutput::JsonObject) => Some(schema),
        _ => None,
    };
    let told = schema.map(|schema| {
        format!(
            "Answer with one JSON object and nothing else. It must fit this JSON Schema: {schema}"
        )
    });
    match (facts, told) {
        (None, told) => told,
        (Some(facts), None) => Some(facts.to_owned()),
        (Some(facts), Some(told)) => Some(format!("{facts}\n\n{told}")),
    }
}

/// Writes the settings, each with its leading comma.
fn push_settings(dialect: &Dialect, request: &ChatRequest, out: &mut Vec<u8>) {
    if request.delivery == Delivery::Streamed {
        push_field(out, "stream", &true);
        if dialect.stream_usage == StreamUsage::AskedFor {
            out.extend_from_slice(b",\"stream_options\":{\"include_usage\":true}");
        }
    }
    if let Some(limit) = request.max_output_tokens.or(dialect.default_output_tokens) {
        let name = match dialect.output_limit {
            OutputLimit::MaxTokens => "max_tokens",
            OutputLimit::MaxCompletionTokens => "max_completion_tokens",
        };
        push_field(out, name, &limit);
    }
    // Looked up only where something depends on it: it means to search the catalogue.
    let switches_reasoning = || dialect.switches_reasoning(request.model.as_str());
    let samples_as_asked =
        || dialect.reasoning_sampling != ReasoningSampling::Fixed || !switches_reasoning();
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        if let Some(value) = value.filter(|value| value.is_finite())
            && samples_as_asked()
        {
            push_field(out, name, &value);
        }
    }
    if !request.stop_sequences.is_empty() {
        push_field(out, "stop", &request.stop_sequences);
    }
    if !request.tools.is_empty() {
        push_tool_settings(dialect, request, out);
    }
    push_output_format(dialect, request, out);
    if let Some((name, value)) = reasoning(dialect, request.thinking)
        && switches_reasoning()
    {
        push_field(out, name, &value);
    }
}

fn push_field(out: &mut Vec<u8>, name: &str, value: &(impl Serialize + ?Sized)) {
    out.push(b',');
    push_json(out, name);
    out.push(b':');
    push_json(out, value);
}

fn push_tool_settings(dialect: &Dialect, request: &ChatRequest, out: &mut Vec<u8>) {
    if dialect.parallel_calls == ParallelCalls::AskedFor {
        push_field(out, "parallel_tool_calls", &true);
    }
    let is_forced = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Tool(_));
    let is_refused = dialect.forced_tool == ForcedTool::UnlessReasoning
        && request.thinking != ThinkingEffort::Off;
    if is_forced && is_refused {
        return;
    }
    match &request.tool_choice {
        ToolChoice::None => push_field(out, "tool_choice", "none"),
        ToolChoice::Required => push_field(out, "tool_choice", dialect.required_tool),
        ToolChoice::Tool(name) => match dialect.named_tool {
            NamedTool::AnyTool => push_field(out, "tool_choice", dialect.required_tool),
            NamedTool::ByName => {
                out.extend_from_slice(
                    b",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":",
                );
                push_json(out, name);
                out.extend_from_slice(b"}}");
            }
        },
        // The default, and whatever choices come later.
        _ => {}
    }
}

fn push_output_format(dialect: &Dialect, request: &ChatRequest, out: &mut Vec<u8>) {
    let OutputFormat::JsonSchema { name, schema } = &request.output else { return };
    match dialect.structured_output {
        StructuredOutput::JsonObject => {
            out.extend_from_slice(b",\"response_format\":{\"type\":\"json_object\"}");
        }
        StructuredOutput::JsonSchema => {
            out.extend_from_slice(
                b",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":",
            );
            push_json(out, name);
            push_field(out, "strict", &is_strict(schema));
            push_field(out, "schema", schema);
            out.extend_from_slice(b"}}");
        }
    }
}

/// Whether every object of a schema lists all its properties as required and allows no others:
/// what OpenAI asks of a schema that it shall enforce, refusing the request otherwise.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(is_strict),
        Value::Object(object) => {
            let properties = object.get("properties").and_then(Value::as_object);
            let closes = properties.is_none_or(|properties| {
                let required = object.get("required").and_then(Value::as_array);
                let is_required = |name: &String| {
                    required.is_some_and(|list| list.iter().any(|it| it.as_str() == Some(name)))
                };
                object.get("additionalProperties") == Some(&Value::Bool(false))
                    && properties.keys().all(is_required)
            });
            closes && object.values().all(is_strict)
        }
        _ => true,
    }
}

/// What a service is told of reasoning.
#[derive(Serialize)]
#[serde(untagged)]
enum Reasoning {
    Word(&'static str),
    Object {
        effort: &'static str,
    },
    Kind {
        #[serde(rename = "type")]
        kind: &'static str,
    },
    TemplateArgument {
        enable_thinking: bool,
    },
}

/// The field for this effort and its value; none where leaving it out says the same.
fn reasoning(dialect: &Dialect, effort: ThinkingEffort) -> Option<(&'static str, Reasoning)> {
    let word = match effort {
        ThinkingEffort::Off => None,
        ThinkingEffort::Low => Some("low"),
        ThinkingEffort::Medium => Some("medium"),
        ThinkingEffort::High => Some("high"),
    };
    let is_on = word.is_some();
    match dialect.reasoning {
        ReasoningSwitch::Absent => None,
        ReasoningSwitch::Effort { off } => {
            Some(("reasoning_effort", Reasoning::Word(word.or(off)?)))
        }
        ReasoningSwitch::OneEffort(on) => {
            is_on.then_some(("reasoning_effort", Reasoning::Word(on)))
        }
        ReasoningSwitch::Object => Some(("reasoning", Reasoning::Object { effort: word? })),
        ReasoningSwitch::ThinkingType => {
            let kind = if is_on { "enabled" } else { "disabled" };
            Some(("thinking", Reasoning::Kind { kind }))
        }
        ReasoningSwitch::TemplateArgument => {
            let value = Reasoning::TemplateArgument { enable_thinking: is_on };
            Some(("chat_template_kwargs", value))
        }
    }
}

#[cfg(test)]
mod tests;
