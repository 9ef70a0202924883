//! The thread that writes: everything that waits goes into one transaction.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::damaged;
use super::failure::store_error;
use super::queries;
use super::reader::gone;
use super::reader::spawn;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::NewEntry;
use crate::store::RunRecord;
use crate::store::StoreError;

/// How many jobs go into one transaction at most, so that none waits long for its commit.
const MAX_GROUP: usize = 256;

/// A write, and what tells its caller how it ended once the transaction did.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Acknowledge + Send>;
type Acknowledge = Box<dyn FnOnce(CommitResult<'_>) + Send>;
type CommitResult<'a> = Result<(), &'a str>;

/// What a job works on.
struct Tables<'a> {
    db: &'a Connection,
    /// The runs that are not over, so that projecting an entry needs no look-up.
    open_runs: &'a mut HashMap<RunId, RunRecord>,
}

/// Runs writes on a thread of its own; when it is dropped, what was sent is written before it ends.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread = spawn("livos-store-write", move || write_all(&connection, &waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn append(
        &self,
        session_id: SessionId,
        entries: Vec<NewEntry>,
    ) -> Result<u64, StoreError> {
        // Made text here, on the caller's thread: the writer's is shared by all.
        let texts: Result<Vec<_>, _> =
            entries.iter().map(|entry| serde_json::to_string(&entry.kind)).collect();
        let texts = texts.map_err(|error| damaged("entry", &error))?;
        self.submit(move |tables| tables.append(session_id, entries, &texts)).await
    }

    pub(super) async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        self.submit(move |tables| {
            tables.open_runs.retain(|_, run| run.session_id != id);
            queries::delete_session(tables.db, id)
        })
        .await
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(move |tables| write(tables.db)).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let written = tables.in_savepoint(write);
            Box::new(move |committed| {
                let outcome = match committed {
                    Ok(()) => written,
                    Err(message) => Err(StoreError::unavailable(message)),
                };
                // Nobody waits any more when the caller was dropped.
                reply.send(outcome).ok();
            })
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writing thread panicked");
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

fn write_all(connection: &Connection, waiting: &mpsc::Receiver<Job>) {
    let mut open_runs = HashMap::new();
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter()).take(MAX_GROUP);
        let mut acknowledgements = Vec::new();
        let mut tables = Tables { db: connection, open_runs: &mut open_runs };
        let committed = connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            acknowledgements.extend(group.map(|job| job(&mut tables)));
            connection.execute_batch("COMMIT")
        });
        let committed = committed.map_err(|error| {
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
            // What was counted on is not there.
            open_runs.clear();
            format!("the transaction failed: {error}")
        });
        for acknowledge in acknowledgements {
            acknowledge(committed.as_ref().copied().map_err(String::as_str));
        }
    }
}

impl Tables<'_> {
    /// Runs one write so that its failure undoes it alone and not its group.
    fn in_savepoint<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.db.execute_batch("SAVEPOINT job").map_err(store_error)?;
        let written = write(self);
        let end = match &written {
            Ok(_) => "RELEASE job",
            Err(_) => {
                self.open_runs.clear();
                "ROLLBACK TO job; RELEASE job"
            }
        };
        self.db.execute_batch(end).map_err(store_error)?;
        written
    }

    fn append(
        &mut self,
        session_id: SessionId,
        entries: Vec<NewEntry>,
        texts: &[String],
    ) -> Result<u64, StoreError> {
        if let Some(newest) = entries.last() {
            queries::touch_session(self.db, session_id, newest.at)?;
        }
        let first = queries::last_seq(self.db, session_id)? + 1;
        for ((seq, entry), text) in (first..).zip(entries).zip(texts) {
            let NewEntry { run_id, at, kind } = entry;
            queries::insert_entry(self.db, session_id, seq, (run_id, at), text)?;
            let position = Position::Seq(seq);
            self.project(&AgentEvent { session_id, run_id, position, at, kind })?;
        }
        Ok(first)
    }

    /// Keeps the record of the entry's run up to date.
    fn project(&mut self, event: &AgentEvent) -> Result<(), StoreError> {
        if let Some(run) = RunRecord::admitted(event) {
            queries::put_run(self.db, &run)?;
            self.open_runs.insert(run.id, run);
            return Ok(());
        }
        if !RunRecord::is_changed_by(&event.kind) {
            return Ok(());
        }
        let known = match self.open_runs.remove(&event.run_id) {
            Some(run) => Some(run),
            None => queries::run(self.db, event.run_id)?,
        };
        if let Some(mut run) = known {
            run.apply(event.at, &event.kind);
            queries::put_run(self.db, &run)?;
            if !run.state.is_final() {
                self.open_runs.insert(run.id, run);
            }
        }
        Ok(())
    }
}
