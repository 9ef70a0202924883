//! Takes secrets out of a recording.

use serde_json::Value;

use crate::secret::Secret;

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";
/// The shortest secret that is looked for, in bytes.
const SHORTEST: usize = 8;
/// How well-known services begin their keys.
const PREFIXES: [&str; 13] = [
    "sk-",
    "sk_",
    "AIza",
    "gsk_",
    "ghp_",
    "gho_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "glpat-",
    "hf_",
];
/// How many bytes a key has at least after its beginning.
const SHORTEST_KEY: usize = 16;

/// Takes secrets out of every text and every key.
pub(crate) fn redact(value: &mut Value, secrets: &[Secret]) {
    let secrets: Vec<&str> =
        secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= SHORTEST).collect();
    redact_value(value, &secrets);
}

/// Whether a text has something of the shape of a well-known service's key in it.
pub(crate) fn has_known_key(text: &str) -> bool {
    next_key(text).is_some()
}

fn redact_value(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => {
            if let Some(redacted) = redact_text(text, secrets) {
                *text = redacted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact_value(item, secrets)),
        Value::Object(fields) => {
            let has_secret_key = fields.keys().any(|key| redact_text(key, secrets).is_some());
            if has_secret_key {
                let all = std::mem::take(fields);
                let clean = |key: String| redact_text(&key, secrets).unwrap_or(key);
                fields.extend(all.into_iter().map(|(key, value)| (clean(key), value)));
            }
            fields.values_mut().for_each(|field| redact_value(field, secrets));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without secrets; none when it has none.
fn redact_text(text: &str, secrets: &[&str]) -> Option<String> {
    let mut redacted: Option<String> = None;
    for secret in secrets {
        let current = redacted.as_deref().unwrap_or(text);
        if current.contains(secret) {
            redacted = Some(current.replace(secret, REDACTED));
        }
    }
    let current = redacted.as_deref().unwrap_or(text);
    match without_known_keys(current) {
        Some(clean) => Some(clean),
        None => redacted,
    }
}

fn without_known_keys(text: &str) -> Option<String> {
    let mut clean = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((start, end)) = next_key(rest) {
        found = true;
        clean.push_str(rest.get(..start).unwrap_or_default());
        clean.push_str(REDACTED);
        rest = rest.get(end..).unwrap_or_default();
    }
    clean.push_str(rest);
    found.then_some(clean)
}

/// Where the first text of a key's shape begins and ends.
fn next_key(text: &str) -> Option<(usize, usize)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let mut from = 0;
    while let Some(word) = text.get(from..)?.find(is_part) {
        let start = from + word;
        let rest = text.get(start..)?;
        let end = start + rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let word = text.get(start..end)?;
        let is_key = PREFIXES.iter().any(|prefix| {
            word.strip_prefix(prefix).is_some_and(|secret| {
                secret.len() >= SHORTEST_KEY && secret.bytes().any(|byte| byte.is_ascii_digit())
            })
        });
        if is_key {
            return Some((start, end));
        }
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_goes_out_of_texts_and_keys() {
        let mut value = json!({ "a hunter2hunter2 b": ["x hunter2hunter2", 7] });
        redact(&mut value, &[Secret::new("hunter2hunter2"), Secret::new("short")]);
        assert_eq!(value, json!({ "a [redacted] b": ["x [redacted]", 7] }));
    }

    #[test]
    fn keys_of_a_known_shape_go_out_unasked() {
        let cases = [
            ("OPENAI_API_KEY=sk-proj-abcdefghijklm0123456\n", "OPENAI_API_KEY=[redacted]\n"),
            ("two ghp_0123456789abcdef0123, AIzaSyA0123456789abcdef", "two [redacted], [redacted]"),
            ("a task-list sk-learn and sk-something-long-without-digits", "="),
            ("", "="),
        ];
        for (text, expected) in cases {
            let mut value = json!(text);
            redact(&mut value, &[]);
            let expected = if expected == "=" { text } else { expected };
            assert_eq!(value, json!(expected));
        }
    }
}
