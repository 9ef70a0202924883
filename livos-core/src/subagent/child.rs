//! The children of a session.

use super::SubagentError;
use super::SubagentManager;
use crate::event::EventKind;
use crate::id::AgentName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::profile::AgentProfile;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::SessionQuery;
use crate::store::SessionRecord;
use crate::store::StoreError;

/// A session that another started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Child {
    /// The session.
    pub session_id: SessionId,
    /// What it was started for, in short.
    pub title: Option<String>,
    /// The named agent it is, if it has a name.
    pub agent: Option<AgentName>,
    /// Its newest run.
    pub run_id: RunId,
    /// Where that stands; [`RunState::Queued`] while it waits for its turn.
    pub state: RunState,
    /// What it said last, once it ended.
    pub text: Option<String>,
}

impl Child {
    fn new(session: SessionRecord, newest: RunRecord) -> Self {
        Self {
            session_id: session.id,
            title: session.title,
            agent: newest.agent,
            run_id: newest.id,
            state: newest.state,
            text: newest.text,
        }
    }
}

impl SubagentManager {
    /// The sessions that a session started, those with the newest activity first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn children(&self, parent: SessionId) -> Result<Vec<Child>, SubagentError> {
        let sessions = self.child_sessions(parent).await?;
        let mut children = Vec::with_capacity(sessions.len());
        for session in sessions {
            // Without a run it is about to be started, or its start failed.
            if let Some(newest) = self.newest_run(session.id).await? {
                children.push(Child::new(session, newest));
            }
        }
        Ok(children)
    }

    pub(super) async fn child_sessions(
        &self,
        parent: SessionId,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let query = SessionQuery { parent: Some(parent), ..SessionQuery::default() };
        let mut sessions = self.store.sessions(query, self.limits.children + 1).await?.items;
        let of_memory = SessionId::of_memory(parent);
        sessions.retain(|session| session.id != of_memory);
        sessions.truncate(self.limits.children);
        Ok(sessions)
    }

    async fn newest_run(&self, session: SessionId) -> Result<Option<RunRecord>, StoreError> {
        let filter = RunFilter { session_id: Some(session), ..RunFilter::default() };
        Ok(self.store.runs(filter, 1).await?.items.into_iter().next())
    }

    /// A child that a session may talk to.
    pub(super) async fn own_child(
        &self,
        parent: SessionId,
        child: SessionId,
    ) -> Result<Child, SubagentError> {
        let session = self.store.session(child).await?;
        let session = session.filter(|session| session.parent == Some(parent));
        let session = session.ok_or(SubagentError::ForeignSession(child))?;
        let newest = self.newest_run(child).await?;
        let newest = newest.ok_or(SubagentError::ForeignSession(child))?;
        Ok(Child::new(session, newest))
    }

    /// What the first run of a child was admitted as.
    pub(super) async fn first_profile(
        &self,
        child: SessionId,
    ) -> Result<AgentProfile, SubagentError> {
        let first = self.store.read(child, 0, 1).await?;
        let profile = first.first().and_then(|entry| match &entry.kind {
            EventKind::RunAdmitted { profile, .. } => profile.as_deref().cloned(),
            _ => None,
        });
        Ok(profile.unwrap_or_default())
    }
}
