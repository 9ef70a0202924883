//! The tools of a server: what was accepted, what it has now, what agents are lent.

use std::collections::BTreeMap;

use livos_core::Effect;
use livos_core::ExpectedVersion;
use livos_core::SettingChange;
use livos_core::Settings;
use livos_core::ToolRegistry;
use rmcp::model::Tool;
use serde_json::Value;

use super::Server;
use super::status::ToolState;
use super::status::ToolStatus;
use crate::mcp::McpError;
use crate::mcp::ServerDefinition;
use crate::mcp::ServerName;
use crate::mcp::ServerTrust;
use crate::mcp::effect;
use crate::mcp::pins::PinState;
use crate::mcp::pins::Pins;
use crate::mcp::schema;
use crate::mcp::tool::McpTool;
use crate::mcp::tool_name;

/// The tools of a server.
#[derive(Debug, Default)]
pub(super) struct ToolSet {
    /// What the owner accepted; nothing yet where the server was never asked.
    pins: Option<Pins>,
    /// What the server said last; nothing yet where it was not asked since this process began.
    observed: Option<Vec<Tool>>,
    /// Tools that cannot be lent, and why.
    refused: BTreeMap<String, String>,
    /// What agents are lent.
    offered: BTreeMap<String, Offered>,
}

#[derive(Debug, Clone, PartialEq)]
struct Offered {
    /// The name models know it by.
    name: String,
    effect: Effect,
    /// What it was lent as.
    definition: Tool,
}

impl ToolSet {
    /// What was accepted before.
    pub(super) async fn load(
        settings: &dyn Settings,
        server: &ServerName,
    ) -> Result<Self, McpError> {
        let kept = settings.setting(&key(server)).await?;
        let pins = kept.map(|kept| kept.value).filter(|value| !value.is_null());
        let pins = pins.and_then(|value| match serde_json::from_value(value) {
            Ok(pins) => Some(pins),
            Err(error) => {
                tracing::warn!(%server, %error, "what was accepted of a server cannot be read");
                None
            }
        });
        Ok(Self { pins, ..Self::default() })
    }

    /// Whether anything was ever accepted.
    pub(super) fn is_known(&self) -> bool {
        self.pins.is_some()
    }

    /// Takes in what the server has now. What was accepted changes only the first time, and where
    /// a trusted server adds something; then it is to be saved.
    pub(super) fn observe(&mut self, listed: Vec<Tool>, trust: ServerTrust) -> Option<Value> {
        self.refused.clear();
        let mut tools: Vec<Tool> = Vec::with_capacity(listed.len());
        for tool in listed {
            let is_double = tools.iter().any(|other| other.name == tool.name);
            let problem = match is_double {
                true => Err("the server has two tools of this name; the first counts".to_owned()),
                false => schema::check(&tool.input_schema),
            };
            match problem {
                Ok(()) => tools.push(tool),
                Err(reason) => {
                    self.refused.insert(tool.name.to_string(), reason);
                }
            }
        }
        let changed = match &mut self.pins {
            Some(pins) => pins.accept_added(&tools, trust),
            None => {
                self.pins = Some(Pins::of(&tools));
                true
            }
        };
        self.observed = Some(tools);
        changed.then(|| self.pins())
    }

    /// What was accepted, to be saved.
    pub(super) fn pins(&self) -> Value {
        serde_json::to_value(&self.pins).unwrap_or_default()
    }

    /// Accepts what the server has now, or some of it. Gives back a name that it does not have.
    pub(super) fn approve(&mut self, tools: Option<&[String]>) -> Option<String> {
        let Some(observed) = &self.observed else {
            return tools.and_then(|names| names.first().cloned());
        };
        let has = |name: &String| observed.iter().any(|tool| tool.name == name.as_str());
        let unknown = tools.unwrap_or_default().iter().find(|name| !has(name)).cloned();
        if unknown.is_some() {
            return unknown;
        }
        match tools {
            None => self.pins = Some(Pins::of(observed)),
            Some(names) => {
                let pins = self.pins.get_or_insert_default();
                let chosen = observed.iter().filter(|tool| names.iter().any(|it| *it == tool.name));
                chosen.for_each(|tool| pins.accept(tool));
            }
        }
        None
    }

    /// Whether agents are lent this tool.
    pub(super) fn is_offered(&self, tool: &str) -> bool {
        self.offered.contains_key(tool)
    }

