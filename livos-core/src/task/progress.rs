//! How far a task is.

use super::TaskError;
use super::TaskManager;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::ToolName;

/// How many of the newest entries of a task are looked at.
const LOOKED_AT: u64 = 64;

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TaskProgress {
    /// How many model calls it began.
    pub turns: u32,
    /// How many tool calls it began.
    pub tool_calls: u32,
    /// The tools it is calling now.
    pub calling: Vec<ToolName>,
    /// What it said last, on its way.
    pub said: Option<String>,
}

impl TaskManager {
    /// How far a task is, as its journal tells.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) when there is none, or the store cannot be read.
    pub async fn progress(&self, id: RunId) -> Result<TaskProgress, TaskError> {
        let task = self.task(id).await?;
        let newest = self.store.last_seq(task.session_id).await?;
        let after = newest.saturating_sub(LOOKED_AT);
        let limit = usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
        let entries = self.store.read(task.session_id, after, limit).await?;
        let mut progress =
            TaskProgress { turns: task.turns, tool_calls: task.tool_calls, ..Default::default() };
        let mut open = Vec::new();
        for AgentEvent { kind, .. } in entries.iter().filter(|entry| entry.run_id == id) {
            match kind {
                EventKind::ToolStarted { call_id, name, .. } => open.push((call_id, name)),
                EventKind::ToolFinished { call_id, .. } => open.retain(|(id, _)| *id != call_id),
                EventKind::AssistantMessage { message, .. } => {
                    let text = message.text();
                    progress.said = (!text.is_empty()).then_some(text).or(progress.said);
                }
                EventKind::RunFinished { .. } => open.clear(),
                _ => {}
            }
        }
        progress.calling = open.into_iter().map(|(_, name)| name.clone()).collect();
        Ok(progress)
    }
}
