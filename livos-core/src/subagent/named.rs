//! Agents under a name, kept for later.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use super::SubagentError;
use super::SubagentManager;
use crate::budget::Budget;
use crate::id::AgentName;
use crate::id::ModelName;
use crate::id::ToolName;
use crate::profile::AgentProfile;
use crate::profile::Duty;
use crate::profile::Spawning;
use crate::schedule::delete_of_agent;
use crate::store::ExpectedVersion;
use crate::store::Setting;
use crate::store::SettingChange;
use crate::store::Store;
use crate::store::StoreError;

/// Under which keys of the settings definitions are kept.
const PREFIX: &str = "agent:";
/// The longest name, in bytes.
const MAX_NAME: usize = 64;
/// The longest description, in bytes: every model that may delegate reads it.
const MAX_DESCRIPTION: usize = 1_024;
/// The longest instructions, in bytes.
const MAX_INSTRUCTIONS: usize = 32 * 1_024;

/// An agent that is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentDefinition {
    /// What it is called by: small letters, digits and `-`, beginning with a letter.
    pub id: AgentName,
    /// What it is good for, for people and for models that choose whom to ask.
    pub description: String,
    /// Its standing instructions.
    pub instructions: String,
    /// The only tools it may use; all that its parent has where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<BTreeSet<ToolName>>,
    /// The model it asks; its parent's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// What one of its runs may spend; the limit of sub-agents where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// Which change of a definition it is: 1 for a new one, and one more for each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentVersion(pub u64);

impl AgentDefinition {
    /// An agent with all tools of its parent, and the usual limits.
    pub fn new(
        id: impl Into<AgentName>,
        description: impl Into<String>,
        instructions: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            description: description.into(),
            instructions: instructions.into(),
            tools: None,
            model: None,
            budget: None,
        }
    }

    /// Lets it use only these tools.
    #[must_use]
    pub fn with_tools<T: Into<ToolName>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Lets it ask this model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Limits its runs.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// What its runs are when the owner starts them: they may start others.
    pub fn profile(&self) -> AgentProfile {
        AgentProfile {
            agent: Some(self.id.clone()),
            instructions: Some(Arc::from(self.instructions.as_str())),
            tools: self.tools.as_ref().map(|tools| tools.iter().cloned().collect()),
            spawning: Spawning::Allowed,
            duty: Duty::Assist,
            draws_on: None,
        }
    }

    fn check(&self, largest: &Budget) -> Result<(), SubagentError> {
        check_name(&self.id)?;
        within("description", &self.description, MAX_DESCRIPTION)?;
        within("instructions", &self.instructions, MAX_INSTRUCTIONS)?;
        self.budget.map_or(Ok(()), |budget| within_budget(&budget, largest))
    }
}

fn check_name(id: &AgentName) -> Result<(), SubagentError> {
    let name = id.as_str();
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if begins && name.len() <= MAX_NAME && name.bytes().all(fits) {
        return Ok(());
    }
    let problem = format!(
        "'{name}' is no name: use 1 to {MAX_NAME} small letters, digits and '-', beginning with a letter"
    );
    Err(SubagentError::invalid("id", problem))
}

/// Fails unless a text is there and not too long.
pub(super) fn within(field: &'static str, text: &str, limit: usize) -> Result<(), SubagentError> {
    if text.trim().is_empty() {
        return Err(SubagentError::invalid(field, "must not be empty"));
    }
    if text.len() > limit {
        let problem = format!("has {} bytes, at most {limit} are taken", text.len());
        return Err(SubagentError::invalid(field, problem));
    }
    Ok(())
}

/// Fails if a budget asks for more than there is.
pub(super) fn within_budget(asked: &Budget, limit: &Budget) -> Result<(), SubagentError> {
    let cost = |budget: &Budget| budget.cost.map_or(u64::MAX, |cost| cost.0);
    let pairs = [
        ("turns", u64::from(asked.turns), u64::from(limit.turns)),
        ("tokens", asked.tokens, limit.tokens),
        ("seconds", asked.wall_clock.as_secs(), limit.wall_clock.as_secs()),
    ];
    let over = |field, asked, limit| Err(SubagentError::OverBudget { field, asked, limit });
    for (field, asked, limit) in pairs {
        if asked == 0 {
            return Err(SubagentError::invalid("budget", format!("{field} must be above 0")));
        }
        if asked > limit {
            return over(field, asked, limit);
        }
    }
    match asked.cost {
        Some(_) if cost(asked) > cost(limit) => over("cost", cost(asked), cost(limit)),
        _ => Ok(()),
    }
}

