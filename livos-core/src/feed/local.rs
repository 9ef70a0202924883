//! The feed of one process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::EventFeed;
use super::Partial;
use super::Shown;
use super::WATCHER_BUFFER;
use super::Watch;
use super::ends_answer;
use super::partial::is_of_answer;
use crate::event::AgentEvent;
use crate::id::SessionId;
use crate::store::StoreError;

/// The feed of one process, for stores that no other process has open.
#[derive(Debug, Default)]
pub struct LocalFeed(Mutex<HashMap<SessionId, Arc<Mutex<Live>>>>);

/// The live end of a session.
#[derive(Debug, Default)]
pub(super) struct Live {
    partial: Partial,
    watchers: Vec<mpsc::Sender<Shown>>,
}

impl LocalFeed {
    /// A feed that nobody watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// The live end of a session if there is one, without holding up other sessions.
    pub(super) fn live(&self, session_id: SessionId) -> Option<Arc<Mutex<Live>>> {
        lock(&self.0).get(&session_id).cloned()
    }

    /// Forgets a session that nobody watches and in which nothing is being said.
    fn tidy(&self, session_id: SessionId, live: Arc<Mutex<Live>>) {
        let mut sessions = lock(&self.0);
        drop(live);
        // Whoever else holds it is about to change it.
        if sessions
            .get(&session_id)
            .is_some_and(|live| Arc::strong_count(live) == 1 && lock(live).is_quiet())
        {
            sessions.remove(&session_id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of the locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    fn show(&mut self, event: AgentEvent) {
        match event.seq() {
            Some(seq) if ends_answer(&event.kind) => self.partial.void(event.run_id, seq),
            None if is_of_answer(&event.kind) => self.partial.push(&event),
            _ => {}
        }
        if !self.watchers.is_empty() {
            self.tell(&Shown::Event(Arc::new(event)));
        }
    }

    fn tell(&mut self, shown: &Shown) {
        self.watchers.retain(|watcher| {
            let told = watcher.try_send(shown.clone());
            if let Err(TrySendError::Full(_)) = &told {
                tracing::warn!("one who watches a session was too slow and is disconnected");
            }
            told.is_ok()
        });
    }

    fn is_quiet(&self) -> bool {
        self.partial.is_empty() && self.watchers.iter().all(mpsc::Sender::is_closed)
    }
}

#[async_trait]
impl EventFeed for LocalFeed {
    fn show(&self, event: AgentEvent) {
        let id = event.session_id;
        let live = match self.live(id) {
            Some(live) => live,
            // Nobody watches, and nothing is kept of it.
            None if !is_of_answer(&event.kind) => return,
            None => Arc::clone(lock(&self.0).entry(id).or_default()),
        };
        let is_quiet = {
            let mut live = lock(&live);
            live.show(event);
            live.is_quiet()
        };
        if is_quiet {
            self.tidy(id, live);
        }
    }

    fn grown(&self, session_id: SessionId, seq: u64) {
        if let Some(live) = self.live(session_id) {
            lock(&live).tell(&Shown::Grown(seq));
        }
    }

    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError> {
        let (watcher, shown) = mpsc::channel(WATCHER_BUFFER);
        let live = Arc::clone(lock(&self.0).entry(session_id).or_default());
        let partial = {
            let mut live = lock(&live);
            live.watchers.retain(|watcher| !watcher.is_closed());
            live.watchers.push(watcher);
            live.partial.pieces().to_vec()
        };
        let live = stream::unfold(shown, async |mut shown| Some((shown.recv().await?, shown)));
        Ok(Watch { partial, live: live.boxed() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::EventKind;
    use crate::event::Position;
    use crate::id::RunId;

    #[tokio::test]
    async fn sessions_in_which_nothing_happens_are_forgotten() {
        let (feed, session_id) = (LocalFeed::new(), SessionId::from_u128(1));
        let show = |position, kind| {
            let (run_id, at) = (RunId::from_u128(2), Timestamp::from_unix_micros(0));
            feed.show(AgentEvent { session_id, run_id, position, at, kind });
        };
        let watch = feed.watch(session_id).await.unwrap();
        show(Position::After(1), EventKind::TextDelta { text: "a".to_owned() });
        drop(watch);
        assert!(feed.live(session_id).is_some(), "the answer so far is kept");
        show(Position::Seq(2), EventKind::TurnStarted { turn: 2 });
        assert!(feed.live(session_id).is_none());
    }
}
