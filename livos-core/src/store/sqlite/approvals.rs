//! What waits for people, what they decided, and the rules they made.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::params;

use super::listing::Listing;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::run_key;
use super::statement::session_key;
use super::statement::stored_limit;
use super::statement::to_text;
use super::tables::Tables;
use crate::approval::ApprovalRule;
use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RuleId;
use crate::id::RunId;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::ApprovalStore;
use crate::store::AuditEntry;
use crate::store::MAX_AUDIT;
use crate::store::Page;
use crate::store::ResolveApproval;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::approvals::make_room_for_rule;

/// How many old entries of the audit are forgotten with one new one, so that none takes long.
const MAX_FORGOTTEN: i64 = 16;

/// The rules as they were read last; none when they changed since. No other process has the file open.
#[derive(Debug, Default)]
pub(super) struct KnownRules(RwLock<Option<Arc<[ApprovalRule]>>>);

impl KnownRules {
    fn get(&self) -> Option<Arc<[ApprovalRule]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, rules: Option<Arc<[ApprovalRule]>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

#[async_trait]
impl ApprovalStore for SqliteStore {
    async fn resolve_approval(
        &self,
        resolve: ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError> {
        let makes_rule = resolve.rule.is_some();
        let resolved = self.writer.submit(move |tables| tables.resolve_approval(&resolve)).await;
        if makes_rule {
            self.rules.set(None);
        }
        resolved
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
        self.reader.run(move |db| find(db, id)).await
    }

    async fn approvals(
        &self,
        filter: ApprovalFilter,
        limit: usize,
    ) -> Result<Page<ApprovalRecord>, StoreError> {
        self.reader.run(move |db| list(db, &filter, limit)).await
    }

    async fn approval_rules(&self) -> Result<Arc<[ApprovalRule]>, StoreError> {
        if let Some(known) = self.rules.get() {
            return Ok(known);
        }
        // On the writer's thread, so that no change falls between what is read and what is remembered.
        let known = Arc::clone(&self.rules);
        let read = self.writer.run(move |db| {
            let rules: Arc<[ApprovalRule]> = rules(db)?.into();
            known.set(Some(Arc::clone(&rules)));
            Ok(rules)
        });
        read.await
    }

    async fn add_approval_rule(
        &self,
        rule: ApprovalRule,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let written = self.writer.run(move |db| {
            add_rule(db, &rule)?;
            note(db, &audit)
        });
        let written = written.await;
        self.rules.set(None);
        written
    }

    async fn remove_approval_rule(
        &self,
        id: RuleId,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let removed = self.writer.run(move |db| {
            let removed =
                execute(db, "DELETE FROM approval_rules WHERE id = ?1", [key(id.as_u128())])?;
            if removed > 0 {
                note(db, &audit)?;
            }
            Ok(removed > 0)
        });
        let removed = removed.await;
        self.rules.set(None);
        removed
    }

    async fn approval_audit(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let audit = self.reader.run(move |db| {
            let before = before.map_or(u128::MAX, AuditId::as_u128);
            let query = "SELECT entry FROM approval_audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
            let params = params![key(before), stored_limit(limit)];
            let found = rows(db, query, params, |row| row.get::<_, String>(0))?;
            found.iter().map(|entry| from_text("audit entry", entry)).collect()
        });
        Ok(Page::cut(audit.await?, limit))
    }
}

impl Tables<'_> {
    fn resolve_approval(
        &mut self,
        resolve: &ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError> {
        let id = resolve.id();
        let found = find(self.db, id)?;
        let mut record = found.ok_or_else(|| StoreError::not_found("approval", &id))?;
        record.check(resolve)?;
        if let Some(rule) = &resolve.rule {
            add_rule(self.db, rule)?;
        }
        note(self.db, &resolve.audit)?;
        // Decided before its entry is taken into account: that looks for what is open.
        let seq = self.last_seq(record.session_id)? + 1;
        record.resolve(resolve, seq);
        put(self.db, &record)?;
        self.write_one(record.session_id, record.entry(resolve))?;
        self.signals.push(WorkSignal::ApprovalResolved(record.run_id));
        Ok(record)
    }
}

fn key(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

pub(super) fn put(db: &Connection, record: &ApprovalRecord) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO approvals (id, run_id, session_id, state, record) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record",
        params![
            key(record.id().as_u128()),
            run_key(record.run_id),
            session_key(record.session_id),
            record.state().name(),
            to_text("approval", record)?
        ],
    )?;
    Ok(())
}

fn find(db: &Connection, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
    let query = "SELECT record FROM approvals WHERE id = ?1";
    let found = row(db, query, [key(id.as_u128())], |row| row.get::<_, String>(0))?;
    found.map(|record| from_text("approval", &record)).transpose()
}

fn list(
    db: &Connection,
    filter: &ApprovalFilter,
    limit: usize,
) -> Result<Page<ApprovalRecord>, StoreError> {
    let before = filter.before.map(|id| key(id.as_u128()));
    let (run, session) = (filter.run_id.map(run_key), filter.session_id.map(session_key));
    let state = filter.state.map(ApprovalState::name);
    Listing::of("approval", "approvals")
        .only("run_id = ?", run.as_ref())
        .only("session_id = ?", session.as_ref())
        .only("state = ?", state.as_ref())
        .only("id < ?", before.as_ref())
        .page(db, limit)
}

/// How many requests of a run are open.
pub(super) fn open(db: &Connection, run: RunId) -> Result<usize, StoreError> {
    Ok(open_of(db, run)?.len())
}

fn open_of(db: &Connection, run: RunId) -> Result<Vec<String>, StoreError> {
    let query = "SELECT record FROM approvals WHERE run_id = ?1 AND state = 'pending'";
    rows(db, query, [run_key(run)], |row| row.get::<_, String>(0))
}

/// Decides what is open when its run ends.
pub(super) fn abandon(db: &Connection, run: RunId, at: Timestamp) -> Result<(), StoreError> {
    for record in open_of(db, run)? {
        let mut record: ApprovalRecord = from_text("approval", &record)?;
        record.abandon(at);
        put(db, &record)?;
    }
    Ok(())
}

fn rules(db: &Connection) -> Result<Vec<ApprovalRule>, StoreError> {
    let query = "SELECT rule FROM approval_rules ORDER BY id";
    let found = rows(db, query, [], |row| row.get::<_, String>(0))?;
    found.iter().map(|rule| from_text("rule", rule)).collect()
}

fn add_rule(db: &Connection, rule: &ApprovalRule) -> Result<(), StoreError> {
    let count = row(db, "SELECT count(*) FROM approval_rules", [], |row| row.get::<_, i64>(0))?;
    make_room_for_rule(usize::try_from(count.unwrap_or_default()).unwrap_or_default())?;
    execute(
        db,
        "INSERT INTO approval_rules (id, rule) VALUES (?1, ?2)",
        params![key(rule.id.as_u128()), to_text("rule", rule)?],
    )?;
    Ok(())
}

fn note(db: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO approval_audit (id, entry) VALUES (?1, ?2)",
        params![key(entry.id.as_u128()), to_text("audit entry", entry)?],
    )?;
    let limit = i64::try_from(MAX_AUDIT).unwrap_or(i64::MAX);
    execute(
        db,
        "DELETE FROM approval_audit WHERE id IN (SELECT id FROM approval_audit ORDER BY id LIMIT \
         min(?2, max(0, (SELECT count(*) FROM approval_audit) - ?1)))",
        params![limit, MAX_FORGOTTEN],
    )?;
    Ok(())
}
