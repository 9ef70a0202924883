//! What is written down beside what goes on: which facts were recalled, and what embeddings took.
//!
//! A write for each search would cost more than the search. What is noted is gathered for a second and
//! written at once; a process that is killed loses that second of counts, and nothing else.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::FactStore;
use crate::store::UsageLog;
use crate::store::UsageRow;

/// How long notes are gathered.
const GATHERED: Duration = Duration::from_secs(1);
/// How many notes wait at most, where the store takes none.
const MOST: usize = 10_000;

/// What is to be written down; ends with the memory.
#[derive(Debug)]
pub(super) struct Notes {
    desk: Arc<Desk>,
    writing: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Desk {
    store: Arc<dyn FactStore>,
    usage: Option<Arc<dyn UsageLog>>,
    waiting: Mutex<Waiting>,
    /// Who holds it writes.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    recalls: HashMap<UserId, (Vec<FactId>, Timestamp)>,
    calls: Vec<UsageRow>,
    count: usize,
    /// Whether somebody is going to write them.
    is_expected: bool,
}

impl Notes {
    pub(super) fn new(store: Arc<dyn FactStore>, usage: Option<Arc<dyn UsageLog>>) -> Self {
        let desk =
            Desk { store, usage, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() };
        Self { desk: Arc::new(desk), writing: Mutex::default() }
    }

    /// Facts of a user were recalled.
    pub(super) fn recalled(&self, user: &UserId, ids: Vec<FactId>, at: Timestamp) {
        if ids.is_empty() {
            return;
        }
        self.add(|waiting| {
            waiting.count += ids.len();
            let (known, last) = waiting.recalls.entry(user.clone()).or_insert((Vec::new(), at));
            known.extend(ids);
            *last = at.max(*last);
        });
    }

    /// An embedding model was asked.
    pub(super) fn called(&self, call: UsageRow) {
        if self.desk.usage.is_some() {
            self.add(|waiting| {
                waiting.count += 1;
                waiting.calls.push(call);
            });
        }
    }

    /// Writes what waits.
    pub(super) async fn flush(&self) {
        self.desk.flush().await;
    }

    fn add(&self, note: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.desk.waiting();
        if waiting.count < MOST {
            note(&mut waiting);
        }
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = writing.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "what writes down recalled memories broke off");
            }
        }
        if mem::replace(&mut waiting.is_expected, true) && !writing.is_empty() {
            return;
        }
        let desk = Arc::clone(&self.desk);
        writing.spawn(async move {
            tokio::time::sleep(GATHERED).await;
            desk.waiting().is_expected = false;
            desk.flush().await;
        });
    }
}

impl Desk {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_recalls(&self) -> Option<(UserId, (Vec<FactId>, Timestamp))> {
        let recalls = &mut self.waiting().recalls;
        let user = recalls.keys().next()?.clone();
        recalls.remove_entry(&user)
    }

    async fn flush(&self) {
        let turn = self.turn.lock().await;
        let calls = {
            let mut waiting = self.waiting();
            waiting.count = 0;
            mem::take(&mut waiting.calls)
        };
        if let (Some(usage), false) = (&self.usage, calls.is_empty())
            && let Err(error) = usage.record_usage(calls).await
        {
            tracing::error!(%error, "what embeddings took could not be written down");
        }
        // One by one, so that whoever gives up waiting loses nothing that was not begun.
        while let Some((user, (ids, at))) = self.next_recalls() {
            if let Err(error) = self.store.recall_facts(&user, ids, at).await {
                tracing::warn!(%error, "which memories were recalled could not be written down");
            }
        }
        drop(turn);
    }
}
