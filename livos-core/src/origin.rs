//! What admitted a run, and how far its words are trusted.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::id::UserId;

/// What admitted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// Somebody said something.
    #[default]
    Message,
    /// A program asked through an API.
    Api,
    /// A time came.
    Schedule,
    /// Another service reported something.
    Webhook,
    /// A run asked for help.
    Subagent,
    /// Somebody wants something done in the background.
    Task,
    /// A run ended, and what its user said may be worth remembering.
    Memory,
}

impl Trigger {
    /// What admits runs that nobody waits for: they begin when the machine has room for them.
    pub const BACKGROUND: [Self; 3] = [Self::Schedule, Self::Task, Self::Memory];

    /// Whether nobody waits for what it admits.
    pub fn is_background(self) -> bool {
        Self::BACKGROUND.contains(&self)
    }
}

/// How far the words of an origin are trusted. Ordered: less trust is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Anybody: mail, web pages, webhooks.
    Untrusted,
    /// A member of a group the agent is in.
    Group,
    /// Somebody the owner let in.
    Paired,
    /// The owner.
    Owner,
}

/// Who asked, from where, and how far they are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The surface: `embedded`, `api`, `console`, `cli`, `openai`, a channel's name.
    pub channel: Arc<str>,
    /// Who the run acts for.
    pub user: UserId,
    /// How far the words are trusted.
    pub trust: Trust,
}

impl Origin {
    /// The owner, on a surface.
    pub fn owner(channel: impl Into<Arc<str>>) -> Self {
        Self { channel: channel.into(), user: UserId::owner(), trust: Trust::Owner }
    }
}

impl Default for Origin {
    /// The owner, in the program that embeds the library.
    fn default() -> Self {
        Self::owner("embedded")
    }
}

/// Who takes part in a conversation besides the agent, as far as its journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Company {
    /// The owner, or somebody they let in.
    #[default]
    Private,
    /// Others too, who read what is said.
    Others,
}
