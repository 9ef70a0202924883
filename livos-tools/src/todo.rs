//! `todo`: the agent's list of what is to be done in a session.
//!
//! The list is kept nowhere but in the session's journal: the newest result of this tool is
//! the list. So it survives restarts, goes along when a session is forked or exported, and
//! is gone with the session.

use std::fmt::Write;
use std::sync::Arc;

use livos_core::AgentEvent;
use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use schemars::JsonSchema;
use serde::Deserialize;

/// Registers `todo`.
///
/// # Errors
/// When the name is taken.
pub fn register(tools: &ToolRegistry, journal: Arc<dyn Journal>) -> Result<(), RegisterToolError> {
    tools.register(Todo::new(journal))
}

/// Keeps the task list of a session.
#[derive(Debug, Clone)]
pub struct Todo {
    journal: Arc<dyn Journal>,
}

/// The arguments of `todo`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TodoArgs {
    /// The whole new list, in order. Default: none, then the list is shown as it is.
    items: Option<Vec<Item>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Item {
    /// What is to be done, in a few words.
    text: String,
    /// How far it is. Default: pending.
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Status {
    #[default]
    Pending,
    InProgress,
    Done,
}

impl Todo {
    const NAME: &str = "todo";
    const EMPTY: &str = "[the list is empty]";
    /// How many tasks a list has at most: a longer one is no help to anybody.
    const MAX_ITEMS: usize = 100;
    /// How long one may be, in bytes.
    const MAX_TEXT: usize = 500;
    /// How many entries of the journal are read at once.
    const PAGE: u64 = 256;

    /// Finds lists in this journal, which must be that of the agent.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// The newest list, looked for from the end of the journal.
    async fn newest(&self, context: &ToolContext) -> Result<Option<String>, ToolError> {
        let session = context.session_id();
        let failed = |error| ToolError::model(format!("the list cannot be read now: {error}"));
        let mut before = self.journal.last_seq(session).await.map_err(failed)?;
        while before > 0 {
            let after = before.saturating_sub(Self::PAGE);
            let limit = usize::try_from(before - after).unwrap_or(usize::MAX);
            let page = self.journal.read(session, after, limit).await.map_err(failed)?;
            if let Some(list) = page.iter().rev().find_map(list_in) {
                return Ok(Some(list));
            }
            before = after;
        }
        Ok(None)
    }
}

/// The list that an entry brought.
fn list_in(entry: &AgentEvent) -> Option<String> {
    match &entry.kind {
        EventKind::ToolFinished { name, status: ToolStatus::Ok, content, .. }
            if name.as_str() == Todo::NAME =>
        {
            content.first().and_then(ContentBlock::as_text).map(str::to_owned)
        }
        _ => None,
    }
}

impl Tool for Todo {
    type Args = TodoArgs;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn description(&self) -> &str {
        include_str!("todo.md")
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    async fn call(&self, args: TodoArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let list = match args.items {
            Some(items) => written(&items)?,
            None => self.newest(context).await?.unwrap_or_else(|| Self::EMPTY.to_owned()),
        };
        // Written down by the loop, as every result is; that is where it is kept.
        Ok(ToolOutput::text(list))
    }
}

fn written(items: &[Item]) -> Result<String, ToolError> {
    if items.is_empty() {
        return Ok(Todo::EMPTY.to_owned());
    }
    if items.len() > Todo::MAX_ITEMS {
        return Err(ToolError::model(format!(
            "items has {} tasks: at most {} are kept; put small ones together",
            items.len(),
            Todo::MAX_ITEMS
        )));
    }
    let mut list = String::new();
    for (place, item) in items.iter().enumerate() {
        // A task is one line, so that none can pass for another.
        let words: Vec<&str> = item.text.split_whitespace().collect();
        let text = words.join(" ");
        if text.is_empty() || text.len() > Todo::MAX_TEXT {
            return Err(ToolError::model(format!(
                "items[{place}].text must have 1 to {} bytes",
                Todo::MAX_TEXT
            )));
        }
        let mark = match item.status {
            Status::Pending => "[ ]",
            Status::InProgress => "[>]",
            Status::Done => "[x]",
        };
        // Writing to a string does not fail.
        let _ = writeln!(list, "{}. {mark} {text}", place + 1);
    }
    let done = items.iter().filter(|item| item.status == Status::Done).count();
    let _ = write!(list, "({done} of {} done)", items.len());
    Ok(list)
}