    /// Lends what is accepted and takes back the rest.
    pub(super) fn offer(
        &mut self,
        server: &Server,
        definition: &ServerDefinition,
        registry: &ToolRegistry,
    ) {
        let wanted = self.wanted(server.name(), definition);
        let surplus: Vec<String> = self
            .offered
            .iter()
            .filter(|(tool, offered)| wanted.get(*tool) != Some(offered))
            .map(|(tool, _)| tool.clone())
            .collect();
        for tool in surplus {
            if let Some(offered) = self.offered.remove(&tool) {
                registry.unregister(&offered.name);
            }
        }
        for (tool, wanted) in wanted {
            if self.offered.contains_key(&tool) {
                continue;
            }
            let lent = McpTool::new(server.clone(), &wanted.definition, wanted.effect);
            match registry.register_dynamic(lent) {
                Ok(()) => {
                    self.offered.insert(tool, wanted);
                }
                Err(error) => {
                    let (server, reason) = (server.name(), error.to_string());
                    tracing::warn!(%server, tool, reason, "a tool of an MCP server is left out");
                    self.refused.insert(tool, reason);
                }
            }
        }
    }

    /// What agents shall be lent: accepted, and as far as is known still there and unchanged.
    fn wanted(
        &self,
        server: &ServerName,
        definition: &ServerDefinition,
    ) -> BTreeMap<String, Offered> {
        let pinned = self.pins.iter().flat_map(|pins| pins.tools.iter());
        let stands = |tool: &String| match (&self.observed, &self.pins) {
            (Some(observed), Some(pins)) => {
                let now = observed.iter().find(|now| now.name == tool.as_str());
                now.is_some_and(|now| pins.state(now) == PinState::Accepted)
            }
            _ => true,
        };
        pinned
            .filter(|(tool, _)| stands(tool))
            .map(|(tool, pinned)| {
                let hints = pinned.definition.annotations.as_ref();
                let offered = Offered {
                    name: tool_name::of(server, tool),
                    effect: effect::of(definition, tool, hints),
                    definition: pinned.definition.clone(),
                };
                (tool.clone(), offered)
            })
            .collect()
    }

    /// Takes everything back.
    pub(super) fn withdraw(&mut self, registry: &ToolRegistry) {
        for offered in std::mem::take(&mut self.offered).into_values() {
            registry.unregister(&offered.name);
        }
    }

    /// Every tool that is known of, with what holds it back.
    pub(super) fn status(
        &self,
        definition: &ServerDefinition,
        server: &ServerName,
    ) -> Vec<ToolStatus> {
        let pins = self.pins.iter().flat_map(|pins| pins.tools.values());
        let mut known: BTreeMap<&str, (&Tool, ToolState)> = BTreeMap::new();
        for pinned in pins {
            let state = match &self.observed {
                Some(_) => ToolState::Gone,
                None => ToolState::Offered,
            };
            known.insert(pinned.definition.name.as_ref(), (&pinned.definition, state));
        }
        for tool in self.observed.iter().flatten() {
            let state = match self.pins.as_ref().map(|pins| pins.state(tool)) {
                Some(PinState::Accepted) => ToolState::Offered,
                Some(PinState::Changed) => ToolState::Changed,
                Some(PinState::Added) | None => ToolState::Added,
            };
            known.insert(tool.name.as_ref(), (tool, state));
        }
        let mut status: Vec<ToolStatus> = known
            .into_iter()
            .filter(|(tool, _)| !self.refused.contains_key(*tool))
            .map(|(tool, (now, state))| ToolStatus {
                tool: tool.to_owned(),
                name: tool_name::of(server, tool),
                description: now.description.as_deref().unwrap_or_default().to_owned(),
                effect: effect::of(definition, tool, now.annotations.as_ref()),
                state: if definition.is_enabled() { state } else { ToolState::Withheld },
                reason: None,
            })
            .collect();
        status.extend(self.refused.iter().map(|(tool, reason)| ToolStatus {
            tool: tool.clone(),
            name: tool_name::of(server, tool),
            description: String::new(),
            effect: Effect::Mutating,
            state: ToolState::Refused,
            reason: Some(reason.clone()),
        }));
        status
    }
}

/// Keeps what was accepted; `null` forgets it.
pub(super) async fn save(
    settings: &dyn Settings,
    server: &ServerName,
    pins: &Value,
) -> Result<(), McpError> {
    let change =
        SettingChange { key: key(server), value: pins.clone(), expected: ExpectedVersion::Any };
    settings.change_setting(change).await?;
    Ok(())
}

fn key(server: &ServerName) -> String {
    format!("mcp.tools.{server}")
}
