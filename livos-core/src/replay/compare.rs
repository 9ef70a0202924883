//! Compares what is written with what was, and puts the difference into words.

use serde_json::Value;

use super::script::call_in_words;
use super::script::calls_in_words;
use crate::event::EventKind;

/// Fields that tell of time, and of what sent a message that joined: taken as recorded, never compared.
const FROM_OUTSIDE: [&str; 3] = ["duration_ms", "time_to_first_token_ms", "trigger"];
/// How much of a text is shown.
const SHOWN_CHARS: usize = 160;

/// What was expected and what came, when an entry is not what it was.
pub(super) fn difference(expected: &EventKind, found: &EventKind) -> Option<(String, String)> {
    if expected.name() != found.name() {
        return Some((in_words(expected), in_words(found)));
    }
    let (expected_json, found_json) = (without_outside(expected), without_outside(found));
    let (path, expected, found) = first_difference(&expected_json, &found_json, String::new())?;
    let name = in_brief(found_json.get("name").and_then(Value::as_str), &found_json);
    Some((format!("{name} with `{path}` {}", or_none(expected)), or_none(found)))
}

fn in_brief(tool: Option<&str>, entry: &Value) -> String {
    let kind = entry.get("type").and_then(Value::as_str).unwrap_or("an entry");
    match tool {
        Some(tool) => format!("{kind} of `{tool}`"),
        None => kind.to_owned(),
    }
}

fn without_outside(kind: &EventKind) -> Value {
    let mut entry = serde_json::to_value(kind).unwrap_or_default();
    if let Some(fields) = entry.as_object_mut() {
        for field in FROM_OUTSIDE {
            fields.remove(field);
        }
    }
    entry
}

type Found<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// The first place at which two values differ.
fn first_difference<'a>(expected: &'a Value, found: &'a Value, path: String) -> Option<Found<'a>> {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let missing = right.keys().filter(|key| !left.contains_key(*key));
            left.keys().chain(missing).find_map(|key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                below(left.get(key), right.get(key), path)
            })
        }
        (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len()))
            .find_map(|index| below(left.get(index), right.get(index), format!("{path}[{index}]"))),
        _ if expected == found => None,
        _ => Some((path, Some(expected), Some(found))),
    }
}

fn below<'a>(
    expected: Option<&'a Value>,
    found: Option<&'a Value>,
    path: String,
) -> Option<Found<'a>> {
    match (expected, found) {
        (Some(expected), Some(found)) => first_difference(expected, found, path),
        (None, None) => None,
        (expected, found) => Some((path, expected, found)),
    }
}

fn or_none(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| short(&value.to_string()))
}

/// An entry, for people.
pub(super) fn in_words(kind: &EventKind) -> String {
    let what = match kind {
        EventKind::RunStarted { model, attempt, .. } => {
            format!("attempt {attempt} of the run with {model}")
        }
        EventKind::InputJoined { message, .. } => format!("the message {:?} joins", message.text()),
        EventKind::TurnStarted { turn } => format!("the model is asked, turn {turn}"),
        EventKind::AssistantMessage { message, .. } => {
            match calls_in_words(message.tool_calls()).as_str() {
                "" => format!("the model says {:?}", message.text()),
                calls => format!("the model calls {calls}"),
            }
        }
        EventKind::ToolStarted { name, input, .. } => {
            format!("the call of {} begins", call_in_words(name.as_str(), input))
        }
        EventKind::ToolFinished { name, status, content, .. } => {
            let text: String = content.iter().filter_map(|block| block.as_text()).collect();
            format!("the call of `{name}` ends as {status:?} with {text:?}")
        }
        EventKind::RunFinished { status, text, error, .. } => match error {
            Some(error) => format!("the run ends as {status:?}, {error}"),
            None => format!("the run ends as {status:?} with {text:?}"),
        },
        other => {
            let json = serde_json::to_string(other).unwrap_or_default();
            return format!("{}: {}", other.name(), short(&json));
        }
    };
    format!("{} ({})", short(&what), kind.name())
}

/// Two texts from where they part.
pub(super) fn texts(expected: &str, found: &str) -> (String, String) {
    let same = expected.chars().zip(found.chars()).take_while(|(left, right)| left == right);
    // A few characters before it, so that the place can be found.
    let skip = same.count().saturating_sub(24);
    let shown = |text: &str| {
        let part: String = text.chars().skip(skip).collect();
        let dots = if skip > 0 { "…" } else { "" };
        format!("{dots}{:?}", short(&part))
    };
    (shown(expected), shown(found))
}

/// The beginning of a text.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
