//! Secrets in JSON, and in whatever can be written as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Redactor;
use super::known_shapes::without_known_shapes;
use super::patterns::Patterns;

/// Fields whose texts are words of a fixed set, ids and times: only if a value cannot be read back
/// without them are they left as they are.
const FIXED: [&str; 16] = [
    "type",
    "role",
    "status",
    "effect",
    "trust",
    "trigger",
    "reason",
    "method",
    "stop_reason",
    "issuer",
    "provider",
    "model",
    "at",
    "parent_run_id",
    "session_id",
    "run_id",
];

/// Takes known secrets, and what has the shape of a well-known service's key, out of every text and key.
pub(crate) fn redact_json(redactor: &Redactor, value: &mut Value) {
    let patterns = redactor.patterns();
    let redact = |text: &str| {
        let known = patterns.as_ref().and_then(|patterns| patterns.redact(text));
        without_known_shapes(known.as_deref().unwrap_or(text)).or(known)
    };
    walk(value, &redact, &[]);
}

/// The value without secrets, through JSON and back.
pub(super) fn cleaned<T: Serialize + DeserializeOwned>(patterns: &Patterns, value: T) -> T {
    let redact = |text: &str| patterns.redact(text);
    let through_json = |spared: &[&str]| {
        let mut json = serde_json::to_value(&value)?;
        walk(&mut json, &redact, spared);
        serde_json::from_value(json)
    };
    // A secret that is such a word (somebody sealed "completed") says nothing where the word must stand.
    match through_json(&[]).or_else(|_: serde_json::Error| through_json(&FIXED)) {
        Ok(clean) => clean,
        Err(error) => {
            tracing::error!(%error, "a secret could not be taken out; choose one that is no id");
            value
        }
    }
}

type Redact<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn walk(value: &mut Value, redact: &Redact<'_>, spared: &[&str]) {
    match value {
        Value::String(text) => {
            if let Some(redacted) = redact(text) {
                *text = redacted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, redact, spared)),
        Value::Object(fields) => {
            let has_secret_key = fields.keys().any(|key| redact(key).is_some());
            if has_secret_key {
                let all = std::mem::take(fields);
                let clean = |key: String| redact(&key).unwrap_or(key);
                fields.extend(all.into_iter().map(|(key, value)| (clean(key), value)));
            }
            let holds_secret = content(fields).is_some_and(|text| redact(text).is_some());
            for (key, field) in fields.iter_mut() {
                if !(field.is_string() && spared.contains(&key.as_str())) {
                    walk(field, redact, spared);
                }
            }
            if holds_secret && fields.remove("signature").is_none() {
                leave_out(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What cannot be changed in a block without making it another: what a signature is for, and the
/// bytes of a picture or a file.
fn content(block: &Map<String, Value>) -> Option<&str> {
    match block.get("type")?.as_str()? {
        "thinking" => block.get("text")?.as_str().filter(|_| block.contains_key("signature")),
        "image" | "document" => block.get("source")?.get("base64")?.as_str(),
        _ => None,
    }
}

/// Puts a text in the place of a picture or a file.
fn leave_out(block: &mut Value) {
    let kind = block.get("type").and_then(Value::as_str).unwrap_or("file");
    let text = format!("[this {kind} holds a secret and was left out]");
    *block = json!({ "type": "text", "text": text });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::event::ToolStatus;
    use crate::message::ContentBlock;
    use crate::message::Message;
    use crate::secret::Secret;

    const SECRET: &str = "hunter2hunter2";

    #[test]
    fn a_secret_goes_out_of_texts_and_keys() {
        let mut value =
            json!({ "a hunter2hunter2 b": ["x hunter2hunter2", 7, "sk-abcdefghijklm0123456"] });
        redact_json(&Redactor::of(&[Secret::new(SECRET), Secret::new("short")]), &mut value);
        assert_eq!(value, json!({ "a [redacted] b": ["x [redacted]", 7, "[redacted]"] }));
    }

    #[test]
    fn a_fact_stays_what_it_is() {
        let redactor = Redactor::of(&[Secret::new(SECRET)]);
        let fact = |text: &str| EventKind::ToolFinished {
            call_id: "1".into(),
            name: "shell".into(),
            status: ToolStatus::Ok,
            content: vec![ContentBlock::text(text)].into(),
            duration_ms: 7,
            truncated: false,
            spent: None,
        };
        assert_eq!(redactor.cleaned(fact("it is hunter2hunter2.")), fact("it is [redacted]."));
        assert_eq!(redactor.cleaned(fact("nothing")), fact("nothing"));
    }

    #[test]
    fn a_secret_that_is_a_word_of_ours_breaks_nothing() {
        let redactor = Redactor::of(&[Secret::new("assistant"), Secret::new("thinking")]);
        let message = Message::assistant("I am your assistant.");
        assert_eq!(redactor.cleaned(message), Message::assistant("I am your [redacted]."));
    }

    #[test]
    fn a_thought_loses_the_proof_and_a_file_goes_whole() {
        let redactor = Redactor::of(&[Secret::new(SECRET)]);
        let message: Message = serde_json::from_value(json!({"role": "assistant", "content": [
            {"type": "thinking", "text": "hunter2hunter2?", "signature": {"issuer": "anthropic", "value": "x"}},
            {"type": "thinking", "text": "fine", "signature": {"issuer": "anthropic", "value": "x"}},
            {"type": "document", "media_type": "text/plain", "source": {"base64": "eCBodW50ZXIyaHVudGVyMiB4"}},
        ]}))
        .unwrap();
        let clean = serde_json::to_value(redactor.cleaned(message)).unwrap();
        assert_eq!(
            clean,
            json!({"role": "assistant", "content": [
                {"type": "thinking", "text": "[redacted]?"},
                {"type": "thinking", "text": "fine", "signature": {"issuer": "anthropic", "value": "x"}},
                {"type": "text", "text": "[this document holds a secret and was left out]"},
            ]})
        );
    }
}
