//! A request as Anthropic wants it: head, messages and tail (pure).

use bytes::Bytes;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Delivery;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::OutputFormat;
use livos_core::Role;
use livos_core::ThinkingEffort;
use livos_core::ToolChoice;
use livos_core::ToolName;
use livos_core::ToolSpec;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::ISSUER;
use super::message::Citations;
use super::message::MessageFormat;
use super::message::encode_message;
use super::message::push_missing_results;
use super::message::push_wire_message;
use super::model::Binding;
use super::model::Reasoning;
use super::model::Sampling;
use super::model::Traits;
use super::model::traits;
use super::schema;
use crate::catalog;
use crate::encoding::encode_head;
use crate::encoding::encode_messages;
use crate::encoding::open_calls;
use crate::encoding::push_item;
use crate::encoding::push_json;
use crate::transport::RequestBody;

/// How long an answer of a model that the catalogue does not know may be.
const DEFAULT_MAX_TOKENS: u64 = 32_000;

/// The least reasoning the service accepts.
const MIN_THINKING_TOKENS: u64 = 1024;

/// How every block ends within a message that ends with it.
const MESSAGE_END: &[u8] = b"}]}";

/// The body of a request.
///
/// Head and messages are byte for byte what the session's next request begins
/// with. The last message's cache mark, when it needs one, is put into the
/// tail: see [`close_messages`].
pub(super) fn encode(request: &ChatRequest) -> RequestBody {
    let traits = traits(request.model.as_str());
    let format = MessageFormat {
        system_role: traits.system_role,
        citations: match request.output {
            OutputFormat::Text => Citations::Allowed,
            _ => Citations::Refused,
        },
    };
    let head = encode_head(request, format.id(), |out| push_head(request, out));
    let messages = encode_messages(&request.conversation, format.id(), |earlier, message, out| {
        encode_message(format, earlier, message, out);
    });
    let mut tail = Vec::new();
    let messages = close_messages(request, messages, &mut tail);
    tail.push(b']');
    let options = Options { request, traits }.collect();
    for (name, value) in &options {
        tail.push(b',');
        push_json(&mut tail, name);
        tail.push(b':');
        push_json(&mut tail, value);
    }
    tail.push(b'}');
    RequestBody::new(head, messages, tail)
}

/// Model, tools and instructions, with the first cache mark behind them.
fn push_head(request: &ChatRequest, out: &mut Vec<u8>) {
    let mark = json!({"type": "ephemeral"});
    out.extend_from_slice(b"{\"model\":");
    push_json(out, &request.model);
    let system = request.system.as_deref().filter(|system| !system.trim().is_empty());
    if !request.tools.is_empty() {
        out.extend_from_slice(b",\"tools\":[");
        let (last, others) = match request.tools.split_last() {
            Some((last, others)) if system.is_none() => (Some(last), others),
            _ => (None, &*request.tools),
        };
        let tools = others.iter().map(|tool| WireTool::new(tool, None));
        for tool in tools.chain(last.map(|tool| WireTool::new(tool, Some(&mark)))) {
            push_item(out, |out| push_json(out, &tool));
        }
        out.push(b']');
    }
    if let Some(system) = system {
        out.extend_from_slice(b",\"system\":[");
        push_json(out, &json!({"type": "text", "text": system, "cache_control": mark}));
        out.push(b']');
    }
    out.extend_from_slice(b",\"messages\":[");
}

#[derive(serde::Serialize)]
struct WireTool<'a> {
    name: &'a ToolName,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Value>,
}

impl<'a> WireTool<'a> {
    fn new(tool: &'a ToolSpec, cache_control: Option<&'a Value>) -> Self {
        Self {
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.input_schema,
            cache_control,
        }
    }
}

