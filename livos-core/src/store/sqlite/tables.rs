//! What a write works on.

use std::collections::HashMap;

use rusqlite::Connection;

use super::approvals;
use super::failure::repeated;
use super::failure::store_error;
use super::lanes;
use super::outbox;
use super::queries;
use super::queue;
use super::sessions;
use super::statement::execute;
use super::statement::to_text;
use super::usage;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Admission;
use crate::store::Append;
use crate::store::ApprovalRecord;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::DeliveryRecord;
use crate::store::LeaseToken;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::QueueMode;
use crate::store::Reply;
use crate::store::RunRecord;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::session_query::events;

/// How many sessions' last numbers are remembered.
const MAX_REMEMBERED: usize = 4096;

/// What the writer knows without looking; forgotten when a write is undone.
#[derive(Default)]
pub(super) struct Remembered {
    /// The runs that are not over.
    open_runs: HashMap<RunId, RunRecord>,
    last_seqs: HashMap<SessionId, u64>,
}

/// An entry as it is stored and found, made ready before it is the writer's turn.
pub(super) struct EntryText {
    kind: String,
    /// What was said with it, if something was.
    words: Option<String>,
}

impl EntryText {
    pub(super) fn of(entry: &NewEntry) -> Result<Self, StoreError> {
        let words = entry.kind.said().map(|text| sessions::searchable(&text));
        Ok(Self { kind: to_text("entry", &entry.kind)?, words })
    }
}

/// What a write works on.
pub(super) struct Tables<'a> {
    pub(super) db: &'a Connection,
    pub(super) remembered: &'a mut Remembered,
    /// To be sent when the transaction is committed.
    pub(super) signals: &'a mut Vec<WorkSignal>,
    /// To be made findable before that: FTS5 writes its index out at every savepoint.
    pub(super) said: &'a mut Vec<Said>,
    /// What made SQLite undo the whole transaction, as a full disk does.
    pub(super) ended_by: Option<StoreError>,
}

/// Words to be made findable.
pub(super) struct Said {
    session_id: SessionId,
    seq: u64,
    words: String,
}

