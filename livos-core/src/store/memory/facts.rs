//! What is remembered.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::ChangedFact;
use crate::store::FactChange;
use crate::store::FactFilter;
use crate::store::FactRecord;
use crate::store::FactStore;
use crate::store::FactsWritten;
use crate::store::MemoryStore;
use crate::store::Page;
use crate::store::StoreError;

#[derive(Debug, Default)]
pub(super) struct Facts(HashMap<UserId, OfUser>);

#[derive(Debug, Default)]
struct OfUser {
    revision: u64,
    records: BTreeMap<FactId, FactRecord>,
    /// The current facts, by key.
    keys: HashMap<String, FactId>,
    /// What was changed last by each revision, and the revision of each fact.
    changed: BTreeSet<(u64, FactId)>,
    revisions: HashMap<FactId, u64>,
}

impl OfUser {
    fn touch(&mut self, id: FactId) {
        if let Some(old) = self.revisions.insert(id, self.revision) {
            self.changed.remove(&(old, id));
        }
        self.changed.insert((self.revision, id));
    }

    fn take(&mut self, id: FactId) -> Option<FactRecord> {
        let old = self.records.remove(&id)?;
        if old.is_current() {
            self.keys.remove(&old.key);
        }
        Some(old)
    }

    fn put(&mut self, mut fact: FactRecord) {
        let id = fact.id;
        let old = self.take(id);
        (fact.recalled_at, fact.recalls) =
            old.map_or((None, 0), |old| (old.recalled_at, old.recalls));
        if fact.is_current() {
            self.keys.insert(fact.key.clone(), id);
        }
        self.records.insert(id, fact);
        self.touch(id);
    }

    /// The fact that has the key of one that is put, and keeps it.
    fn known(&self, change: &FactChange) -> Option<FactId> {
        let moves =
            |id: FactId| change.removes.contains(&id) || change.puts.iter().any(|put| put.id == id);
        let wanted = change.puts.iter().filter(|put| put.is_current());
        wanted.filter_map(|put| self.keys.get(&put.key).copied()).find(|id| !moves(*id))
    }
}

impl Facts {
    pub(super) fn change(&mut self, change: FactChange) -> Result<FactsWritten, StoreError> {
        let facts = self.0.entry(change.user.clone()).or_default();
        for put in &change.puts {
            put.follows(facts.records.get(&put.id).map_or(0, |known| known.version))?;
        }
        if let Some(known) = facts.known(&change) {
            return Ok(FactsWritten::Known(known));
        }
        facts.revision += 1;
        let mut removed = 0;
        for id in change.removes {
            if facts.take(id).is_some() {
                facts.touch(id);
                removed += 1;
            }
        }
        change.puts.into_iter().for_each(|put| facts.put(put));
        Ok(FactsWritten::Done { removed })
    }
}

#[async_trait]
impl FactStore for MemoryStore {
    async fn change_facts(&self, change: FactChange) -> Result<FactsWritten, StoreError> {
        self.tables().facts.change(change)
    }

    async fn facts_named(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
    ) -> Result<Vec<FactRecord>, StoreError> {
        let tables = self.tables();
        let Some(facts) = tables.facts.0.get(user) else { return Ok(Vec::new()) };
        Ok(ids.iter().filter_map(|id| facts.records.get(id)).cloned().collect())
    }

    async fn facts(
        &self,
        filter: FactFilter,
        limit: usize,
    ) -> Result<Page<FactRecord>, StoreError> {
        let tables = self.tables();
        let records = tables.facts.0.get(&filter.user).into_iter();
        let records = records.flat_map(|facts| facts.records.values().rev());
        let wanted = records.filter(|fact| filter.accepts(fact)).take(limit.saturating_add(1));
        let bare = wanted.map(|fact| FactRecord { embedding: None, ..fact.clone() });
        Ok(Page::cut(bare.collect(), limit))
    }

    async fn fact_changes(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChangedFact>, StoreError> {
        let tables = self.tables();
        let Some(facts) = tables.facts.0.get(user) else { return Ok(Vec::new()) };
        let first = (after.saturating_add(1), FactId::from_u128(0));
        let changed = facts.changed.range(first..).copied();
        let mut found: Vec<ChangedFact> = Vec::new();
        for (revision, id) in changed {
            // A revision is given whole, so that the next call can begin after it.
            if found.len() >= limit && found.last().is_some_and(|last| last.revision != revision) {
                break;
            }
            found.push(ChangedFact { revision, id, fact: facts.records.get(&id).cloned() });
        }
        Ok(found)
    }

    async fn recall_facts(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let Some(facts) = tables.facts.0.get_mut(user) else { return Ok(()) };
        for id in ids {
            if let Some(fact) = facts.records.get_mut(&id) {
                fact.recalled_at = Some(at);
                fact.recalls += 1;
            }
        }
        Ok(())
    }
}
