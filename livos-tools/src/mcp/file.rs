//! The file that servers may be written in: `{"mcpServers": {"NAME": {…}}}`, as elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::DefinitionError;
use super::McpError;
use super::ServerDefinition;
use super::ServerName;
use super::WrittenServer;

/// A larger file is refused.
const LARGEST: u64 = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "mcpServers")]
    servers: Entries,
}

/// Kept as a list, so that a name that is there twice is noticed.
#[derive(Debug)]
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of servers by name")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The servers of a file; none where there is no file.
pub(super) async fn read(path: &Path) -> Result<BTreeMap<ServerName, ServerDefinition>, McpError> {
    let failed = |message: String| McpError::File { file: path.display().to_string(), message };
    match tokio::fs::metadata(path).await {
        Ok(about) if about.len() > LARGEST => {
            return Err(failed(format!("it has more than {LARGEST} bytes")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(failed(error.to_string())),
    }
    let text = tokio::fs::read(path).await.map_err(|error| failed(error.to_string()))?;
    parse(&text).map_err(failed)
}

pub(super) fn parse(text: &[u8]) -> Result<BTreeMap<ServerName, ServerDefinition>, String> {
    let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut servers = BTreeMap::new();
    for (name, entry) in file.servers.0 {
        let place = format!("mcpServers.{name}");
        let name = ServerName::new(name).map_err(|error| format!("{place}: {error}"))?;
        // Not shown as serde says it: that may repeat a value.
        let written: WrittenServer = serde_path_to_error::deserialize(entry).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { format!(".{path}") };
            format!("{place}{field}: {}", without_values(&error.into_inner()))
        })?;
        let definition = ServerDefinition::try_from(written)
            .map_err(|DefinitionError { field, message }| format!("{place}.{field}: {message}"))?;
        if servers.insert(name, definition).is_some() {
            return Err(format!("{place}: there are two servers of this name"));
        }
    }
    Ok(servers)
}

/// What serde says, unless it is about a value, which may be secret.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        Some((_, expected)) => format!("must be {expected}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_other_programs_have_it_is_read() {
        let text = r#"{"mcpServers": {"time": {"command": "uvx", "args": ["mcp-server-time"]},
            "docs": {"type": "http", "url": "https://example.org/mcp"}}}"#;
        let servers = parse(text.as_bytes()).unwrap();
        assert_eq!(servers.keys().map(ServerName::as_str).collect::<Vec<_>>(), ["docs", "time"]);
    }

    #[test]
    fn what_is_wrong_is_named_and_values_are_not_shown() {
        let cases = [
            (r#"{"mcpServers": {"A b": {}}}"#, "mcpServers.A b: "),
            (r#"{"mcpServers": {"a": {}}}"#, "mcpServers.a.command: is missing"),
            (r#"{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}"#, "two servers"),
            (r#"{"mcpServers": {"a": {"comand": "x"}}}"#, "mcpServers.a"),
            (r#"{"mcpServers": {"a": {"command": "x", "args": "hunter2"}}}"#, "must be a sequence"),
            (r#"{"servers": {}}"#, "unknown field"),
            ("", "EOF"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