/// Adds what stands behind the messages and is not kept: the facts of the moment.
///
/// The service's automatic cache mark goes to the last block. With facts of
/// the moment behind the messages that would be the wrong one, so the mark is
/// set on the last message by hand: its closing bytes move into the tail.
fn close_messages(request: &ChatRequest, messages: Bytes, tail: &mut Vec<u8>) -> Bytes {
    let mut kept = messages;
    let open = open_calls(&request.conversation);
    // A paused answer is continued only when it comes last.
    let ends_with_user =
        request.conversation.last().is_some_and(|last| last.role != Role::Assistant);
    let volatile = request.volatile.as_deref().filter(|facts| !facts.trim().is_empty());
    let volatile = volatile.filter(|_| ends_with_user || !open.is_empty());
    if volatile.is_some() && ends_with_user && kept.ends_with(MESSAGE_END) {
        kept.truncate(kept.len() - MESSAGE_END.len());
        tail.extend_from_slice(b",\"cache_control\":{\"type\":\"ephemeral\"}");
        tail.extend_from_slice(MESSAGE_END);
    }
    let is_first = kept.is_empty();
    let mut rest = Vec::new();
    push_missing_results(&open, &mut rest);
    if let Some(facts) = volatile {
        push_wire_message("user", &mut rest, |out| {
            push_json(out, &json!({"type": "text", "text": facts}));
        });
    }
    if !rest.is_empty() && !is_first {
        tail.push(b',');
    }
    tail.extend_from_slice(&rest);
    kept
}

/// Everything behind the messages.
struct Options<'a> {
    request: &'a ChatRequest,
    traits: Traits,
}

impl Options<'_> {
    fn collect(&self) -> Map<String, Value> {
        let request = self.request;
        let mut options = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                options.insert(name.to_owned(), value);
            }
        };
        set("max_tokens", Some(Value::from(self.max_tokens())));
        set("stream", (request.delivery == Delivery::Streamed).then(|| Value::from(true)));
        let needs_mark = request.volatile.is_none();
        set("cache_control", needs_mark.then(|| json!({"type": "ephemeral"})));
        set("tool_choice", self.tool_choice());
        let thinking = self.thinking();
        if self.traits.sampling == Sampling::Accepted && !is_on(thinking.as_ref()) {
            // Newer models refuse both at once.
            let temperature = request.temperature;
            set("temperature", temperature.map(|value| json!(value)));
            let top_p = request.top_p.filter(|_| temperature.is_none());
            set("top_p", top_p.map(|value| json!(value)));
        }
        set("output_config", self.output_config(thinking.as_ref()));
        set("thinking", thinking);
        set("stop_sequences", self.stop_sequences());
        options
    }

    fn max_tokens(&self) -> u64 {
        let known = catalog::find_model(catalog::Vendor::Anthropic, self.request.model.as_str());
        let most = known.map(|model| model.max_output_tokens);
        let asked = self.request.max_output_tokens.map(u64::from);
        let chosen = asked.or(most).unwrap_or(DEFAULT_MAX_TOKENS);
        most.map_or(chosen, |most| chosen.min(most)).max(1)
    }

    fn stop_sequences(&self) -> Option<Value> {
        // The service refuses sequences without words.
        let stops = self.request.stop_sequences.iter().filter(|stop| !stop.trim().is_empty());
        let stops: Vec<_> = stops.cloned().map(Value::from).collect();
        (!stops.is_empty()).then(|| Value::from(stops))
    }

    fn forces_a_tool(&self) -> bool {
        let choice = &self.request.tool_choice;
        !self.request.tools.is_empty()
            && matches!(choice, ToolChoice::Required | ToolChoice::Tool(_))
    }

    fn tool_choice(&self) -> Option<Value> {
        if self.request.tools.is_empty() {
            return None;
        }
        if self.forces_a_tool() && self.traits.reasoning == Reasoning::Always {
            tracing::debug!("the model refuses forced tool calls; left to choose");
            return None;
        }
        match &self.request.tool_choice {
            ToolChoice::None => Some(json!({"type": "none"})),
            ToolChoice::Required => Some(json!({"type": "any"})),
            ToolChoice::Tool(name) => Some(json!({"type": "tool", "name": name})),
            _ => None,
        }
    }

    /// How the model is asked to reason; none where there is nothing to say.
    fn thinking(&self) -> Option<Value> {
        let effort = self.request.thinking;
        // Forced tool calls and reasoning exclude each other.
        let is_wanted = effort != ThinkingEffort::Off && !self.forces_a_tool();
        let kind = match (self.traits.reasoning, is_wanted) {
            (Reasoning::None, _) | (Reasoning::Budget | Reasoning::Adaptive, false) => return None,
            (Reasoning::AdaptiveByDefault, false) => return Some(json!({"type": "disabled"})),
            (Reasoning::Budget, true) => return self.thinking_budget(effort),
            (Reasoning::Always, false) => vec![("type", json!("adaptive"))],
            (Reasoning::Adaptive | Reasoning::AdaptiveByDefault | Reasoning::Always, true) => {
                vec![("type", json!("adaptive")), ("display", json!("summarized"))]
            }
        };
        // A compacted conversation, or facts of the moment that are gone by the
        // next turn, would otherwise make the service refuse its own reasoning.
        let binding = (self.traits.binding == Binding::Prefix)
            .then(|| ("block_binding", json!({"prefix_mismatch_behavior": "drop_block"})));
        let members = kind.into_iter().chain(binding);
        Some(members.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn thinking_budget(&self, effort: ThinkingEffort) -> Option<Value> {
        let wanted = match effort {
            ThinkingEffort::Off | ThinkingEffort::Low => 2048,
            ThinkingEffort::Medium => 8192,
            ThinkingEffort::High => 24_576,
        };
        // The budget is a part of the answer's limit and leaves half of it for the answer.
        let budget = wanted.min(self.max_tokens() / 2);
        let is_possible =
            budget >= MIN_THINKING_TOKENS && began_with_reasoning(&self.request.conversation);
        is_possible.then(|| json!({"type": "enabled", "budget_tokens": budget}))
    }

    fn output_config(&self, thinking: Option<&Value>) -> Option<Value> {
        let mut config = Map::new();
        if is_adaptive(thinking) {
            let effort = match self.request.thinking {
                ThinkingEffort::Off | ThinkingEffort::Low => "low",
                ThinkingEffort::Medium => "medium",
                ThinkingEffort::High => "high",
            };
            config.insert("effort".to_owned(), Value::from(effort));
        }
        if let OutputFormat::JsonSchema { schema, .. } = &self.request.output {
            let format = json!({"type": "json_schema", "schema": schema::strict(schema)});
            config.insert("format".to_owned(), format);
        }
        (!config.is_empty()).then(|| Value::Object(config))
    }
}

fn is_adaptive(thinking: Option<&Value>) -> bool {
    thinking.and_then(|thinking| thinking.get("type")).is_some_and(|kind| kind == "adaptive")
}

fn is_on(thinking: Option<&Value>) -> bool {
    thinking.and_then(|thinking| thinking.get("type")).is_some_and(|kind| kind != "disabled")
}

/// What a request uses that the service wants to be announced in `anthropic-beta`.
pub(super) fn betas(request: &ChatRequest) -> Vec<&'static str> {
    let mut betas = Vec::new();
    if names_files(request) {
        betas.push("files-api-2025-04-14");
    }
    if traits(request.model.as_str()).binding == Binding::Prefix {
        betas.push("thinking-binding-controls-2026-08-01");
    }
    betas
}

