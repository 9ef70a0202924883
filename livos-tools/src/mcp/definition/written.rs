//! A definition as people, files and requests write it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use livos_core::Effect;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::DefinitionError;
use super::ServerDefinition;
use super::ServerTransport;
use super::ServerTrust;
use crate::mcp::HiddenValue;

/// A server as it is written in `mcp.json` and sent to the API: with a `command` or a `url`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WrittenServer {
    /// `stdio` or `http`; known from `command` or `url`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The program to start, found on the PATH unless it is a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its variables, beside PATH and HOME. `${secret:NAME}` stands for a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, HiddenValue>,
    /// The directory it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The address of a service that speaks streamable HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers of every request. `${secret:NAME}` stands for a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HiddenValue>,
    /// Whether it is switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How far it is trusted.
    #[serde(default)]
    pub trust: ServerTrust,
    /// The least dangerous its tools may count as: `read_only`, `idempotent`, `mutating` or `destructive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub effect_floor: Option<Effect>,
    /// What single tools do, by the owner's own word: tool name to effect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub effects: BTreeMap<String, Effect>,
    /// The protocol version to begin with, for a server that cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// How long it may take to start and list its tools, in milliseconds: 100 to 600,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout_ms: Option<u64>,
    /// How long a call may take, in milliseconds: 100 to 3,600,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_timeout_ms: Option<u64>,
}

/// More arguments, variables or headers than anybody needs.
const MOST_PARTS: usize = 256;

/// A longer text than any program, address or value has.
const LONGEST: usize = 16 * 1024;

impl TryFrom<WrittenServer> for ServerDefinition {
    type Error = DefinitionError;

    fn try_from(written: WrittenServer) -> Result<Self, DefinitionError> {
        let transport = transport(&written)?;
        if let Some(protocol) = &written.protocol {
            check_protocol(protocol)?;
        }
        let start_timeout = timeout(
            "start_timeout_ms",
            written.start_timeout_ms,
            600_000,
            Self::DEFAULT_START_TIMEOUT,
        )?;
        let call_timeout = timeout(
            "call_timeout_ms",
            written.call_timeout_ms,
            3_600_000,
            Self::DEFAULT_CALL_TIMEOUT,
        )?;
        Ok(Self {
            transport,
            is_enabled: !written.disabled,
            description: written.description.filter(|text| !text.trim().is_empty()),
            trust: written.trust,
            effect_floor: written.effect_floor,
            effects: written.effects,
            protocol: written.protocol,
            start_timeout,
            call_timeout,
        })
    }
}

fn transport(written: &WrittenServer) -> Result<ServerTransport, DefinitionError> {
    let kind = written.kind.as_deref().map(str::to_ascii_lowercase);
    match (&written.command, &written.url) {
        (Some(_), Some(_)) => Err(DefinitionError::new(
            "command",
            "a server has either a command or a url; leave one of them out",
        )),
        (None, None) => {
            let field = if kind.as_deref() == Some("http") { "url" } else { "command" };
            Err(DefinitionError::new(
                field,
                "is missing: write the program to start as command, or the address of a service as url",
            ))
        }
        (Some(command), None) => {
            check_kind(kind.as_deref(), &["stdio"], "command")?;
            refuse("headers", &written.headers, "url")?;
            stdio(command, written)
        }
        (None, Some(url)) => {
            check_kind(kind.as_deref(), &["http", "streamable-http", "streamablehttp"], "url")?;
            refuse("env", &written.env, "command")?;
            if !written.args.is_empty() || written.cwd.is_some() {
                let message = "belong to a command; a server with a url has none";
                return Err(DefinitionError::new("args", message));
            }
            http(url, written)
        }
    }
}

fn stdio(command: &str, written: &WrittenServer) -> Result<ServerTransport, DefinitionError> {
    check_text("command", command)?;
    if written.args.len() > MOST_PARTS {
        return Err(DefinitionError::new("args", format!("has more than {MOST_PARTS} parts")));
    }
    for (place, argument) in written.args.iter().enumerate() {
        if argument.contains('\0') || argument.len() > LONGEST {
            let message = "has a zero byte or is too long";
            return Err(DefinitionError::new(format!("args[{place}]"), message));
        }
    }
    for name in written.env.keys() {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(DefinitionError::new("env", format!("'{name}' is no name of a variable")));
        }
    }
    if written.env.len() > MOST_PARTS {
        return Err(DefinitionError::new("env", format!("has more than {MOST_PARTS} variables")));
    }
    Ok(ServerTransport::Stdio {
        command: command.to_owned(),
        arguments: written.args.clone(),
        environment: written.env.clone(),
        directory: written.cwd.clone(),
    })
}

fn http(url: &str, written: &WrittenServer) -> Result<ServerTransport, DefinitionError> {
    check_text("url", url)?;
    let wrong = |message: &str| DefinitionError::new("url", message);
    let parsed: http::Uri = url.parse().map_err(|_| wrong("is no address"))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with http:// or https://"));
    }
    let Some(authority) = parsed.authority() else { return Err(wrong("has no host")) };
    if authority.as_str().contains('@') {
        return Err(wrong("must hold no name and password; write an Authorization header"));
    }
    for name in written.headers.keys() {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(DefinitionError::new("headers", format!("'{name}' is no header's name")));
        }
    }
    if written.headers.len() > MOST_PARTS {
        return Err(DefinitionError::new("headers", format!("has more than {MOST_PARTS} of them")));
    }
    Ok(ServerTransport::Http { url: url.to_owned(), headers: written.headers.clone() })
}

