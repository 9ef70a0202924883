//! The journals and what is read off them.

use std::collections::BTreeMap;

use super::approvals::Approvals;
use super::deliveries::Deliveries;
use super::facts::Facts;
use super::queue::Queue;
use super::schedules::Schedules;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Admission;
use crate::store::Append;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::Fork;
use crate::store::ImportedSession;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::Reply;
use crate::store::RunRecord;
use crate::store::ScheduleChange;
use crate::store::ScheduleRecord;
use crate::store::SessionRecord;
use crate::store::Setting;
use crate::store::StoreError;
use crate::store::UsageRow;
use crate::store::WorkSignal;
use crate::store::session_query::events;
use crate::store::session_query::finished_runs;
use crate::store::session_query::mentions;

#[derive(Debug, Default)]
pub(super) struct Tables {
    journals: BTreeMap<SessionId, Vec<AgentEvent>>,
    pub(super) sessions: BTreeMap<SessionId, SessionRecord>,
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    pub(super) queue: Queue,
    pub(super) deliveries: Deliveries,
    pub(super) approvals: Approvals,
    pub(super) usage: Vec<UsageRow>,
    pub(super) settings: BTreeMap<String, Setting>,
    pub(super) schedules: Schedules,
    pub(super) facts: Facts,
}

/// A run that ended with an entry.
type Ended = (RunId, Timestamp, Reply);

