//! Whether a foreign schema can be used without harm.

use serde_json::Map;
use serde_json::Value;

/// Larger schemas are refused: they would fill the model's window.
const LARGEST: usize = 64 * 1024;

/// Deeper schemas are refused.
const DEEPEST: usize = 64;

/// More references than any sensible schema has.
const MOST_REFERENCES: usize = 1_000;

/// Keywords whose schemas apply to the same value as the schema they stand in.
const IN_PLACE: [&str; 8] =
    ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/// Refuses schemas that are huge, deep, lead elsewhere, or lead in a circle without end.
pub(super) fn check(schema: &Map<String, Value>) -> Result<(), String> {
    match schema.get("type") {
        None => {}
        Some(kind) if kind == "object" => {}
        Some(kind) => return Err(format!("the schema is of type {kind} and no object")),
    }
    let mut references = Vec::new();
    for member in schema.values() {
        walk(member, 1, &mut references)?;
    }
    collect_reference(schema, &mut references)?;
    let size = serde_json::to_vec(schema).map_or(usize::MAX, |text| text.len());
    if size > LARGEST {
        return Err(format!("the schema has {size} bytes, more than {LARGEST}"));
    }
    let root = Value::Object(schema.clone());
    let mut cleared = Vec::new();
    for target in &references {
        follow(&root, target, &mut Vec::new(), &mut cleared)?;
    }
    Ok(())
}

/// Notes every reference; each must lead to a place of the same document.
fn walk(value: &Value, depth: usize, references: &mut Vec<String>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("the schema is more than {DEEPEST} levels deep"));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, depth + 1, references)),
        Value::Object(members) => {
            collect_reference(members, references)?;
            members.values().try_for_each(|member| walk(member, depth + 1, references))
        }
        _ => Ok(()),
    }
}

fn collect_reference(
    members: &Map<String, Value>,
    references: &mut Vec<String>,
) -> Result<(), String> {
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        let Some(target) = members.get(keyword).and_then(Value::as_str) else { continue };
        if !target.starts_with('#') {
            return Err(format!("the schema refers to '{}', outside of itself", short(target)));
        }
        if references.len() == MOST_REFERENCES {
            return Err(format!("the schema has more than {MOST_REFERENCES} references"));
        }
        references.push(target.to_owned());
    }
    Ok(())
}

/// Follows a reference as far as it applies to the same value; a circle there never ends.
fn follow(
    root: &Value,
    target: &str,
    path: &mut Vec<String>,
    cleared: &mut Vec<String>,
) -> Result<(), String> {
    if cleared.iter().any(|known| known == target) {
        return Ok(());
    }
    if path.iter().any(|passed| passed == target) || path.len() > DEEPEST {
        return Err(format!("the schema's reference '{}' leads in a circle", short(target)));
    }
    let Some(place) = resolve(root, target) else {
        return Err(format!("the schema's reference '{}' leads nowhere", short(target)));
    };
    path.push(target.to_owned());
    for next in in_place(place) {
        follow(root, next, path, cleared)?;
    }
    path.pop();
    cleared.push(target.to_owned());
    Ok(())
}

/// The references that apply to the same value as this schema.
fn in_place(schema: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        let Some(members) = schema.as_object() else { continue };
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            found.extend(members.get(keyword).and_then(Value::as_str));
        }
        for keyword in IN_PLACE {
            match members.get(keyword) {
                Some(Value::Array(items)) => open.extend(items),
                Some(Value::Object(branches)) if keyword == "dependentSchemas" => {
                    open.extend(branches.values());
                }
                Some(one) => open.push(one),
                None => {}
            }
        }
    }
    found
}

/// The place a reference leads to: a JSON pointer, or an anchor that is left to the validator.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let fragment = target.strip_prefix('#')?;
    if fragment.is_empty() {
        return Some(root);
    }
    if !fragment.starts_with('/') {
        return Some(anchored(root, fragment).unwrap_or(&Value::Null));
    }
    root.pointer(&fragment.replace("%25", "%").replace("%22", "\""))
}

fn anchored<'a>(value: &'a Value, anchor: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => {
            let is_it = ["$anchor", "$dynamicAnchor"]
                .iter()
                .any(|keyword| members.get(*keyword).and_then(Value::as_str) == Some(anchor));
            if is_it {
                return Some(value);
            }
            members.values().find_map(|member| anchored(member, anchor))
        }
        Value::Array(items) => items.iter().find_map(|item| anchored(item, anchor)),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(schema: Value) -> String {
        let Value::Object(schema) = schema else { panic!("no object") };
        check(&schema).err().unwrap_or_default()
    }

    #[test]
    fn schemas_that_people_write_pass() {
        let tree = json!({"type": "object", "properties": {"tree": {"$ref": "#/$defs/node"}},
            "$defs": {"node": {"type": "object", "properties":
                {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}});
        for schema in [json!({}), json!({"type": "object"}), tree] {
            assert_eq!(problem(schema.clone()), "", "{schema}");
        }
    }

    #[test]
    fn circles_are_found_and_recursion_through_members_is_none() {
        let direct = json!({"properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}});
        assert!(problem(direct).contains("circle"));
        assert!(problem(json!({"$ref": "#"})).contains("circle"));
        assert!(problem(json!({"anyOf": [{"not": {"$ref": "#"}}]})).contains("circle"));
        assert_eq!(problem(json!({"properties": {"again": {"$ref": "#"}}})), "");
    }

    #[test]
    fn what_leads_elsewhere_is_huge_or_deep_is_refused() {
        assert!(problem(json!({"$ref": "https://example.org/s.json"})).contains("outside"));
        assert!(problem(json!({"items": {"$ref": "file:///etc/passwd"}})).contains("outside"));
        assert!(problem(json!({"$ref": "#/nowhere"})).contains("nowhere"));
        assert!(problem(json!({"type": "string"})).contains("no object"));
        assert!(problem(json!({"description": "x".repeat(LARGEST)})).contains("bytes"));
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({"items": deep});
        }
        assert!(problem(deep).contains("deep"));
    }
}