impl Tables<'_> {
    /// Runs one write so that its failure undoes it alone and not its group.
    pub(super) fn in_savepoint<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.db.is_autocommit() {
            // A full disk ends the whole transaction; a savepoint would begin one of its own.
            return Err(StoreError::unavailable("the transaction was rolled back"));
        }
        let (signals, said) = (self.signals.len(), self.said.len());
        execute(self.db, "SAVEPOINT job", [])?;
        let written = write(self);
        if let Err(error) = &written {
            *self.remembered = Remembered::default();
            self.signals.truncate(signals);
            self.said.truncate(said);
            if self.db.is_autocommit() {
                self.ended_by = Some(repeated(error));
                return written;
            }
            execute(self.db, "ROLLBACK TO job", [])?;
        }
        execute(self.db, "RELEASE job", [])?;
        written
    }

    /// Makes findable what the jobs of this transaction said, and makes it last.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.ended_by.take() {
            return Err(error);
        }
        for Said { session_id, seq, words } in self.said.drain(..) {
            sessions::index(self.db, session_id, seq, &words)?;
        }
        self.db.execute_batch("COMMIT").map_err(store_error)
    }

    pub(super) fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        match self.remembered.last_seqs.get(&session_id) {
            Some(seq) => Ok(*seq),
            None => queries::last_seq(self.db, session_id),
        }
    }

    pub(super) fn append(
        &mut self,
        append: Append,
        texts: Vec<EntryText>,
    ) -> Result<u64, StoreError> {
        let Append { session_id, entries, lease, joins, usage, .. } = append;
        if let Some(lease) = lease {
            queue::check(self.db, lease)?;
        }
        if let Some(first) = entries.first() {
            queue::join(self.db, first.run_id, &joins)?;
        }
        usage::insert(self.db, &usage)?;
        self.write(session_id, entries, texts)
    }

    fn write(
        &mut self,
        session_id: SessionId,
        entries: Vec<NewEntry>,
        texts: Vec<EntryText>,
    ) -> Result<u64, StoreError> {
        let first = self.last_seq(session_id)? + 1;
        let Some(newest) = entries.last() else { return Ok(first) };
        sessions::touch(self.db, session_id, newest.at)?;
        let next = first + entries.len() as u64;
        let mut ended = Vec::new();
        for ((seq, event), text) in (first..).zip(events(session_id, first, entries)).zip(texts) {
            queries::insert_entry(self.db, session_id, seq, (event.run_id, event.at), &text.kind)?;
            self.said.extend(text.words.map(|words| Said { session_id, seq, words }));
            self.project(&event)?;
            ended.extend(Reply::of(&event.kind).map(|reply| (event.run_id, event.at, reply)));
        }
        if self.remembered.last_seqs.len() >= MAX_REMEMBERED {
            self.remembered.last_seqs.clear();
        }
        self.remembered.last_seqs.insert(session_id, next - 1);
        for (run_id, at, reply) in ended {
            self.complete(run_id, at, &reply)?;
        }
        Ok(first)
    }

    pub(super) fn write_one(
        &mut self,
        session_id: SessionId,
        entry: NewEntry,
    ) -> Result<u64, StoreError> {
        let text = EntryText::of(&entry)?;
        self.write(session_id, vec![entry], vec![text])
    }

    /// Keeps the record of the entry's run up to date.
    fn project(&mut self, event: &AgentEvent) -> Result<(), StoreError> {
        if let Some(record) = ApprovalRecord::requested(event) {
            approvals::put(self.db, &record)?;
        }
        if let Some(run) = RunRecord::admitted(event) {
            queries::put_run(self.db, &run)?;
            self.remembered.open_runs.insert(run.id, run);
            return Ok(());
        }
        if !RunRecord::is_changed_by(&event.kind) {
            return Ok(());
        }
        let known = match self.remembered.open_runs.remove(&event.run_id) {
            Some(run) => Some(run),
            None => queries::run(self.db, event.run_id)?,
        };
        if let Some(mut run) = known {
            run.apply(event.at, &event.kind);
            if matches!(event.kind, EventKind::RunStarted { .. } | EventKind::ApprovalResolved(_)) {
                run.waits_for(approvals::open(self.db, run.id)?);
            }
            if run.state.is_final() {
                approvals::abandon(self.db, run.id, event.at)?;
            }
            queries::put_run(self.db, &run)?;
            if run.state.is_final() {
                self.signals.push(WorkSignal::RunEnded(run.id, run.trigger));
            } else {
                self.remembered.open_runs.insert(run.id, run);
            }
        }
        Ok(())
    }

    /// Takes an ended run out of the queue, owes its replies, and admits what nobody took.
    fn complete(&mut self, run_id: RunId, at: Timestamp, reply: &Reply) -> Result<(), StoreError> {
        let Some(done) = queue::remove(self.db, run_id)? else { return Ok(()) };
        for to in done.replies {
            let delivery = DeliveryRecord::owed(run_id, done.session_id, to, reply.clone(), at);
            outbox::put(self.db, &delivery, LeaseToken(0))?;
            self.signals.push(WorkSignal::DeliveryDue);
        }
        if let Some(mut next) = done.inputs.first().cloned() {
            next.at = at;
            self.write_one(done.session_id, next.entry())?;
            queue::add(self.db, &next)?;
            queue::wait_again(self.db, next.run_id, &done.inputs)?;
        }
        self.signals.push(WorkSignal::RunReady);
        Ok(())
    }

    pub(super) fn admit(&mut self, run: &NewRun) -> Result<Admission, StoreError> {
        if let Some(known) = queue::known(self.db, run)? {
            return Ok(known);
        }
        queue::make_room(self.db, run.session_id)?;
        if let Some(target) = queue::steered_by(self.db, run)? {
            let seq = self.last_seq(run.session_id)?;
            queue::remember(self.db, run, target, seq)?;
            queue::wait_for(self.db, target, run)?;
            self.signals.push(WorkSignal::InputArrived(target));
            return Ok(Admission::Joined { run_id: target, seq });
        }
        if run.mode == QueueMode::Interrupt {
            let interrupted = queue::interrupt(self.db, run.session_id)?;
            self.signals.extend(interrupted.into_iter().map(WorkSignal::CancelRequested));
        }
        let seq = self.write_one(run.session_id, run.entry())?;
        queue::remember(self.db, run, run.run_id, seq)?;
        queue::add(self.db, run)?;
        self.signals.push(WorkSignal::RunReady);
        Ok(Admission::Admitted { seq })
    }

    pub(super) fn request_cancel(
        &mut self,
        cancel: CancelRequest,
    ) -> Result<Cancellation, StoreError> {
        let CancelRequest { run_id, at } = cancel;
        let missing = || StoreError::not_found("queued run", &run_id);
        let run = queries::run(self.db, run_id)?.ok_or_else(missing)?;
        if run.state.is_final() {
            return Ok(Cancellation::Over);
        }
        if !queue::holds(self.db, run_id)? {
            return Err(missing());
        }
        if let Some(told) = queue::mark_cancelled(self.db, run_id)? {
            self.signals.extend(told.into_iter().map(WorkSignal::CancelRequested));
            self.signals.push(WorkSignal::RunReady);
            return Ok(Cancellation::Requested);
        }
        let entry = NewEntry { run_id, at, kind: run.cancelled(at) };
        Ok(Cancellation::Ended { seq: self.write_one(run.session_id, entry)? })
    }

    pub(super) fn delete_session(&mut self, id: SessionId) -> Result<bool, StoreError> {
        for child in sessions::children(self.db, id)? {
            self.delete_session(child)?;
        }
        self.remembered.open_runs.retain(|_, run| run.session_id != id);
        self.remembered.last_seqs.remove(&id);
        self.said.retain(|said| said.session_id != id);
        lanes::wake_all(self.db, id)?;
        self.signals.push(WorkSignal::RunReady);
        sessions::delete(self.db, id)
    }
}
