//! Tool calls and their results: two halves that every request must pair.

use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Map;
use serde_json::Value;

use super::ContentBlock;
use super::Signature;
use crate::id::ToolCallId;
use crate::id::ToolName;

/// The model asks for a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the result names.
    #[serde(rename = "id")]
    pub call_id: ToolCallId,
    /// The tool asked for; may be one that does not exist.
    pub name: ToolName,
    /// The arguments.
    pub input: ToolInput,
    /// A provider's proof for this call, sent back unchanged (Gemini thought signatures).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl ToolCall {
    /// A call as a model would make it.
    pub fn new(
        call_id: impl Into<ToolCallId>,
        name: impl Into<ToolName>,
        input: impl Into<ToolInput>,
    ) -> Self {
        Self { call_id: call_id.into(), name: name.into(), input: input.into(), signature: None }
    }
}

/// The arguments of a tool call, as the model wrote them.
///
/// Text that is no JSON object stays what it is and is never run: it becomes
/// neither `{}` nor a guess (defect D26 of the earlier system).
#[derive(Debug, Clone, PartialEq)]
pub enum ToolInput {
    /// A JSON object. Shared, because events, journal and conversation all keep it.
    Object(Arc<Map<String, Value>>),
    /// What the model wrote instead of a JSON object.
    Malformed(String),
}

/// Under this key a malformed input is written down and shown to providers that insist on an object.
const MALFORMED_KEY: &str = "$malformed_json";

impl ToolInput {
    /// Reads the text a model wrote. No text at all means no arguments: `{}`.
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::from(Map::new());
        }
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(object) => Self::from(object),
            Err(_) => Self::Malformed(text.to_owned()),
        }
    }

    /// The JSON text of the arguments; for malformed input what the model wrote.
    pub fn to_json(&self) -> String {
        match self {
            Self::Object(object) => serde_json::to_string(object).unwrap_or_default(),
            Self::Malformed(text) => text.clone(),
        }
    }
}

impl From<Value> for ToolInput {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(object) => Self::from(object),
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<Map<String, Value>> for ToolInput {
    fn from(object: Map<String, Value>) -> Self {
        Self::Object(Arc::new(object))
    }
}

impl Serialize for ToolInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(object) => object.serialize(serializer),
            Self::Malformed(text) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(MALFORMED_KEY, text)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for ToolInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        match object.get(MALFORMED_KEY) {
            Some(Value::String(text)) if object.len() == 1 => Ok(Self::Malformed(text.clone())),
            _ => Ok(Self::from(object)),
        }
    }
}

/// A tool's answer to one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call this answers.
    pub call_id: ToolCallId,
    /// The tool that was called (some wires pair by name).
    pub name: ToolName,
    /// What the model gets to see: text, images, documents.
    pub content: Vec<ContentBlock>,
    /// Whether the call failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

impl ToolResult {
    /// All text of the result joined.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(ContentBlock::as_text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_json_is_kept_and_never_an_object() {
        assert_eq!(ToolInput::parse("{\"a\": 1"), ToolInput::Malformed("{\"a\": 1".into()));
        assert_eq!(ToolInput::parse("[1]"), ToolInput::Malformed("[1]".into()));
        assert_eq!(ToolInput::parse(" "), ToolInput::from(Map::new()));
    }

    #[test]
    fn both_kinds_survive_the_journal() {
        for text in ["{\"b\":1,\"a\":2}", "{\"b\":1,"] {
            let input = ToolInput::parse(text);
            let stored = serde_json::to_string(&input).unwrap();
            let back: ToolInput = serde_json::from_str(&stored).unwrap();
            assert_eq!(back, input);
            assert_eq!(back.to_json(), text, "the order of keys is kept");
        }
    }
}