fn check_kind(kind: Option<&str>, fitting: &[&str], field: &str) -> Result<(), DefinitionError> {
    match kind {
        Some(kind) if !fitting.contains(&kind) => Err(DefinitionError::new(
            "type",
            format!("'{kind}' does not go with a {field}; write stdio or http, or leave it out"),
        )),
        _ => Ok(()),
    }
}

fn refuse(
    field: &str,
    values: &BTreeMap<String, HiddenValue>,
    owner: &str,
) -> Result<(), DefinitionError> {
    if values.is_empty() {
        return Ok(());
    }
    Err(DefinitionError::new(field, format!("belongs to a server with a {owner}")))
}

fn check_text(field: &str, text: &str) -> Result<(), DefinitionError> {
    if text.trim().is_empty() {
        return Err(DefinitionError::new(field, "is empty"));
    }
    if text.contains('\0') || text.len() > LONGEST {
        return Err(DefinitionError::new(field, "has a zero byte or is too long"));
    }
    Ok(())
}

fn check_protocol(protocol: &str) -> Result<(), DefinitionError> {
    let known: Vec<&str> = rmcp::model::ProtocolVersion::KNOWN_VERSIONS
        .iter()
        .map(rmcp::model::ProtocolVersion::as_str)
        .collect();
    if known.contains(&protocol) {
        return Ok(());
    }
    let message = format!("'{protocol}' is no known version; there are {}", known.join(", "));
    Err(DefinitionError::new("protocol", message))
}

fn timeout(
    field: &str,
    written: Option<u64>,
    most: u64,
    usual: Duration,
) -> Result<Duration, DefinitionError> {
    match written {
        None => Ok(usual),
        Some(millis) if (100..=most).contains(&millis) => Ok(Duration::from_millis(millis)),
        Some(_) => {
            Err(DefinitionError::new(field, format!("must be from 100 to {most} milliseconds")))
        }
    }
}

impl From<ServerDefinition> for WrittenServer {
    fn from(definition: ServerDefinition) -> Self {
        let millis = |time: Duration, usual: Duration| {
            (time != usual).then(|| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        };
        let mut written = Self {
            disabled: !definition.is_enabled,
            description: definition.description,
            trust: definition.trust,
            effect_floor: definition.effect_floor,
            effects: definition.effects,
            protocol: definition.protocol,
            start_timeout_ms: millis(
                definition.start_timeout,
                ServerDefinition::DEFAULT_START_TIMEOUT,
            ),
            call_timeout_ms: millis(
                definition.call_timeout,
                ServerDefinition::DEFAULT_CALL_TIMEOUT,
            ),
            ..Self::default()
        };
        match definition.transport {
            ServerTransport::Stdio { command, arguments, environment, directory } => {
                written.command = Some(command);
                written.args = arguments;
                written.env = environment;
                written.cwd = directory;
            }
            ServerTransport::Http { url, headers } => {
                written.url = Some(url);
                written.headers = headers;
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> String {
        let written: Result<WrittenServer, _> = serde_json::from_str(json);
        match written.map_err(|error| error.to_string()).and_then(|written| {
            ServerDefinition::try_from(written).map_err(|error| error.to_string())
        }) {
            Ok(_) => String::new(),
            Err(error) => error,
        }
    }

    #[test]
    fn what_people_paste_is_understood() {
        for json in [
            r#"{"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}"#,
            r#"{"type": "stdio", "command": "/bin/x", "cwd": "/tmp"}"#,
            r#"{"type": "http", "url": "https://example.org/mcp", "headers": {"X-Key": "k"}}"#,
            r#"{"url": "http://localhost:8931/mcp", "disabled": true, "trust": "trusted"}"#,
        ] {
            assert_eq!(problem(json), "", "{json}");
        }
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let cases = [
            (r"{}", "command: "),
            (r#"{"type": "http"}"#, "url: "),
            (r#"{"command": ""}"#, "command: "),
            (r#"{"command": "a", "url": "http://b"}"#, "command: "),
            (r#"{"command": "a", "headers": {"X": "y"}}"#, "headers: "),
            (r#"{"type": "sse", "url": "http://b"}"#, "type: "),
            (r#"{"url": "ftp://b"}"#, "url: "),
            (r#"{"url": "http://u:p@b"}"#, "url: "),
            (r#"{"url": "http://b", "headers": {"a b": "c"}}"#, "headers: "),
            (r#"{"command": "a", "env": {"A=B": "c"}}"#, "env: "),
            (r#"{"command": "a", "args": ["\u0000"]}"#, "args[0]: "),
            (r#"{"command": "a", "protocol": "2020-01-01"}"#, "protocol: "),
            (r#"{"command": "a", "call_timeout_ms": 1}"#, "call_timeout_ms: "),
            (r#"{"comand": "a"}"#, "unknown field `comand`"),
        ];
        for (json, expected) in cases {
            let found = problem(json);
            assert!(found.starts_with(expected), "{json}: {found}");
        }
    }

    #[test]
    fn a_definition_is_written_as_it_was_read() {
        let json = r#"{"command":"a","args":["b"],"env":{"C":"d"},"disabled":true,"trust":"trusted","effects":{"x":"read_only"},"call_timeout_ms":5000}"#;
        let definition: ServerDefinition = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&definition).unwrap(), json);
    }
}