impl Tables {
    pub(super) fn journal(&self, session_id: SessionId) -> &[AgentEvent] {
        self.journals.get(&session_id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn last_seq(&self, session_id: SessionId) -> u64 {
        self.journal(session_id).len() as u64
    }

    pub(super) fn append(&mut self, append: Append) -> Result<(u64, Vec<WorkSignal>), StoreError> {
        let Append { session_id, entries, lease, joins, usage, .. } = append;
        if let Some(lease) = lease {
            self.queue.check(lease)?;
        }
        if let Some(first) = entries.first() {
            self.queue.join(first.run_id, &joins)?;
        }
        let first = self.last_seq(session_id) + 1;
        let ended = self.write(session_id, entries);
        self.usage.extend(usage);
        let mut signals = Vec::new();
        for (run_id, at, reply) in ended {
            self.complete(run_id, at, &reply, &mut signals);
        }
        Ok((first, signals))
    }

    /// Adds entries, and tells which queued runs ended with them.
    pub(super) fn write(&mut self, session_id: SessionId, entries: Vec<NewEntry>) -> Vec<Ended> {
        let first = self.last_seq(session_id) + 1;
        let written: Vec<AgentEvent> = events(session_id, first, entries).collect();
        let (Some(oldest), Some(newest)) = (written.first(), written.last()) else {
            return Vec::new();
        };
        self.sessions
            .entry(session_id)
            .or_insert_with(|| SessionRecord::new(session_id, oldest.at))
            .updated_at = newest.at;
        let mut ended = Vec::new();
        for event in &written {
            self.project(event);
            if let Some(reply) = Reply::of(&event.kind)
                && self.queue.holds(event.run_id)
            {
                ended.push((event.run_id, event.at, reply));
            }
        }
        self.journals.entry(session_id).or_default().extend(written);
        ended
    }

    fn project(&mut self, event: &AgentEvent) {
        self.approvals.project(event);
        if let Some(run) = RunRecord::admitted(event) {
            self.runs.insert(run.id, run);
        } else if RunRecord::is_changed_by(&event.kind)
            && let Some(run) = self.runs.get_mut(&event.run_id)
        {
            run.apply(event.at, &event.kind);
            if matches!(event.kind, EventKind::RunStarted { .. } | EventKind::ApprovalResolved(_)) {
                run.waits_for(self.approvals.open(event.run_id));
            }
        }
    }

    /// Takes an ended run out of the queue, owes its replies, and admits what nobody took.
    fn complete(
        &mut self,
        run_id: RunId,
        at: Timestamp,
        reply: &Reply,
        signals: &mut Vec<WorkSignal>,
    ) {
        let Some(done) = self.queue.remove(run_id) else { return };
        let trigger = self.runs.get(&run_id).map(|run| run.trigger).unwrap_or_default();
        for to in done.replies {
            self.deliveries.owe((run_id, done.session_id), to, reply.clone(), at);
            signals.push(WorkSignal::DeliveryDue);
        }
        let mut left = done.inputs.into_iter();
        if let Some(mut next) = left.next() {
            next.at = at;
            self.write(done.session_id, vec![next.entry()]);
            self.queue.add(next, left.collect());
        }
        signals.extend([WorkSignal::RunEnded(run_id, trigger), WorkSignal::RunReady]);
    }

    pub(super) fn admit(
        &mut self,
        run: NewRun,
    ) -> Result<(Admission, Vec<WorkSignal>), StoreError> {
        if let Some(known) = self.queue.known(&run) {
            return Ok((known, Vec::new()));
        }
        self.queue.make_room(run.session_id)?;
        if let Some(target) = self.queue.steered_by(&run) {
            let seq = self.last_seq(run.session_id);
            self.queue.remember(&run, target, seq);
            self.queue.wait_for(target, run);
            let joined = Admission::Joined { run_id: target, seq };
            return Ok((joined, vec![WorkSignal::InputArrived(target)]));
        }
        let mut signals = vec![WorkSignal::RunReady];
        signals.extend(self.queue.interrupt(&run).into_iter().map(WorkSignal::CancelRequested));
        self.write(run.session_id, vec![run.entry()]);
        let seq = self.last_seq(run.session_id);
        self.queue.remember(&run, run.run_id, seq);
        self.queue.add(run, Vec::new());
        Ok((Admission::Admitted { seq }, signals))
    }

    pub(super) fn request_cancel(
        &mut self,
        cancel: CancelRequest,
    ) -> Result<(Cancellation, Vec<WorkSignal>), StoreError> {
        let CancelRequest { run_id, at } = cancel;
        let missing = || StoreError::not_found("queued run", &run_id);
        let run = self.runs.get(&run_id).ok_or_else(missing)?;
        if run.state.is_final() {
            return Ok((Cancellation::Over, Vec::new()));
        }
        if !self.queue.holds(run_id) {
            return Err(missing());
        }
        if let Some(told) = self.queue.mark_cancelled(run_id) {
            let told = told.into_iter().map(WorkSignal::CancelRequested);
            return Ok((Cancellation::Requested, told.chain([WorkSignal::RunReady]).collect()));
        }
        let entry = NewEntry { run_id, at, kind: run.cancelled(at) };
        let (seq, signals) = self.append(Append::new(run.session_id, vec![entry]))?;
        Ok((Cancellation::Ended { seq }, signals))
    }

    pub(super) fn create_schedule(
        &mut self,
        schedule: ScheduleRecord,
        session: Option<SessionRecord>,
    ) -> Result<(), StoreError> {
        if self.schedules.get(schedule.id).is_some() {
            return Err(StoreError::conflict("schedule", &schedule.id, "it exists already"));
        }
        match session {
            Some(session) => {
                self.sessions.entry(session.id).or_insert(session);
            }
            None if self.sessions.contains_key(&schedule.session_id) => {}
            None => return Err(StoreError::not_found("session", &schedule.session_id)),
        }
        self.schedules.put(schedule);
        Ok(())
    }

    pub(super) fn change_schedule(
        &mut self,
        change: ScheduleChange,
    ) -> Result<(Option<Admission>, Vec<WorkSignal>), StoreError> {
        change.check(self.schedules.find(change.schedule.id)?.version)?;
        let moves = change.moves();
        let ScheduleChange { schedule, firings, run } = change;
        let (admission, mut signals) = match run {
            Some(run) => {
                let (admission, signals) = self.admit(run)?;
                (Some(admission), signals)
            }
            None => (None, Vec::new()),
        };
        self.schedules.note(schedule.id, firings);
        self.schedules.put(schedule);
        signals.extend(moves.then_some(WorkSignal::ScheduleChanged));
        Ok((admission, signals))
    }

    pub(super) fn delete_session(&mut self, id: SessionId) -> bool {
        let children = self.sessions.values().filter(|session| session.parent == Some(id));
        for child in children.map(|session| session.id).collect::<Vec<_>>() {
            self.delete_session(child);
        }
        self.journals.remove(&id);
        self.runs.retain(|_, run| run.session_id != id);
        self.queue.forget(id);
        self.deliveries.forget(id);
        self.approvals.forget(id);
        self.schedules.forget(id);
        self.sessions.remove(&id).is_some()
    }

    pub(super) fn fork(&mut self, fork: Fork) -> Result<SessionRecord, StoreError> {
        let Fork { from, up_to, mut into } = fork;
        let origin =
            self.sessions.get(&from).ok_or_else(|| StoreError::not_found("session", &from))?;
        into.inherit(origin);
        self.must_be_new(into.id)?;
        let entries = usize::try_from(up_to).ok().and_then(|end| self.journal(from).get(..end));
        let entries = entries.ok_or_else(|| StoreError::not_found("entry", &up_to))?;
        let copies =
            entries.iter().cloned().map(|event| AgentEvent { session_id: into.id, ..event });
        let copies = copies.collect();
        self.journals.insert(into.id, copies);
        self.sessions.insert(into.id, into.clone());
        Ok(into)
    }

    pub(super) fn import(&mut self, imported: ImportedSession) -> Result<(), StoreError> {
        let ImportedSession { session, entries } = imported;
        self.must_be_new(session.id)?;
        for run in finished_runs(session.id, &entries) {
            self.runs.entry(run.id).or_insert(run);
        }
        let events = events(session.id, 1, entries).collect();
        self.journals.insert(session.id, events);
        self.sessions.insert(session.id, session);
        Ok(())
    }

    fn must_be_new(&self, id: SessionId) -> Result<(), StoreError> {
        if self.sessions.contains_key(&id) || self.journals.contains_key(&id) {
            return Err(StoreError::conflict("session", &id, "it exists already"));
        }
        Ok(())
    }

    pub(super) fn mentions(&self, session: &SessionRecord, words: &[String]) -> bool {
        session.title.as_deref().is_some_and(|title| mentions(title, words))
            || self
                .journal(session.id)
                .iter()
                .filter_map(|entry| entry.kind.said())
                .any(|text| mentions(&text, words))
    }
}
