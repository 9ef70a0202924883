//! What makes a call this call: hashes that an approval is bound to.

use std::fmt;
use std::fmt::Write;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use crate::id::RunId;
use crate::id::ToolCallId;

/// The SHA-256 of a call: its run, its id, its tool and its arguments in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallFingerprint(String);

impl CallFingerprint {
    /// The fingerprint of a call in a run.
    pub fn of(run_id: RunId, call_id: &ToolCallId, tool: &str, arguments: &Value) -> Self {
        let parts = [&run_id.to_string(), call_id.as_str(), tool, &canonical(arguments)];
        Self(digest(&parts))
    }
}

impl fmt::Display for CallFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of arguments in canonical form, whatever the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArgumentsFingerprint(String);

impl ArgumentsFingerprint {
    pub(crate) fn of(arguments: &Map<String, Value>) -> Self {
        Self::of_value(&Value::Object(arguments.clone()))
    }

    pub(crate) fn of_value(arguments: &Value) -> Self {
        Self(digest(&[&canonical(arguments)]))
    }
}

/// The one text of all equal values: keys in order, no spaces.
fn canonical(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// Each part goes in with its length, so that no two lists of parts are hashed alike.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_same_call_has_the_same_fingerprint() {
        let (run, call) = (RunId::from_u128(1), ToolCallId::from("c"));
        let of = |run, call: &ToolCallId, tool, arguments| {
            CallFingerprint::of(run, call, tool, &arguments)
        };
        let this = of(run, &call, "shell", json!({ "a": { "x": 1, "y": 2 }, "b": "t" }));
        assert_eq!(this, of(run, &call, "shell", json!({ "b": "t", "a": { "y": 2, "x": 1 } })));
        assert_eq!(this.to_string().len(), 64);
        for other in [
            of(RunId::from_u128(2), &call, "shell", json!({ "a": { "x": 1, "y": 2 }, "b": "t" })),
            of(run, &"d".into(), "shell", json!({ "a": { "x": 1, "y": 2 }, "b": "t" })),
            of(run, &call, "shel", json!({ "a": { "x": 1, "y": 2 }, "b": "t" })),
            of(run, &call, "shell", json!({ "a": { "x": 1, "y": 3 }, "b": "t" })),
        ] {
            assert_ne!(this, other);
        }
    }
}
