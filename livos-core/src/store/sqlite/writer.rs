//! The thread that writes: everything that waits goes into one transaction.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::Damage;
use super::failure::repeated;
use super::failure::store_error;
use super::reader::gone;
use super::reader::spawn;
use super::tables::EntryText;
use super::tables::Remembered;
use super::tables::Tables;
use crate::store::Append;
use crate::store::StoreError;
use crate::store::signals::Signals;

/// How many jobs go into one transaction at most, so that none waits long for its commit.
const MAX_GROUP: usize = 256;

/// A write, and what tells its caller how it ended once the transaction did.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Acknowledge + Send>;
type Acknowledge = Box<dyn FnOnce(CommitResult<'_>) + Send>;
type CommitResult<'a> = Result<(), &'a StoreError>;

/// Runs writes on a thread of its own; when it is dropped, what was sent is written before it ends.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
    damage: Damage,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        signals: Arc<Signals>,
        damage: Damage,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread =
            spawn("livos-store-write", move || write_all(&connection, &waiting, &signals))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), damage })
    }

    pub(super) async fn append(&self, append: Append) -> Result<u64, StoreError> {
        // Made text here, on the caller's thread: the writer's is shared by all.
        let texts = append.entries.iter().map(EntryText::of).collect::<Result<Vec<_>, _>>()?;
        self.submit(move |tables| tables.append(append, texts)).await
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(move |tables| write(tables.db)).await
    }

    pub(super) async fn submit<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let written = tables.in_savepoint(write);
            Box::new(move |committed| {
                let outcome = match committed {
                    Ok(()) => written,
                    Err(error) => Err(repeated(error)),
                };
                // Nobody waits any more when the caller was dropped.
                reply.send(outcome).ok();
            })
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        let outcome = answer.await.map_err(|_| gone())?;
        self.damage.note(&outcome);
        outcome
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

fn write_all(connection: &Connection, waiting: &mpsc::Receiver<Job>, signals: &Signals) {
    let mut remembered = Remembered::default();
    let mut raised = Vec::new();
    let mut said = Vec::new();
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter()).take(MAX_GROUP);
        let mut acknowledgements = Vec::new();
        let mut tables = Tables {
            db: connection,
            remembered: &mut remembered,
            signals: &mut raised,
            said: &mut said,
            ended_by: None,
        };
        // When it cannot begin, the jobs find no transaction and do nothing.
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        acknowledgements.extend(group.map(|job| job(&mut tables)));
        let committed = begun.map_err(store_error).and_then(|()| tables.commit());
        let committed = committed.inspect_err(|error| {
            tracing::error!(%error, cause = ?error.source(), "a transaction of the store failed");
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
            // What was counted on is not there.
            remembered = Remembered::default();
            raised.clear();
            said.clear();
        });
        for acknowledge in acknowledgements {
            acknowledge(committed.as_ref().copied());
        }
        raised.dedup();
        for signal in raised.drain(..) {
            signals.send(signal);
        }
    }
}
