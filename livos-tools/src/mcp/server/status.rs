//! How a server is doing, for people.

use livos_core::Effect;
use schemars::JsonSchema;
use serde::Serialize;

use super::Phase;
use super::Server;
use super::ServerSource;
use crate::mcp::ServerDefinition;
use crate::mcp::ServerName;

/// How a server is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerStatus {
    /// Its name.
    pub name: ServerName,
    /// Where it is defined.
    pub source: ServerSource,
    /// What its owner says about it.
    pub definition: ServerDefinition,
    /// Whether it runs.
    pub state: ServerState,
    /// Why it does not run.
    pub error: Option<String>,
    /// The version of the protocol it speaks, once it was asked.
    pub protocol: Option<String>,
    /// What it calls itself, with its version.
    pub about: Option<String>,
    /// How often its program was started again.
    pub restarts: u32,
    /// Its tools, as far as they are known.
    pub tools: Vec<ToolStatus>,
    /// What its owner should look at.
    pub warnings: Vec<String>,
}

/// Whether a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerState {
    /// It is switched off.
    Disabled,
    /// It was not needed yet; the first call starts it.
    Idle,
    /// It is being started.
    Starting,
    /// It runs.
    Ready,
    /// It failed; it is tried again when it is needed.
    Failed,
}

/// One tool of a server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolStatus {
    /// The name the server gives it.
    pub tool: String,
    /// The name models know it by.
    pub name: String,
    /// What the server says of it.
    pub description: String,
    /// What it does to the world, as it counts here.
    pub effect: Effect,
    /// Whether agents may call it.
    pub state: ToolState,
    /// Why they may not.
    pub reason: Option<String>,
}

/// Whether agents may call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolState {
    /// They may.
    Offered,
    /// Its definition changed; it waits until its owner accepts that.
    Changed,
    /// It was added later; it waits until its owner accepts it.
    Added,
    /// It was accepted, and the server does not have it any more.
    Gone,
    /// It cannot be used.
    Refused,
    /// The server is switched off.
    Withheld,
}

impl Server {
    /// How it is doing.
    pub(in crate::mcp) fn status(&self) -> ServerStatus {
        let core = &self.core;
        let state = core.state();
        let mut error = None;
        let phase = match &state.phase {
            _ if !core.definition.is_enabled() => ServerState::Disabled,
            Phase::Idle => ServerState::Idle,
            Phase::Starting => ServerState::Starting,
            Phase::Ready => ServerState::Ready,
            Phase::Failed { reason, .. } => {
                error = Some(reason.clone());
                ServerState::Failed
            }
        };
        let tools = state.set.status(&core.definition, &core.name);
        let about = state.about.as_ref();
        ServerStatus {
            name: core.name.clone(),
            source: core.source,
            definition: core.definition.clone(),
            state: phase,
            error,
            protocol: about.map(|about| about.protocol.clone()),
            about: about.and_then(|about| {
                let name = about.name.clone()?;
                let version = about.version.as_deref().unwrap_or_default();
                Some(format!("{name} {version}").trim().to_owned())
            }),
            restarts: state.restarts,
            warnings: warnings(&tools),
            tools,
        }
    }
}

fn warnings(tools: &[ToolStatus]) -> Vec<String> {
    let named = |state: ToolState| {
        let names = tools.iter().filter(|tool| tool.state == state);
        names.map(|tool| tool.tool.as_str()).collect::<Vec<_>>()
    };
    let mut warnings = Vec::new();
    let mut warn = |state: ToolState, what: &str| {
        let names = named(state);
        if !names.is_empty() {
            warnings.push(format!("{what}: {}", names.join(", ")));
        }
    };
    warn(
        ToolState::Changed,
        "these tools changed since they were accepted and are withheld until they are approved",
    );
    warn(ToolState::Added, "these tools were added later and are withheld until they are approved");
    warn(ToolState::Refused, "these tools cannot be used");
    warnings
}
