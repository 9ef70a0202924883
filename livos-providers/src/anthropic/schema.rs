//! A JSON Schema within what Anthropic's structured output accepts.

use serde_json::Map;
use serde_json::Value;

/// Keywords that the service refuses; they narrow values and the caller checks those anyway.
const REFUSED: &[&str] = &[
    "$schema",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The schema with closed objects and without refused keywords.
pub(super) fn strict(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => Value::Object(strict_object(object)),
        Value::Array(list) => list.iter().map(strict).collect(),
        other => other.clone(),
    }
}

fn strict_object(object: &Map<String, Value>) -> Map<String, Value> {
    let mut kept: Map<String, Value> = object
        .iter()
        .filter(|(name, _)| !REFUSED.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), strict_member(name, value)))
        .collect();
    if kept.get("type") == Some(&Value::from("object")) {
        kept.insert("additionalProperties".to_owned(), Value::from(false));
    }
    kept
}

fn strict_member(name: &str, value: &Value) -> Value {
    match (name, value) {
        // Names of properties and definitions are not keywords.
        ("properties" | "$defs" | "definitions", Value::Object(members)) => {
            members.iter().map(|(name, schema)| (name.clone(), strict(schema))).collect()
        }
        // Plain values, not schemas.
        ("enum" | "const" | "default" | "examples" | "required", value) => value.clone(),
        (_, value) => strict(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_closed_and_bounds_dropped_but_names_are_kept() {
        let schema = json!({
            "$schema": "x",
            "type": "object",
            "properties": {
                "minimum": {"type": "integer", "minimum": 1},
                "list": {"type": "array", "items": {"type": "object"}, "maxItems": 3},
                "kind": {"enum": [{"minimum": 1}]},
            },
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "minimum": {"type": "integer"},
                "list": {"type": "array", "items": {"type": "object", "additionalProperties": false}},
                "kind": {"enum": [{"minimum": 1}]},
            },
            "additionalProperties": false,
        });
        assert_eq!(strict(&schema), expected);
    }
}
