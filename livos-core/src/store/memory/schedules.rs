//! What is due.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::store::DueSchedules;
use crate::store::FIRINGS_KEPT;
use crate::store::FiringRecord;
use crate::store::Page;
use crate::store::ScheduleFilter;
use crate::store::ScheduleRecord;
use crate::store::StoreError;

#[derive(Debug, Default)]
pub(super) struct Schedules {
    records: BTreeMap<ScheduleId, ScheduleRecord>,
    /// Those that are due some time, by that time.
    due: BTreeSet<(Timestamp, ScheduleId)>,
    firings: HashMap<ScheduleId, BTreeMap<Timestamp, FiringRecord>>,
}

impl Schedules {
    pub(super) fn get(&self, id: ScheduleId) -> Option<&ScheduleRecord> {
        self.records.get(&id)
    }

    /// The schedule that must be there.
    pub(super) fn find(&self, id: ScheduleId) -> Result<&ScheduleRecord, StoreError> {
        self.get(id).ok_or_else(|| StoreError::not_found("schedule", &id))
    }

    pub(super) fn put(&mut self, schedule: ScheduleRecord) {
        let (id, next_at) = (schedule.id, schedule.progress.next_at);
        if let Some(old) = self.records.insert(id, schedule)
            && let Some(at) = old.progress.next_at
        {
            self.due.remove(&(at, id));
        }
        self.due.extend(next_at.map(|at| (at, id)));
    }

    pub(super) fn note(&mut self, id: ScheduleId, firings: Vec<FiringRecord>) {
        let known = self.firings.entry(id).or_default();
        known.extend(firings.into_iter().map(|firing| (firing.slot, firing)));
        while known.len() > FIRINGS_KEPT {
            known.pop_first();
        }
    }

    pub(super) fn remove(&mut self, id: ScheduleId) -> bool {
        self.firings.remove(&id);
        let Some(old) = self.records.remove(&id) else { return false };
        if let Some(at) = old.progress.next_at {
            self.due.remove(&(at, id));
        }
        true
    }

    pub(super) fn forget(&mut self, session_id: SessionId) {
        let of_session = self.records.values().filter(|known| known.session_id == session_id);
        for id in of_session.map(|schedule| schedule.id).collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    pub(super) fn list(&self, filter: &ScheduleFilter, limit: usize) -> Page<ScheduleRecord> {
        let wanted = self.records.values().rev().filter(|schedule| filter.accepts(schedule));
        Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit)
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> DueSchedules {
        let mut waiting = self.due.iter();
        let mut due = Vec::new();
        for (at, id) in waiting.by_ref() {
            if *at > now || due.len() == limit {
                return DueSchedules { due, look_again_at: Some(*at) };
            }
            due.extend(self.records.get(id).cloned());
        }
        DueSchedules { due, look_again_at: None }
    }

    pub(super) fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Page<FiringRecord> {
        let known = self.firings.get(&id).into_iter().flat_map(|firings| firings.values().rev());
        let wanted = known.filter(|firing| before.is_none_or(|slot| firing.slot < slot));
        Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit)
    }
}
