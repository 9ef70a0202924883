//! The reference implementation: everything in this process, gone with it.

mod approvals;
mod deliveries;
mod facts;
mod queue;
mod schedules;
mod tables;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_trait::async_trait;
use futures::stream::BoxStream;

use self::tables::Tables;
use super::Admission;
use super::Append;
use super::CancelRequest;
use super::Cancellation;
use super::ClaimRequest;
use super::Claimed;
use super::DeliveryClaim;
use super::DeliveryFilter;
use super::DeliveryRecord;
use super::DueDeliveries;
use super::DueSchedules;
use super::FiringRecord;
use super::Fork;
use super::ImportedSession;
use super::Journal;
use super::Lease;
use super::NewRun;
use super::Outbox;
use super::Page;
use super::PendingInput;
use super::RenewRequest;
use super::Renewal;
use super::RunFilter;
use super::RunLeases;
use super::RunQueue;
use super::RunRecord;
use super::RunStore;
use super::ScheduleChange;
use super::ScheduleFilter;
use super::ScheduleRecord;
use super::ScheduleStore;
use super::SessionCursor;
use super::SessionPatch;
use super::SessionQuery;
use super::SessionRecord;
use super::SessionStore;
use super::SessionTransfer;
use super::Setting;
use super::SettingChange;
use super::Settings;
use super::Settlement;
use super::StoreError;
use super::StoreHealth;
use super::UsageLog;
use super::UsageQuery;
use super::UsageRow;
use super::UsageTotal;
use super::WorkSignal;
use super::WorkSignals;
use super::session_query::search_words;
use super::signals::Signals;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::message::MicroUsd;

/// A store that forgets when it is dropped: for tests, examples and short-lived agents.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    signals: Signals,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No method leaves the tables half-changed when it panics: none can panic midway.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signals: impl IntoIterator<Item = WorkSignal>) {
        for signal in signals {
            self.signals.send(signal);
        }
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        let (first, signals) = self.tables().append(append)?;
        self.signal(signals);
        Ok(first)
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.tables().journal(session_id).iter().skip(skipped).take(limit).cloned().collect())
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        Ok(self.tables().last_seq(session_id))
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
        query: SessionQuery,
        limit: usize,
    ) -> Result<Page<SessionRecord>, StoreError> {
        let tables = self.tables();
        let words = query.text.as_deref().map(search_words).filter(|words| !words.is_empty());
        let mut wanted: Vec<_> = tables
            .sessions
            .values()
            .filter(|session| {
                session.parent == query.parent
                    && query.after.is_none_or(|place| SessionCursor::from(*session) < place)
                    && words.as_ref().is_none_or(|words| tables.mentions(session, words))
            })
            .collect();
        wanted.sort_by_key(|session| std::cmp::Reverse(SessionCursor::from(*session)));
        let taken = wanted.into_iter().take(limit.saturating_add(1));
        Ok(Page::cut(taken.cloned().collect(), limit))
    }

    async fn update_session(
        &self,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<SessionRecord, StoreError> {
        let mut tables = self.tables();
        let session =
            tables.sessions.get_mut(&id).ok_or_else(|| StoreError::not_found("session", &id))?;
        patch.apply(session);
        Ok(session.clone())
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.tables().delete_session(id))
    }
}

#[async_trait]
impl SessionTransfer for MemoryStore {
    async fn fork(&self, fork: Fork) -> Result<SessionRecord, StoreError> {
        self.tables().fork(fork)
    }

