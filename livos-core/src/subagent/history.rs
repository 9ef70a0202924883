//! What was said in a child's session.

use super::SubagentError;
use super::SubagentManager;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::SessionId;
use crate::message::Message;
use crate::message::Role;
use crate::tool::ToolContext;

/// How many entries are read at a time.
const BATCH: usize = 256;
/// How much of one message is given, in bytes.
const SHOWN_BYTES: usize = 2_000;

/// A message of a child's session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// The number of its entry.
    pub seq: u64,
    /// By whom.
    pub role: Role,
    /// The text, cut after 2,000 bytes.
    pub text: String,
    /// How many bytes are missing.
    pub cut: usize,
}

impl SubagentManager {
    /// The newest messages of a child of the caller's session, oldest of them first.
    ///
    /// # Errors
    /// [`SubagentError::ForeignSession`] for any other session, or when the store cannot be read.
    pub async fn history(
        &self,
        caller: &ToolContext,
        child: SessionId,
        limit: usize,
    ) -> Result<Vec<Said>, SubagentError> {
        self.own_child(caller.session_id(), child).await?;
        let mut said = Vec::new();
        let mut after = 0;
        loop {
            let entries = self.store.read(child, after, BATCH).await?;
            let Some(last) = entries.last().and_then(AgentEvent::seq) else { break };
            said.extend(entries.iter().filter_map(what_was_said));
            let surplus = said.len().saturating_sub(limit);
            said.drain(..surplus);
            after = last;
        }
        Ok(said)
    }
}

fn what_was_said(entry: &AgentEvent) -> Option<Said> {
    let (role, message): (_, &Message) = match &entry.kind {
        EventKind::RunAdmitted { input, .. } => (Role::User, input),
        EventKind::InputJoined { message, .. } => (Role::User, message),
        EventKind::AssistantMessage { message, .. } => (Role::Assistant, message),
        _ => return None,
    };
    let mut text = message.text();
    if text.is_empty() {
        return None;
    }
    let whole = text.len();
    text.truncate(text.floor_char_boundary(SHOWN_BYTES));
    Some(Said { seq: entry.seq()?, role, cut: whole - text.len(), text })
}
