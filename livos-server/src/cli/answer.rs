//! Answers to questions that have fields: shown as a list, and typed as `name=value` or one after another.

use serde_json::Map;
use serde_json::Value;

/// One field of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    name: &'a str,
    property: &'a Value,
    is_required: bool,
}

/// The fields of the answer that a schema describes; none for what is more than an object of plain values.
pub(super) fn fields(schema: &Value) -> Vec<Field<'_>> {
    let required: Vec<&str> = array(schema, "required").filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties
        .map(|(name, property)| {
            let is_required = required.contains(&name.as_str());
            Field { name, property, is_required }
        })
        .collect()
}

impl<'a> Field<'a> {
    /// Its name in the answer.
    pub(super) fn name(self) -> &'a str {
        self.name
    }

    /// What a person has to know to fill it in.
    pub(super) fn described(self) -> String {
        let said = |key| self.property.get(key).and_then(Value::as_str);
        let kind = match said("type") {
            Some("array") => "list",
            Some("string") | None => said("format").unwrap_or("text"),
            Some(kind) => kind,
        };
        let choices = self.choices();
        let kind = if choices.is_empty() { kind.to_owned() } else { choices.join(", ") };
        let needed = if self.is_required { ", required" } else { "" };
        let preset = self.property.get("default").map(|preset| match preset {
            Value::String(text) => format!(", else {text}"),
            other => format!(", else {other}"),
        });
        let about = said("description").or_else(|| said("title"));
        let about = about.map(|about| format!(": {about}")).unwrap_or_default();
        let line = format!("{} ({kind}{needed}{}){about}", self.name, preset.unwrap_or_default());
        // It may be a stranger's, and a terminal obeys control characters.
        line.chars().filter(|letter| !letter.is_control()).collect()
    }

    /// What it may be, with what that means.
    fn choices(self) -> Vec<String> {
        let items = self.property.get("items").unwrap_or(self.property);
        let plain = array(items, "enum").filter_map(Value::as_str).map(str::to_owned);
        let titled = array(items, "oneOf").chain(array(items, "anyOf")).filter_map(|choice| {
            let value = choice.get("const").and_then(Value::as_str)?;
            let title = choice.get("title").and_then(Value::as_str);
            Some(title.map_or_else(|| value.to_owned(), |title| format!("{value} = {title}")))
        });
        plain.chain(titled).collect()
    }

    /// What was typed, as the value that it stands for; what stands for none stays a text, and is refused
    /// with the field's name when the answer is checked.
    pub(super) fn read(self, typed: &str) -> Value {
        let text = || Value::from(typed);
        match self.property.get("type").and_then(Value::as_str) {
            Some("integer" | "number") => {
                serde_json::from_str(typed).ok().filter(Value::is_number).unwrap_or_else(text)
            }
            Some("boolean") => match typed.to_lowercase().as_str() {
                "y" | "yes" | "true" => true.into(),
                "n" | "no" | "false" => false.into(),
                _ => text(),
            },
            Some("array") => {
                let parts = typed.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(Value::from).collect::<Vec<_>>().into()
            }
            _ => text(),
        }
    }
}

/// An answer as it is given on a command line: `name=value` for each field, or JSON.
pub(super) fn read(words: &[String], schema: Option<&Value>) -> Value {
    let whole = words.join(" ");
    let Some(schema) = schema else { return whole.into() };
    let fields = fields(schema);
    let pairs: Option<Map<String, Value>> = words
        .iter()
        .map(|word| {
            let (name, typed) = word.split_once('=')?;
            let field = fields.iter().find(|field| field.name == name)?;
            Some((name.to_owned(), field.read(typed)))
        })
        .collect();
    match pairs {
        Some(pairs) => Value::Object(pairs),
        None => serde_json::from_str(&whole).unwrap_or(Value::String(whole)),
    }
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "Your name" },
                "age": { "type": "integer", "default": 42 },
                "agree": { "type": "boolean" },
                "fish": { "type": "array", "items": { "anyOf": [{ "const": "t", "title": "Tuna" }] } },
                "pet": { "type": "string", "enum": ["cat", "dog"], "default": "cat" },
            },
            "required": ["name"],
        })
    }

    #[test]
    fn fields_say_what_they_want() {
        let schema = schema();
        let described: Vec<_> = fields(&schema).into_iter().map(Field::described).collect();
        let expected = [
            "name (text, required): Your name",
            "age (integer, else 42)",
            "agree (boolean)",
            "fish (t = Tuna)",
            "pet (cat, dog, else cat)",
        ];
        assert_eq!(described, expected);
    }

    #[test]
    fn answers_are_pairs_or_json() {
        let schema = schema();
        let read = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            read(&words, Some(&schema))
        };
        let typed = read(&["name=Ann Lee", "age=7", "agree=yes", "fish=t, u"]);
        let expected = json!({ "name": "Ann Lee", "age": 7, "agree": true, "fish": ["t", "u"] });
        assert_eq!(typed, expected);
        assert_eq!(read(&[r#"{"name": "a=b"}"#]), json!({ "name": "a=b" }));
        assert_eq!(read(&["age=old"]), json!({ "age": "old" }));
        assert_eq!(read(&["nothing", "like=it"]), json!("nothing like=it"));
        assert_eq!(super::read(&["the".into(), "red=one".into()], None), json!("the red=one"));
    }
}
