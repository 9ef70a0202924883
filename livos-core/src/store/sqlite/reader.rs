//! The thread that reads.

use std::fmt;
use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::Damage;
use crate::store::StoreError;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Runs queries on a thread of its own, one after the other; ends when it is dropped.
pub(super) struct Reader {
    jobs: mpsc::Sender<Job>,
    damage: Damage,
}

impl Reader {
    pub(super) fn start(connection: Connection, damage: Damage) -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::channel::<Job>();
        spawn("livos-store-read", move || {
            while let Ok(job) = jobs.recv() {
                job(&connection);
            }
        })?;
        Ok(Self { jobs: sender, damage })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more when the caller was dropped.
            reply.send(query(connection)).ok();
        });
        self.jobs.send(job).map_err(|_| gone())?;
        let outcome = answer.await.map_err(|_| gone())?;
        self.damage.note(&outcome);
        outcome
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::unavailable("the store's thread has ended")
}

pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, StoreError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        StoreError::Unavailable {
            message: "the store's thread cannot be started".to_owned(),
            source: Some(error.into()),
        }
    })
}
