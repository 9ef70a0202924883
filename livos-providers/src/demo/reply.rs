//! What the demo model answers: a pure function of the request.

use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Disclosure;
use livos_core::Message;
use livos_core::Role;
use livos_core::ToolChoice;
use livos_core::ToolName;
use livos_core::ToolResult;
use livos_core::ToolSpec;
use serde_json::Map;
use serde_json::Value;

use super::arithmetic;
use super::intent::Intent;

/// What is said of a file, a search and so on, in characters.
const MAX_QUOTED_CHARS: usize = 4_000;

const INTRODUCTION: &str = include_str!("introduction.md");

/// What the agent loop puts before messages that are to be summed up.
const TO_SUM_UP: &str = "<messages>\n";

/// How many of the user's messages a summary has, and how many characters of each.
const SUMMED_UP: (usize, usize) = (12, 100);

/// Ends every answer that is not the introduction, which says it by itself.
const DISCLAIMER: &str =
    "(This is the demo model: fixed rules, no AI. Set an API key to talk to a real model.)";

/// An answer in the making: reasoning, text, and the tools to call.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reply {
    pub(super) thinking: Option<String>,
    pub(super) text: String,
    pub(super) calls: Vec<(ToolName, Map<String, Value>)>,
}

impl Reply {
    fn text(text: impl AsRef<str>) -> Self {
        let text = format!("{}\n\n{DISCLAIMER}", text.as_ref().trim_end());
        Self { text, ..Self::default() }
    }

    /// The answer to what was said last.
    pub(super) fn to(request: &ChatRequest) -> Self {
        let Some(last) = request.conversation.last() else { return Self::introduction() };
        let results: Vec<&ToolResult> = last
            .content
            .iter()
            .filter_map(|block| match block {
                ContentBlock::ToolResult(result) => Some(result),
                _ => None,
            })
            .collect();
        if !results.is_empty() {
            return Self::report(&results);
        }
        let asked = request.conversation.iter().rev().find(|message| message.role == Role::User);
        let asked = asked.map(|message| message.text()).unwrap_or_default();
        match asked.strip_prefix(TO_SUM_UP) {
            Some(messages) => Self::summary(messages),
            None => Self::to_text(&asked, request),
        }
    }

    /// What the user said, as far as it fits in a line each.
    fn summary(messages: &str) -> Self {
        let (most, width) = SUMMED_UP;
        let said: Vec<&str> =
            messages.lines().filter_map(|line| line.strip_prefix("user: ")).collect();
        let left_out = said.len().saturating_sub(most);
        let mut text = "The user said:".to_owned();
        for line in said.iter().skip(left_out) {
            let end = line.char_indices().nth(width).map_or(line.len(), |(end, _)| end);
            text.push_str("\n- ");
            text.push_str(line.get(..end).unwrap_or(line));
        }
        Self::text(text)
    }

    fn introduction() -> Self {
        Self { text: INTRODUCTION.trim_end().to_owned(), ..Self::default() }
    }

    fn to_text(text: &str, request: &ChatRequest) -> Self {
        match Intent::of(text) {
            Intent::Think(subject) => Self::think(&subject, request),
            Intent::Calculate(expression) => Self::calculate(&expression),
            Intent::Call(calls) => Self::call(calls, request),
            Intent::Other => Self::introduction(),
        }
    }

    fn think(subject: &str, request: &ChatRequest) -> Self {
        let mut reply = match Intent::of(subject) {
            Intent::Other | Intent::Think(_) => {
                Self::text(format!("I thought about {subject}, as far as fixed rules can."))
            }
            Intent::Calculate(expression) => Self::calculate(&expression),
            Intent::Call(calls) => Self::call(calls, request),
        };
        reply.thinking = Some(format!(
            "I was asked to think about {subject}. I have a few rules and no mind, so I look at \
             which rule fits, find that thinking is one of them, and come to my answer."
        ));
        reply
    }

    fn calculate(expression: &str) -> Self {
        match arithmetic::evaluate(expression) {
            Some(value) => Self::text(format!("{expression} = {}", arithmetic::format(value))),
            None => Self::text(format!("{expression} has no finite result.")),
        }
    }

