//! Tools, calls and results as text, in a conversation derived from the real one.
//!
//! What was derived once stays: the derived conversation only grows, so that
//! the provider behind it keeps its own encoding and the service its cache.

use std::sync::Arc;

use serde_json::Value;

use crate::message::ContentBlock;
use crate::message::Conversation;
use crate::message::Message;
use crate::message::Role;
use crate::message::ToolCall;
use crate::message::ToolResult;
use crate::provider::ChatRequest;
use crate::provider::OutputFormat;
use crate::provider::ToolChoice;
use crate::text_tools::schema;
use crate::tool::ToolSpec;

/// What the schema is called where a service wants a name.
const SCHEMA_NAME: &str = "call_or_answer";

const FREE: &str = include_str!("prompt/free.md");
const HELD: &str = include_str!("prompt/held.md");

/// How the model is brought to answer in the form we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It is not: no tools are on offer.
    Plain,
    /// By asking it to.
    Asked,
    /// By a schema that its service holds it to.
    Held,
}

/// What a conversation's slot holds between turns.
struct Derived {
    form: Form,
    system: Option<Arc<str>>,
    tools: Arc<[ToolSpec]>,
    prompt: Option<Arc<str>>,
    schema: Option<KnownSchema>,
    /// The last message that was derived, and its place.
    last: Option<Arc<Message>>,
    count: usize,
    conversation: Conversation,
}

/// A schema and what it was made for.
struct KnownSchema {
    choice: ToolChoice,
    output: OutputFormat,
    schema: Arc<Value>,
}

/// The request to send instead: the same conversation, with everything about tools in text.
pub(super) fn derive(request: &ChatRequest, form: Form) -> ChatRequest {
    let slot = request.conversation.encoding();
    let kept = slot.take::<Derived>().filter(|kept| kept.continues(request, form));
    let mut derived = kept.unwrap_or_else(|| Box::new(Derived::new(request, form)));
    derived.extend(&request.conversation);
    let mut sent = request.clone();
    sent.system.clone_from(&derived.prompt);
    sent.conversation = derived.conversation.clone();
    sent.tools = Arc::default();
    sent.tool_choice = ToolChoice::Auto;
    if form == Form::Held {
        let schema = derived.schema_for(request);
        sent.output = OutputFormat::JsonSchema { name: SCHEMA_NAME.into(), schema };
    }
    if form != Form::Plain
        && let Some(reminder) = reminder(&request.tool_choice)
    {
        let before = request.volatile.as_deref().map(|before| format!("{before}\n\n"));
        sent.volatile = Some(Arc::from(before.unwrap_or_default() + reminder.as_str()));
    }
    slot.put(derived);
    sent
}

impl Derived {
    fn new(request: &ChatRequest, form: Form) -> Self {
        Self {
            form,
            system: request.system.clone(),
            tools: Arc::clone(&request.tools),
            prompt: system_prompt(request.system.as_deref(), &request.tools, form),
            schema: None,
            last: None,
            count: 0,
            conversation: Conversation::new(),
        }
    }

    fn continues(&self, request: &ChatRequest, form: Form) -> bool {
        let same_tools = Arc::ptr_eq(&self.tools, &request.tools) || self.tools == request.tools;
        let place = self.count.checked_sub(1).and_then(|index| request.conversation.get(index));
        let same_messages = match (place, &self.last) {
            (Some(theirs), Some(ours)) => Arc::ptr_eq(theirs, ours),
            (None, None) => true,
            _ => false,
        };
        self.form == form && self.system == request.system && same_tools && same_messages
    }

    fn schema_for(&mut self, request: &ChatRequest) -> Arc<Value> {
        let known = self
            .schema
            .take()
            .filter(|known| known.choice == request.tool_choice && known.output == request.output);
        let known = known.unwrap_or_else(|| KnownSchema {
            choice: request.tool_choice.clone(),
            output: request.output.clone(),
            schema: Arc::new(schema::union(&request.tools, &request.tool_choice, &request.output)),
        });
        let schema = Arc::clone(&known.schema);
        self.schema = Some(known);
        schema
    }

