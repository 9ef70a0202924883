//! What a server's tools were when their owner accepted them.

use std::collections::BTreeMap;
use std::fmt::Write;

use rmcp::model::Tool;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use super::ServerTrust;

/// The accepted definitions of a server's tools, by the names the server gives them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Pins {
    pub(super) tools: BTreeMap<String, PinnedTool>,
}

/// A definition and its fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedTool {
    pub(super) hash: String,
    pub(super) definition: Tool,
}

/// What a definition that a server sends now is, against what was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PinState {
    /// As it was accepted.
    Accepted,
    /// Otherwise than it was accepted: withheld.
    Changed,
    /// Not there when the tools were accepted: withheld.
    Added,
}

impl Pins {
    /// Accepts all of these.
    pub(super) fn of(tools: &[Tool]) -> Self {
        let mut pins = Self::default();
        for tool in tools {
            pins.accept(tool);
        }
        pins
    }

    /// Accepts one definition as it is now.
    pub(super) fn accept(&mut self, tool: &Tool) {
        let pinned = PinnedTool { hash: fingerprint(tool), definition: tool.clone() };
        self.tools.insert(tool.name.to_string(), pinned);
    }

    /// What a definition is against what was accepted.
    pub(super) fn state(&self, tool: &Tool) -> PinState {
        match self.tools.get(tool.name.as_ref()) {
            Some(pinned) if pinned.hash == fingerprint(tool) => PinState::Accepted,
            Some(_) => PinState::Changed,
            None => PinState::Added,
        }
    }

    /// Accepts what a trusted server adds; tells whether there was something.
    pub(super) fn accept_added(&mut self, tools: &[Tool], trust: ServerTrust) -> bool {
        if trust != ServerTrust::Trusted {
            return false;
        }
        let added: Vec<&Tool> =
            tools.iter().filter(|tool| self.state(tool) == PinState::Added).collect();
        for tool in &added {
            self.accept(tool);
        }
        !added.is_empty()
    }
}

/// A hash of everything a model or the executor is told of a tool, whatever the order of its members.
fn fingerprint(tool: &Tool) -> String {
    let value = serde_json::to_value(tool).unwrap_or_default();
    let mut text = String::new();
    for byte in Sha256::digest(sorted(value).to_string().as_bytes()) {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(value: Value) -> Tool {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_change_of_any_word_is_seen_and_the_order_of_members_is_not() {
        let schema = json!({"type": "object", "properties": {"a": {}}});
        let accepted = tool(json!({"name": "t", "description": "reads", "inputSchema": schema}));
        let pins = Pins::of(std::slice::from_ref(&accepted));
        let reordered = json!({"name": "t", "inputSchema":
            {"properties": {"a": {}}, "type": "object"}, "description": "reads"});
        assert_eq!(pins.state(&tool(reordered)), PinState::Accepted);
        for changed in [
            json!({"name": "t", "description": "Reads", "inputSchema": schema}),
            json!({"name": "t", "description": "reads", "inputSchema": {"type": "object"}}),
            json!({"name": "t", "description": "reads", "inputSchema": schema,
                "annotations": {"readOnlyHint": true}}),
        ] {
            assert_eq!(pins.state(&tool(changed)), PinState::Changed);
        }
        let other = tool(json!({"name": "u", "inputSchema": schema}));
        assert_eq!(pins.state(&other), PinState::Added);
    }

    #[test]
    fn only_a_trusted_server_adds_tools_by_itself() {
        let added = [tool(json!({"name": "u", "inputSchema": {}}))];
        let mut pins = Pins::default();
        assert!(!pins.accept_added(&added, ServerTrust::Untrusted));
        assert!(pins.accept_added(&added, ServerTrust::Trusted));
        assert!(!pins.accept_added(&added, ServerTrust::Trusted));
    }
}
