//! The reference implementation: everything in this process, gone with it.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_trait::async_trait;

use super::Journal;
use super::NewEntry;
use super::Page;
use super::RunFilter;
use super::RunRecord;
use super::RunStore;
use super::SessionPatch;
use super::SessionRecord;
use super::SessionStore;
use super::StoreError;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;

/// A store that forgets when it is dropped: for tests, examples and short-lived agents.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    journals: HashMap<SessionId, Vec<AgentEvent>>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    runs: BTreeMap<RunId, RunRecord>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No method leaves the tables half-changed when it panics: none can panic midway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn project(&mut self, event: &AgentEvent) {
        if let Some(run) = RunRecord::admitted(event) {
            self.runs.insert(run.id, run);
        } else if RunRecord::is_changed_by(&event.kind)
            && let Some(run) = self.runs.get_mut(&event.run_id)
        {
            run.apply(event.at, &event.kind);
        }
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(
        &self,
        session_id: SessionId,
        entries: Vec<NewEntry>,
    ) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let first = tables.journals.get(&session_id).map_or(0, Vec::len) as u64 + 1;
        for (seq, entry) in (first..).zip(entries) {
            let NewEntry { run_id, at, kind } = entry;
            let event = AgentEvent { session_id, run_id, position: Position::Seq(seq), at, kind };
            tables.project(&event);
            tables
                .sessions
                .entry(session_id)
                .or_insert_with(|| SessionRecord::new(session_id, at))
                .updated_at = at;
            tables.journals.entry(session_id).or_default().push(event);
        }
        Ok(first)
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        let tables = self.tables();
        let journal = tables.journals.get(&session_id).map_or(&[][..], Vec::as_slice);
        Ok(journal.iter().skip(skipped).take(limit).cloned().collect())
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        Ok(self.tables().journals.get(&session_id).map_or(0, Vec::len) as u64)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create_session(&self, session: SessionRecord) -> Result<(), StoreError> {
        self.tables().sessions.entry(session.id).or_insert(session);
        Ok(())
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.tables().sessions.get(&id).cloned())
    }

    async fn sessions(
        &self,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<Page<SessionRecord>, StoreError> {
        let tables = self.tables();
        let newest_first = tables.sessions.values().rev();
        let wanted = newest_first.filter(|session| before.is_none_or(|id| session.id < id));
        Ok(Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit))
    }

    async fn update_session(
        &self,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<SessionRecord, StoreError> {
        let mut tables = self.tables();
        let session = tables
            .sessions
            .get_mut(&id)
            .ok_or_else(|| StoreError::NotFound { what: "session", id: id.to_string() })?;
        patch.apply(session);
        Ok(session.clone())
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        tables.journals.remove(&id);
        tables.runs.retain(|_, run| run.session_id != id);
        Ok(tables.sessions.remove(&id).is_some())
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.tables().runs.get(&id).cloned())
    }

    async fn runs(&self, filter: RunFilter, limit: usize) -> Result<Page<RunRecord>, StoreError> {
        let tables = self.tables();
        let wanted = tables.runs.values().rev().filter(|run| filter.accepts(run));
        Ok(Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit))
    }
}
