//! The schema that an answer with tools as text is held to.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::provider::OutputFormat;
use crate::provider::ToolChoice;
use crate::tool::ToolSpec;

/// One object: a call of one of the tools with its own arguments, or an answer.
///
/// It is written for engines that turn a schema into a grammar (llama.cpp,
/// Ollama, vLLM): the name comes before the arguments, definitions are shared
/// at the root, and keywords that change nothing in the grammar are left out.
pub(super) fn union(tools: &[ToolSpec], choice: &ToolChoice, output: &OutputFormat) -> Value {
    let mut definitions = Map::new();
    let mut forms: Vec<Value> = tools
        .iter()
        .filter(|tool| is_allowed(tool, choice))
        .map(|tool| call_form(tool, &mut definitions))
        .collect();
    if !matches!(choice, ToolChoice::Required | ToolChoice::Tool(_)) || forms.is_empty() {
        forms.push(answer_form(output, &mut definitions));
    }
    let mut root = match <[Value; 1]>::try_from(forms) {
        Ok([Value::Object(only)]) => only,
        Ok([other]) => Map::from_iter([("anyOf".to_owned(), Value::Array(vec![other]))]),
        Err(forms) => Map::from_iter([("anyOf".to_owned(), Value::Array(forms))]),
    };
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Value::Object(root)
}

fn is_allowed(tool: &ToolSpec, choice: &ToolChoice) -> bool {
    match choice {
        ToolChoice::Auto | ToolChoice::Required => true,
        ToolChoice::None => false,
        ToolChoice::Tool(name) => tool.name == *name,
    }
}

fn call_form(tool: &ToolSpec, definitions: &mut Map<String, Value>) -> Value {
    let arguments = Lift { scope: tool.name.as_str(), definitions }.root(&tool.input_schema);
    json!({
        "type": "object",
        "properties": {
            "tool": {"type": "string", "const": tool.name.as_str()},
            "arguments": arguments,
        },
        "required": ["tool", "arguments"],
        "additionalProperties": false,
    })
}

fn answer_form(output: &OutputFormat, definitions: &mut Map<String, Value>) -> Value {
    let answer = match output {
        OutputFormat::Text => json!({"type": "string"}),
        OutputFormat::JsonSchema { schema, .. } => {
            Lift { scope: "answer", definitions }.root(schema)
        }
    };
    json!({
        "type": "object",
        "properties": {"answer": answer},
        "required": ["answer"],
        "additionalProperties": false,
    })
}

/// Moves a schema into another one.
struct Lift<'a> {
    /// Goes before the names of its definitions, since each tool has its own.
    scope: &'a str,
    definitions: &'a mut Map<String, Value>,
}

impl Lift<'_> {
    fn root(&mut self, schema: &Value) -> Value {
        match self.schema(schema) {
            Value::Object(lifted) if lifted.is_empty() => json!({"type": "object"}),
            lifted => lifted,
        }
    }

    fn schema(&mut self, schema: &Value) -> Value {
        let Value::Object(keywords) = schema else { return schema.clone() };
        let mut lifted = Map::new();
        for (keyword, value) in keywords {
            if let Some(value) = self.keyword(keyword, value) {
                lifted.insert(keyword.clone(), value);
            }
        }
        Value::Object(lifted)
    }

    fn keyword(&mut self, keyword: &str, value: &Value) -> Option<Value> {
        match (keyword, value) {
            (
                "$schema" | "$id" | "title" | "description" | "default" | "examples" | "format",
                _,
            ) => None,
            ("$defs" | "definitions", Value::Object(named)) => {
                for (name, schema) in named {
                    let schema = self.schema(schema);
                    self.definitions.insert(self.scoped(name), schema);
                }
                None
            }
            ("$ref", Value::String(target)) => Some(Value::String(self.target(target))),
            // Engines refuse patterns that are not anchored.
            ("pattern", Value::String(pattern)) => {
                let is_anchored = pattern.starts_with('^') && pattern.ends_with('$');
                is_anchored.then(|| value.clone())
            }
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(named)) => {
                let lifted = named.iter().map(|(name, schema)| (name.clone(), self.schema(schema)));
                Some(Value::Object(lifted.collect()))
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                Some(Value::Array(schemas.iter().map(|schema| self.schema(schema)).collect()))
            }
            ("items" | "additionalProperties" | "contains" | "not" | "propertyNames", _) => {
                Some(self.schema(value))
            }
            _ => Some(value.clone()),
        }
    }

    fn scoped(&self, name: &str) -> String {
        format!("{}__{name}", self.scope)
    }

    fn target(&self, target: &str) -> String {
        let name = ["#/$defs/", "#/definitions/"].iter().find_map(|it| target.strip_prefix(it));
        match name {
            Some(name) => format!("#/$defs/{}", self.scoped(name)),
            None => target.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Effect;

    fn tool(name: &str, schema: Value) -> ToolSpec {
        ToolSpec::new(name, "A tool.", schema, Effect::ReadOnly)
    }

    fn union_of(tools: &[ToolSpec], choice: &ToolChoice) -> Value {
        union(tools, choice, &OutputFormat::Text)
    }

    #[test]
    fn each_tool_has_its_arguments_and_its_definitions() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Args",
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "Its title.", "pattern": "[a-z]"},
                "kind": {"$ref": "#/$defs/Kind"},
                "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]}},
            },
            "required": ["title"],
            "$defs": {"Kind": {"title": "Kind", "enum": ["a", "b"]}},
        });
        let got = union_of(&[tool("make", schema), tool("now", json!({}))], &ToolChoice::Auto);
        assert_eq!(
            got,
            json!({
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "tool": {"type": "string", "const": "make"},
                            "arguments": {
                                "type": "object",
                                "properties": {
                                    "title": {"type": "string"},
                                    "kind": {"$ref": "#/$defs/make__Kind"},
                                    "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/make__Kind"}, {"type": "null"}]}},
                                },
                                "required": ["title"],
                            },
                        },
                        "required": ["tool", "arguments"],
                        "additionalProperties": false,
                    },
                    {
                        "type": "object",
                        "properties": {
                            "tool": {"type": "string", "const": "now"},
                            "arguments": {"type": "object"},
                        },
                        "required": ["tool", "arguments"],
                        "additionalProperties": false,
                    },
                    {
                        "type": "object",
                        "properties": {"answer": {"type": "string"}},
                        "required": ["answer"],
                        "additionalProperties": false,
                    },
                ],
                "$defs": {"make__Kind": {"enum": ["a", "b"]}},
            })
        );
    }

    #[test]
    fn a_choice_narrows_the_forms() {
        let tools = [tool("a", json!({})), tool("b", json!({}))];
        let count = |choice: &ToolChoice| {
            let schema = union_of(&tools, choice);
            schema["anyOf"].as_array().map_or(1, Vec::len)
        };
        assert_eq!(count(&ToolChoice::Auto), 3);
        assert_eq!(count(&ToolChoice::Required), 2);
        assert_eq!(count(&ToolChoice::None), 1);
        let only = union_of(&tools, &ToolChoice::Tool("b".into()));
        assert_eq!(only["properties"]["tool"]["const"], "b");
    }

    #[test]
    fn an_answer_can_have_a_schema_of_its_own() {
        let schema = std::sync::Arc::new(json!({"type": "object", "title": "X"}));
        let output = OutputFormat::JsonSchema { name: "x".into(), schema };
        let got = union(&[], &ToolChoice::Auto, &output);
        assert_eq!(got["properties"]["answer"], json!({"type": "object"}));
    }
}