    async fn import(&self, session: ImportedSession) -> Result<(), StoreError> {
        self.tables().import(session)
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

#[async_trait]
impl RunQueue for MemoryStore {
    async fn admit(&self, run: NewRun) -> Result<Admission, StoreError> {
        let (admission, signals) = self.tables().admit(run)?;
        self.signal(signals);
        Ok(admission)
    }

    async fn request_cancel(&self, cancel: CancelRequest) -> Result<Cancellation, StoreError> {
        let (cancellation, signals) = self.tables().request_cancel(cancel)?;
        self.signal(signals);
        Ok(cancellation)
    }
}

#[async_trait]
impl RunLeases for MemoryStore {
    async fn claim(&self, claim: ClaimRequest) -> Result<Claimed, StoreError> {
        Ok(self.tables().queue.claim(&claim))
    }

    async fn renew(&self, renewal: RenewRequest) -> Result<Renewal, StoreError> {
        self.tables().queue.renew(renewal)
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.tables().queue.release(lease)?;
        self.signal([WorkSignal::RunReady]);
        Ok(())
    }

    async fn pending_inputs(&self, run_id: RunId) -> Result<Vec<PendingInput>, StoreError> {
        Ok(self.tables().queue.pending_inputs(run_id))
    }
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn check_health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl WorkSignals for MemoryStore {
    fn signals(&self) -> BoxStream<'static, WorkSignal> {
        self.signals.stream()
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn claim_due(&self, claim: DeliveryClaim) -> Result<DueDeliveries, StoreError> {
        Ok(self.tables().deliveries.claim_due(&claim))
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.tables().deliveries.settle(settlement)
    }

    async fn requeue(
        &self,
        id: DeliveryId,
        due_at: Timestamp,
    ) -> Result<DeliveryRecord, StoreError> {
        let requeued = self.tables().deliveries.requeue(id, due_at)?;
        self.signal([WorkSignal::DeliveryDue]);
        Ok(requeued)
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        Ok(self.tables().deliveries.list(&filter, limit))
    }
}

#[async_trait]
impl UsageLog for MemoryStore {
    async fn record_usage(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        self.tables().usage.extend(rows);
        Ok(())
    }

    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageTotal>, StoreError> {
        let tables = self.tables();
        let mut totals = BTreeMap::new();
        for row in tables.usage.iter().filter(|row| query.accepts(row)) {
            let group: Vec<String> = query.group_by.iter().map(|by| row.group_name(*by)).collect();
            totals.entry(group).or_insert_with(Vec::new).push(row);
        }
        let totals = totals.into_iter().take(query.limit);
        Ok(totals.map(|(group, rows)| UsageTotal::of(group, &rows)).collect())
    }

    async fn spent_since(&self, since: Timestamp) -> Result<MicroUsd, StoreError> {
        let tables = self.tables();
        let costs = tables.usage.iter().filter(|row| row.at >= since);
        Ok(costs
            .filter_map(|row| row.cost_micro_usd)
            .fold(MicroUsd::default(), |sum, cost| sum + cost))
    }
}

#[async_trait]
impl Settings for MemoryStore {
    async fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError> {
        Ok(self.tables().settings.get(key).cloned())
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, StoreError> {
        let tables = self.tables();
        let from = tables.settings.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let named = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(named.map(|(_, setting)| setting.clone()).collect())
    }

    async fn change_setting(&self, change: SettingChange) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let version = tables.settings.get(&change.key).map_or(0, |setting| setting.version);
        change.check(version)?;
        let SettingChange { key, value, .. } = change;
        let setting = Setting { key: key.clone(), value, version: version + 1 };
        tables.settings.insert(key, setting);
        Ok(version + 1)
    }
}

#[async_trait]
impl ScheduleStore for MemoryStore {
    async fn create_schedule(
        &self,
        schedule: ScheduleRecord,
        session: Option<SessionRecord>,
    ) -> Result<(), StoreError> {
        self.tables().create_schedule(schedule, session)?;
        self.signal([WorkSignal::ScheduleChanged]);
        Ok(())
    }

    async fn change_schedule(
        &self,
        change: ScheduleChange,
    ) -> Result<Option<Admission>, StoreError> {
        let (admission, signals) = self.tables().change_schedule(change)?;
        self.signal(signals);
        Ok(admission)
    }

    async fn delete_schedule(&self, id: ScheduleId) -> Result<bool, StoreError> {
        Ok(self.tables().schedules.remove(id))
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError> {
        Ok(self.tables().schedules.get(id).cloned())
    }

    async fn schedules(
        &self,
        filter: ScheduleFilter,
        limit: usize,
    ) -> Result<Page<ScheduleRecord>, StoreError> {
        Ok(self.tables().schedules.list(&filter, limit))
    }

    async fn due_schedules(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueSchedules, StoreError> {
        Ok(self.tables().schedules.due(now, limit))
    }

    async fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Page<FiringRecord>, StoreError> {
        Ok(self.tables().schedules.firings(id, before, limit))
    }
}
