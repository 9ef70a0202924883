//! What a JSON value of a model means: calls, an answer, or neither.

use serde_json::Map;
use serde_json::Value;

use super::json;
use crate::id::ToolCallId;
use crate::message::ToolCall;
use crate::message::ToolInput;
use crate::tool::ToolSpec;

/// Keys that hold a tool's name and nothing else does.
const TOOL_KEYS: [&str; 2] = ["tool", "tool_name"];
/// Keys that hold a tool's name in other conventions, and much else elsewhere.
const NAME_KEYS: [&str; 2] = ["name", "function"];
const ARGUMENT_KEYS: [&str; 4] = ["arguments", "args", "parameters", "input"];
/// Keys that are no arguments where those are written beside the name.
const OTHER_KEYS: [&str; 4] = ["answer", "type", "id", "thought"];

/// The name of a call that broke off before its name.
const UNKNOWN: &str = "unknown";

/// Calls, an answer, or both.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Envelope {
    pub(super) text: Option<String>,
    pub(super) calls: Vec<ToolCall>,
}

/// Whether an object that begins with this key may be an envelope.
pub(super) fn may_begin(key: &str) -> bool {
    key == "answer"
        || matches!(key, "tool_calls" | "type" | "id" | "thought")
        || TOOL_KEYS.contains(&key)
        || NAME_KEYS.contains(&key)
        || ARGUMENT_KEYS.contains(&key)
}

/// Reads a whole value; `None` when it is JSON that means nothing to us.
pub(super) fn read(text: &str, tools: &[ToolSpec]) -> Result<Option<Envelope>, serde_json::Error> {
    let value = json::read(text)?;
    let calls = calls(&value, tools);
    let answer = value.get("answer").map(|answer| match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let means_something = !calls.is_empty() || answer.is_some();
    Ok(means_something.then_some(Envelope { text: answer, calls }))
}

/// The calls of an object or of an array of nothing but calls.
fn calls(value: &Value, tools: &[ToolSpec]) -> Vec<ToolCall> {
    match value {
        Value::Array(items) => {
            let found: Vec<Vec<ToolCall>> = items.iter().map(|item| calls(item, tools)).collect();
            let are_all = found.iter().all(|calls| !calls.is_empty());
            if are_all { found.concat() } else { Vec::new() }
        }
        Value::Object(object) => match (object.get("tool_calls"), object.get("function")) {
            (Some(list @ Value::Array(_)), _) => calls(list, tools),
            (_, Some(function @ Value::Object(_))) => calls(function, tools),
            _ => call(object, tools).into_iter().collect(),
        },
        _ => Vec::new(),
    }
}

fn call(object: &Map<String, Value>, tools: &[ToolSpec]) -> Option<ToolCall> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)?.as_str());
    let arguments = ARGUMENT_KEYS.iter().find_map(|key| object.get(*key));
    let name = text(&TOOL_KEYS).or_else(|| {
        let name = text(&NAME_KEYS).filter(|_| arguments.is_some())?;
        tools.iter().any(|tool| tool.name.as_str() == name).then_some(name)
    })?;
    let input = match arguments {
        Some(Value::String(text)) => ToolInput::parse(text),
        Some(Value::Null) => ToolInput::from(Map::new()),
        Some(value) => ToolInput::from(value.clone()),
        None => ToolInput::from(beside(object)),
    };
    Some(ToolCall::new(ToolCallId::generate(), name, input))
}

/// Arguments written beside the name instead of in an object of their own.
fn beside(object: &Map<String, Value>) -> Map<String, Value> {
    let is_argument = |key: &str| {
        !TOOL_KEYS.contains(&key) && !NAME_KEYS.contains(&key) && !OTHER_KEYS.contains(&key)
    };
    let pairs = object.iter().filter(|(key, _)| is_argument(key));
    pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What broke off: the calls when only brackets around the arguments are missing, else one call
/// that keeps what was written and can never be run.
pub(super) fn read_cut(text: &str, missing: Option<&str>, tools: &[ToolSpec]) -> Vec<ToolCall> {
    closed(text, missing, tools).unwrap_or_else(|| vec![unreadable(text)])
}

fn closed(text: &str, missing: Option<&str>, tools: &[ToolSpec]) -> Option<Vec<ToolCall>> {
    let is_around_arguments = match (text.starts_with('['), missing?) {
        (false, missing) => missing == "}",
        (true, missing) => matches!(missing, "]" | "}]"),
    };
    if !is_around_arguments {
        return None;
    }
    let value = json::read(&format!("{text}{}", missing?)).ok()?;
    let last = value.as_array().map_or(Some(&value), |items| items.last())?;
    let last = last.get("function").filter(|function| function.is_object()).unwrap_or(last);
    let are_whole = ARGUMENT_KEYS.iter().any(|key| last.get(key).is_some_and(Value::is_object));
    Some(calls(&value, tools)).filter(|calls| are_whole && !calls.is_empty())
}

/// A call that cannot be run, with all that was written of it.
pub(super) fn unreadable(text: &str) -> ToolCall {
    let name = written_name(text).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN);
    ToolCall::new(ToolCallId::generate(), name, ToolInput::Malformed(text.to_owned()))
}

/// Whether a text that is no JSON was meant as a call.
pub(super) fn looks_like_call(text: &str) -> bool {
    written_name(text).is_some()
}

fn written_name(text: &str) -> Option<&str> {
    TOOL_KEYS.iter().chain(&["name"]).find_map(|key| {
        let (_, rest) = text.split_once(&format!("\"{key}\""))?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        rest.split_once('"').map(|(name, _)| name)
    })
}