/// Inside a tool loop the service wants the turn to have begun with its own reasoning. A turn that
/// another provider began has none.
fn began_with_reasoning(conversation: &[std::sync::Arc<Message>]) -> bool {
    let is_result_only = |message: &Message| {
        message.role == Role::User
            && message.content.iter().all(|block| matches!(block, ContentBlock::ToolResult(_)))
    };
    let asked = conversation.iter().rev().find(|message| !is_result_only(message));
    let Some(asked) = asked.filter(|message| message.role == Role::Assistant) else {
        return true;
    };
    asked.tool_calls().next().is_none() || asked.content.first().is_some_and(is_own_reasoning)
}

fn is_own_reasoning(block: &ContentBlock) -> bool {
    match block {
        ContentBlock::Thinking(thinking) => {
            thinking.signature.as_ref().is_some_and(|signature| signature.issuer.as_str() == ISSUER)
        }
        ContentBlock::Native(native) => native.issuer.as_str() == ISSUER,
        _ => false,
    }
}

/// Whether a conversation names uploaded files, for which the service wants to be told.
fn names_files(request: &ChatRequest) -> bool {
    fn is_file(block: &ContentBlock) -> bool {
        match block {
            ContentBlock::Image(image) => matches!(image.source, MediaSource::FileId(_)),
            ContentBlock::Document(document) => matches!(document.source, MediaSource::FileId(_)),
            ContentBlock::ToolResult(result) => result.content.iter().any(is_file),
            _ => false,
        }
    }
    request.conversation.iter().any(|message| message.content.iter().any(is_file))
}

#[cfg(test)]
mod tests;