    fn call(calls: Vec<(&'static str, Map<String, Value>)>, request: &ChatRequest) -> Self {
        let mut allowed = Vec::new();
        for (name, arguments) in calls {
            let offered = request.tools.iter().find(|tool| is_meant(tool, name, &arguments));
            let Some(tool) = offered.filter(|_| request.tool_choice != ToolChoice::None) else {
                return Self::text(missing(named(name, &arguments), &request.tools));
            };
            allowed.push((tool.name.clone(), fitting(tool, arguments)));
        }
        let names: Vec<_> = allowed.iter().map(|(name, _)| format!("`{name}`")).collect();
        let text = format!("My rule for this is to call {}. {DISCLAIMER}", names.join(" and "));
        Self { text, calls: allowed, ..Self::default() }
    }

    fn report(results: &[&ToolResult]) -> Self {
        let said: Vec<String> = results.iter().map(|result| quote(result)).collect();
        Self::text(said.join("\n\n"))
    }
}

/// That a tool is not there, or not yet.
fn missing(name: &str, offered: &[ToolSpec]) -> String {
    match offered.iter().find(|tool| tool.disclosure == Disclosure::ToFind) {
        Some(finder) => format!(
            "For that I would call the tool `{name}`, but I was not told of it. Let me look for it \
             first: `call {} {{\"query\": \"{name}\"}}`. Then ask me again.",
            finder.name
        ),
        None => format!("For that I would call the tool `{name}`, but it is not on offer here."),
    }
}

/// The name of the tool that a call is for. `call TOOL {…}` brings it along in its arguments.
fn named<'a>(name: &'a str, arguments: &'a Map<String, Value>) -> &'a str {
    if name == Intent::ANY_TOOL {
        return arguments.get(Intent::ANY_TOOL).and_then(Value::as_str).unwrap_or_default();
    }
    name
}

fn is_meant(tool: &ToolSpec, name: &str, arguments: &Map<String, Value>) -> bool {
    tool.name.as_str() == named(name, arguments)
}

/// Only the arguments that the tool's schema names, unless a person wrote them.
fn fitting(tool: &ToolSpec, mut arguments: Map<String, Value>) -> Map<String, Value> {
    if arguments.remove(Intent::ANY_TOOL).is_some() {
        return arguments;
    }
    if let Some(Value::Object(known)) = tool.input_schema.get("properties") {
        arguments.retain(|key, _| known.contains_key(key));
    }
    arguments
}

fn quote(result: &ToolResult) -> String {
    let text = result.text();
    let text = text.trim();
    let outcome = if result.is_error { "could not do it" } else { "says" };
    let rest = text.char_indices().nth(MAX_QUOTED_CHARS).map(|(end, _)| end);
    let (shown, more) = match rest {
        Some(end) => (text.get(..end).unwrap_or(text), "\n… (there is more)"),
        None => (text, ""),
    };
    let media = result.content.iter().filter(|block| block.as_text().is_none()).count();
    let media = match media {
        0 => String::new(),
        count => format!("\n\nIt also gave {count} image or file that I cannot see."),
    };
    let fence = if shown.contains("```") { "~~~~" } else { "```" };
    match shown.is_empty() {
        true => format!("The tool `{}` is done and had nothing to say.{media}", result.name),
        false => {
            format!(
                "The tool `{}` {outcome}:\n\n{fence}\n{shown}{more}\n{fence}{media}",
                result.name
            )
        }
    }
}

/// About as many tokens as a real model would count: four characters each.
pub(super) fn estimate_tokens(messages: &[std::sync::Arc<Message>]) -> u64 {
    let texts = messages.iter().flat_map(|message| &message.content).map(|block| match block {
        ContentBlock::Text(text) => text.text.len(),
        ContentBlock::ToolResult(result) => {
            result.content.iter().filter_map(ContentBlock::as_text).map(str::len).sum()
        }
        _ => 0,
    });
    u64::try_from(texts.sum::<usize>()).unwrap_or(u64::MAX).div_ceil(4)
}