impl SubagentManager {
    /// Keeps an agent under its name, anew or instead of the version given.
    ///
    /// # Errors
    /// [`SubagentError::Invalid`] and [`SubagentError::OverBudget`] name the field;
    /// [`SubagentError::Taken`] when none was expected and it exists; a [`StoreError::Conflict`] when
    /// it has another version.
    pub async fn define(
        &self,
        agent: AgentDefinition,
        replaces: Option<AgentVersion>,
    ) -> Result<AgentVersion, SubagentError> {
        agent.check(&self.limits.budget)?;
        self.check_model(agent.model.as_ref())?;
        let found = self.setting(&agent.id).await?;
        let expected = match (replaces, &found) {
            (Some(version), _) => ExpectedVersion::Exactly(version.0),
            // One that was removed left its place behind.
            (None, Some(removed)) if removed.value.is_null() => {
                ExpectedVersion::Exactly(removed.version)
            }
            (None, _) => ExpectedVersion::Absent,
        };
        let value = serde_json::to_value(&agent)
            .map_err(|error| SubagentError::invalid("agent", error.to_string()))?;
        let change = SettingChange { key: key(&agent.id), value, expected };
        match self.store.change_setting(change).await {
            Ok(version) => Ok(AgentVersion(version)),
            Err(StoreError::Conflict { .. }) if replaces.is_none() => {
                Err(SubagentError::Taken(agent.id))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One agent, if it is defined.
    ///
    /// # Errors
    /// When the store cannot be read, or holds something else there.
    pub async fn agent(
        &self,
        id: &AgentName,
    ) -> Result<Option<(AgentDefinition, AgentVersion)>, SubagentError> {
        let found = self.setting(id).await?;
        Ok(found.map(read).transpose()?.flatten())
    }

    /// All agents, by name.
    ///
    /// # Errors
    /// When the store cannot be read, or holds something else there.
    pub async fn agents(&self) -> Result<Vec<(AgentDefinition, AgentVersion)>, SubagentError> {
        let found = self.store.settings(PREFIX).await?;
        let agents: Result<Vec<_>, StoreError> = found.into_iter().map(read).collect();
        Ok(agents?.into_iter().flatten().collect())
    }

    /// Forgets an agent, with the schedules that it does; its runs and sessions stay. False when there
    /// was none.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn remove_agent(&self, id: &AgentName) -> Result<bool, SubagentError> {
        let Some((_, version)) = self.agent(id).await? else { return Ok(false) };
        // Before it: what dies in between leaves an agent to be forgotten again, and no orphans.
        delete_of_agent(&*self.store, id).await?;
        self.store
            .change_setting(SettingChange {
                key: key(id),
                value: serde_json::Value::Null,
                expected: ExpectedVersion::Exactly(version.0),
            })
            .await?;
        // Those that were made meanwhile.
        delete_of_agent(&*self.store, id).await?;
        Ok(true)
    }

    async fn setting(&self, id: &AgentName) -> Result<Option<Setting>, StoreError> {
        self.store.setting(&key(id)).await
    }
}

/// The agent of a name, if there is one.
pub(crate) async fn definition(
    store: &dyn Store,
    id: &AgentName,
) -> Result<Option<AgentDefinition>, StoreError> {
    let found = store.setting(&key(id)).await?;
    Ok(found.map(read).transpose()?.flatten().map(|(agent, _)| agent))
}

fn key(id: &AgentName) -> String {
    format!("{PREFIX}{id}")
}

fn read(setting: Setting) -> Result<Option<(AgentDefinition, AgentVersion)>, StoreError> {
    let agent: Option<AgentDefinition> =
        serde_json::from_value(setting.value).map_err(|error| StoreError::Corrupt {
            message: format!("the setting '{}': {error}", setting.key),
        })?;
    Ok(agent.map(|agent| (agent, AgentVersion(setting.version))))
}