    fn extend(&mut self, conversation: &Conversation) {
        for message in conversation.iter().skip(self.count) {
            self.conversation.push(as_text(message, self.form));
        }
        self.count = conversation.len();
        self.last = conversation.last().cloned();
    }
}

fn system_prompt(system: Option<&str>, tools: &[ToolSpec], form: Form) -> Option<Arc<str>> {
    let template = match form {
        Form::Plain => return system.map(Arc::from),
        Form::Asked => FREE,
        Form::Held => HELD,
    };
    let tools: Vec<String> = tools.iter().map(describe).collect();
    let instructions = template.trim_end().replace("{{tools}}", &tools.join("\n\n"));
    Some(match system {
        Some(system) => Arc::from(format!("{system}\n\n{instructions}")),
        None => Arc::from(instructions),
    })
}

fn describe(tool: &ToolSpec) -> String {
    let mut arguments = Value::clone(&tool.input_schema);
    if let Value::Object(schema) = &mut arguments {
        // They tell a model nothing, and small models have small windows.
        schema.remove("$schema");
        schema.remove("title");
    }
    format!("## {}\n{}\nArguments: {arguments}", tool.name, tool.description.trim())
}

/// What must be done now, for the end of the request; it changes from turn to turn.
fn reminder(choice: &ToolChoice) -> Option<String> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some("Give your final answer now; do not call a tool.".to_owned()),
        ToolChoice::Required => Some("Call a tool now.".to_owned()),
        ToolChoice::Tool(name) => Some(format!("Call the tool `{name}` now.")),
    }
}

/// The message itself where it has nothing to do with tools; otherwise one that says it in text.
fn as_text(message: &Arc<Message>, form: Form) -> Arc<Message> {
    let is_about_tools = message
        .content
        .iter()
        .any(|block| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_)));
    let is_answer = message.role == Role::Assistant && form == Form::Held;
    if !is_about_tools && !is_answer {
        return Arc::clone(message);
    }
    let content = match message.role {
        Role::Assistant => answer_as_text(message, form),
        Role::User | Role::System => message.content.iter().flat_map(input_as_text).collect(),
    };
    Arc::new(Message::new(message.role, content))
}

/// What the model said, as it would have written it.
fn answer_as_text(message: &Message, form: Form) -> Vec<ContentBlock> {
    let mut content: Vec<ContentBlock> = message
        .content
        .iter()
        .filter(|block| !matches!(block, ContentBlock::Text(_) | ContentBlock::ToolUse(_)))
        .cloned()
        .collect();
    let calls: Vec<String> = message.tool_calls().map(call_as_text).collect();
    let text = message.text();
    let written = match calls.as_slice() {
        [] if form == Form::Held => serde_json::json!({ "answer": text }).to_string(),
        [] => text,
        [call] if text.is_empty() || form == Form::Held => call.clone(),
        [call] => format!("{text}\n\n{call}"),
        calls if text.is_empty() || form == Form::Held => format!("[{}]", calls.join(", ")),
        calls => format!("{text}\n\n[{}]", calls.join(", ")),
    };
    content.push(ContentBlock::text(written));
    content
}

fn call_as_text(call: &ToolCall) -> String {
    let name = Value::from(call.name.as_str());
    let arguments = serde_json::to_string(&call.input).unwrap_or_default();
    format!(r#"{{"tool":{name},"arguments":{arguments}}}"#)
}

fn input_as_text(block: &ContentBlock) -> Vec<ContentBlock> {
    let ContentBlock::ToolResult(result) = block else { return vec![block.clone()] };
    let media = result.content.iter().filter(|block| block.as_text().is_none()).cloned();
    std::iter::once(ContentBlock::text(result_as_text(result))).chain(media).collect()
}

fn result_as_text(result: &ToolResult) -> String {
    let outcome = if result.is_error { " error=\"true\"" } else { "" };
    // A result must not be able to end its own tag.
    let text = result.text().replace("</tool_result", "<\\/tool_result");
    format!("<tool_result tool=\"{}\"{outcome}>\n{text}\n</tool_result>", result.name)
}
