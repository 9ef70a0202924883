//! What waits for people.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::Tables;
use crate::approval::ApprovalRule;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RuleId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalStore;
use crate::store::AuditEntry;
use crate::store::MAX_AUDIT;
use crate::store::Page;
use crate::store::ResolveApproval;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::approvals::make_room_for_rule;

#[derive(Debug, Default)]
pub(super) struct Approvals {
    records: BTreeMap<ApprovalId, ApprovalRecord>,
    rules: Arc<[ApprovalRule]>,
    audit: VecDeque<AuditEntry>,
}

impl Approvals {
    /// Takes an entry into account that asks.
    pub(super) fn project(&mut self, event: &AgentEvent) {
        if let Some(record) = ApprovalRecord::requested(event) {
            self.records.insert(record.id(), record);
        }
        if let EventKind::RunFinished { .. } = event.kind {
            self.abandon(event.run_id, event.at);
        }
    }

    fn abandon(&mut self, run_id: RunId, at: Timestamp) {
        let open = self.records.values_mut();
        open.filter(|record| record.run_id == run_id && record.resolved.is_none())
            .for_each(|record| record.abandon(at));
    }

    /// How many requests of a run are open.
    pub(super) fn open(&self, run_id: RunId) -> usize {
        let records = self.records.values();
        records.filter(|record| record.run_id == run_id && record.resolved.is_none()).count()
    }

    pub(super) fn forget(&mut self, session_id: SessionId) {
        self.records.retain(|_, record| record.session_id != session_id);
    }

    fn note(&mut self, entry: AuditEntry) {
        if self.audit.len() >= MAX_AUDIT {
            self.audit.pop_front();
        }
        self.audit.push_back(entry);
    }

    fn add_rule(&mut self, rule: ApprovalRule) -> Result<(), StoreError> {
        make_room_for_rule(self.rules.len())?;
        self.rules = self.rules.iter().cloned().chain([rule]).collect();
        Ok(())
    }
}

impl Tables {
    fn resolve_approval(
        &mut self,
        resolve: &ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError> {
        let id = resolve.id();
        let found = self.approvals.records.get(&id).cloned();
        let mut record = found.ok_or_else(|| StoreError::not_found("approval", &id))?;
        record.check(resolve)?;
        if let Some(rule) = &resolve.rule {
            self.approvals.add_rule(rule.clone())?;
        }
        let seq = self.last_seq(record.session_id) + 1;
        record.resolve(resolve, seq);
        self.approvals.records.insert(id, record.clone());
        self.approvals.note(resolve.audit.clone());
        self.write(record.session_id, vec![record.entry(resolve)]);
        Ok(record)
    }
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn resolve_approval(
        &self,
        resolve: ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError> {
        let record = self.tables().resolve_approval(&resolve)?;
        self.signal([WorkSignal::ApprovalResolved(record.run_id)]);
        Ok(record)
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
        Ok(self.tables().approvals.records.get(&id).cloned())
    }

    async fn approvals(
        &self,
        filter: ApprovalFilter,
        limit: usize,
    ) -> Result<Page<ApprovalRecord>, StoreError> {
        let tables = self.tables();
        let wanted = tables.approvals.records.values().rev();
        let wanted = wanted.filter(|record| filter.accepts(record));
        Ok(Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit))
    }

    async fn approval_rules(&self) -> Result<Arc<[ApprovalRule]>, StoreError> {
        Ok(Arc::clone(&self.tables().approvals.rules))
    }

    async fn add_approval_rule(
        &self,
        rule: ApprovalRule,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.approvals.add_rule(rule)?;
        tables.approvals.note(audit);
        Ok(())
    }

    async fn remove_approval_rule(
        &self,
        id: RuleId,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let left: Arc<[ApprovalRule]> =
            tables.approvals.rules.iter().filter(|rule| rule.id != id).cloned().collect();
        let is_removed = left.len() < tables.approvals.rules.len();
        if is_removed {
            tables.approvals.rules = left;
            tables.approvals.note(audit);
        }
        Ok(is_removed)
    }

    async fn approval_audit(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let tables = self.tables();
        let older = tables.approvals.audit.iter().rev();
        let older = older.filter(|entry| before.is_none_or(|id| entry.id < id));
        Ok(Page::cut(older.take(limit.saturating_add(1)).cloned().collect(), limit))
    }
}
