//! MCP servers as requests and answers have them. Values of variables and headers go in and never
//! come out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use livos_core::Effect;
use livos_tools::mcp::HiddenValue;
use livos_tools::mcp::ServerSource;
use livos_tools::mcp::ServerState;
use livos_tools::mcp::ServerStatus;
use livos_tools::mcp::ServerTrust;
use livos_tools::mcp::ToolState;
use livos_tools::mcp::ToolStatus;
use livos_tools::mcp::WrittenServer;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde::de::Error;
use serde_json::Map;
use serde_json::Value;

/// An MCP server and how it is doing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "McpServer")]
pub(super) struct Server {
    /// Its name; its tools are called `mcp__NAME__TOOL`.
    name: String,
    /// Where it is defined.
    source: ServerSource,
    /// Whether it is switched on.
    enabled: bool,
    /// The program that is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// Its arguments.
    args: Vec<String>,
    /// The directory it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<PathBuf>,
    /// Its variables. Values are never shown.
    env: BTreeMap<String, Hidden>,
    /// The address it is reached at.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Headers of every request. Values are never shown.
    headers: BTreeMap<String, Hidden>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// How far it is trusted.
    trust: ServerTrust,
    /// The least dangerous its tools may count as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    effect_floor: Option<Effect>,
    /// What single tools do, by the owner's own word.
    #[schemars(with = "BTreeMap<String, String>")]
    effects: BTreeMap<String, Effect>,
    /// Whether it runs.
    state: ServerState,
    /// Why it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The version of the protocol it speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// How often its program was started again.
    restarts: u32,
    /// Its tools, as far as they are known.
    tools: Vec<ServerTool>,
    /// What its owner should look at.
    warnings: Vec<String>,
}

/// A value that is not shown.
#[derive(Debug, Serialize, JsonSchema)]
struct Hidden {
    /// Always true: there is one.
    has_value: bool,
    /// The secrets it refers to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
}

/// A tool of an MCP server.
#[derive(Debug, Serialize, JsonSchema)]
struct ServerTool {
    /// The name the server gives it.
    tool: String,
    /// The name models know it by.
    name: String,
    /// What the server says of it.
    description: String,
    /// What it does to the world: `read_only`, `idempotent`, `mutating` or `destructive`.
    #[schemars(with = "String")]
    effect: Effect,
    /// Whether agents may call it.
    state: ToolState,
    /// Why they may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<ServerStatus> for Server {
    fn from(status: ServerStatus) -> Self {
        let written = status.definition.written();
        Self {
            name: status.name.to_string(),
            source: status.source,
            enabled: !written.disabled,
            command: written.command,
            args: written.args,
            cwd: written.cwd,
            env: hidden(&written.env),
            url: written.url,
            headers: hidden(&written.headers),
            description: written.description,
            trust: written.trust,
            effect_floor: written.effect_floor,
            effects: written.effects,
            state: status.state,
            error: status.error,
            protocol: status.protocol,
            about: status.about,
            restarts: status.restarts,
            tools: status.tools.into_iter().map(ServerTool::from).collect(),
            warnings: status.warnings,
        }
    }
}

fn hidden(values: &BTreeMap<String, HiddenValue>) -> BTreeMap<String, Hidden> {
    let hide = |value: &HiddenValue| Hidden {
        has_value: true,
        secrets: value.references().into_iter().map(str::to_owned).collect(),
    };
    values.iter().map(|(name, value)| (name.clone(), hide(value))).collect()
}

impl From<ToolStatus> for ServerTool {
    fn from(tool: ToolStatus) -> Self {
        Self {
            tool: tool.tool,
            name: tool.name,
            description: tool.description,
            effect: tool.effect,
            state: tool.state,
            reason: tool.reason,
        }
    }
}

/// A server to add.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "NewMcpServer")]
pub(super) struct NewServer {
    /// Its name: 1 to 24 small letters, digits, `-` or single `_`.
    pub(super) name: String,
    #[schemars(flatten)]
    pub(super) written: WrittenServer,
}

impl<'de> Deserialize<'de> for NewServer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let name = match fields.remove("name") {
            Some(Value::String(name)) => name,
            Some(_) => return Err(D::Error::custom("name must be a text")),
            None => return Err(D::Error::missing_field("name")),
        };
        let written: Result<WrittenServer, _> =
            serde_path_to_error::deserialize(Value::Object(fields));
        // Not with serde's own words for a wrong type: they repeat the value, which may be secret.
        let written = written.map_err(|error| {
            let path = error.path().to_string();
            let text = error.inner().to_string();
            match text.starts_with("unknown") {
                true => D::Error::custom(text),
                false => D::Error::custom(format!("{path} has a value of another type")),
            }
        })?;
        Ok(Self { name, written })
    }
}

/// What to change of a server; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangedMcpServer")]
pub(super) struct ChangedServer {
    /// Whether it is switched on.
    #[serde(default)]
    enabled: Option<bool>,
    /// The program to start, in place of an address.
    #[serde(default)]
    command: Option<String>,
    /// Its arguments, all of them.
    #[serde(default)]
    args: Option<Vec<String>>,
    /// The directory it runs in.
    #[serde(default)]
    cwd: Option<PathBuf>,
    /// Variables to set, or with null to take away. Others keep their values.
    #[serde(default)]
    env: BTreeMap<String, Option<HiddenValue>>,
    /// The address, in place of a program.
    #[serde(default)]
    url: Option<String>,
    /// Headers to set, or with null to take away. Others keep their values.
    #[serde(default)]
    headers: BTreeMap<String, Option<HiddenValue>>,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// How far it is trusted.
    #[serde(default)]
    trust: Option<ServerTrust>,
    /// The least dangerous its tools may count as.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    effect_floor: Option<Effect>,
    /// What single tools do, by the owner's own word; with null the server's hints count again.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Option<String>>")]
    effects: BTreeMap<String, Option<Effect>>,
    /// How long it may take to start, in milliseconds.
    #[serde(default)]
    start_timeout_ms: Option<u64>,
    /// How long a call may take, in milliseconds.
    #[serde(default)]
    call_timeout_ms: Option<u64>,
}

impl ChangedServer {
    /// The definition as it becomes.
    pub(super) fn apply(self, old: WrittenServer) -> WrittenServer {
        let mut new = old;
        if let Some(url) = self.url {
            new.url = Some(url);
            new.command = None;
            new.args = Vec::new();
            new.env = BTreeMap::new();
            new.cwd = None;
        }
        if let Some(command) = self.command {
            new.command = Some(command);
            new.url = None;
            new.headers = BTreeMap::new();
        }
        new.args = self.args.unwrap_or(new.args);
        new.cwd = self.cwd.or(new.cwd);
        merge(&mut new.env, self.env);
        merge(&mut new.headers, self.headers);
        merge(&mut new.effects, self.effects);
        new.disabled = self.enabled.map_or(new.disabled, |enabled| !enabled);
        new.description = self.description.or(new.description);
        new.trust = self.trust.unwrap_or(new.trust);
        new.effect_floor = self.effect_floor.or(new.effect_floor);
        new.start_timeout_ms = self.start_timeout_ms.or(new.start_timeout_ms);
        new.call_timeout_ms = self.call_timeout_ms.or(new.call_timeout_ms);
        new
    }
}

fn merge<V>(old: &mut BTreeMap<String, V>, changes: BTreeMap<String, Option<V>>) {
    for (name, value) in changes {
        match value {
            Some(value) => {
                old.insert(name, value);
            }
            None => {
                old.remove(&name);
            }
        }
    }
}
