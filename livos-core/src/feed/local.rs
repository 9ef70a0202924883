//! The feed of one process.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;

use super::EventFeed;
use super::KEPT_EVENTS;
use super::Shown;
use super::WATCHER_BUFFER;
use super::Watch;
use crate::event::AgentEvent;
use crate::id::SessionId;
use crate::store::StoreError;

/// The feed of one process, for stores that no other process has open.
#[derive(Debug, Default)]
pub struct LocalFeed(Mutex<HashMap<SessionId, Live>>);

/// The live end of a session.
#[derive(Debug, Default)]
struct Live {
    partial: VecDeque<Arc<AgentEvent>>,
    watchers: Vec<mpsc::Sender<Shown>>,
}

impl LocalFeed {
    /// A feed that nobody watches.
    pub fn new() -> Self {
        Self::default()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Live>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn show(&mut self, event: AgentEvent) {
        let shown = if event.kind.is_durable() {
            self.partial.clear();
            Shown::Grown
        } else {
            let event = Arc::new(event);
            if self.partial.len() >= KEPT_EVENTS {
                self.partial.pop_front();
            }
            self.partial.push_back(Arc::clone(&event));
            Shown::Event(event)
        };
        self.watchers.retain(|watcher| watcher.try_send(shown.clone()).is_ok());
    }

    fn is_quiet(&self) -> bool {
        self.partial.is_empty() && self.watchers.iter().all(mpsc::Sender::is_closed)
    }
}

#[async_trait]
impl EventFeed for LocalFeed {
    async fn show(&self, event: AgentEvent) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let id = event.session_id;
        let live = sessions.entry(id).or_default();
        live.show(event);
        if live.is_quiet() {
            sessions.remove(&id);
        }
        Ok(())
    }

    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError> {
        let (watcher, shown) = mpsc::channel(WATCHER_BUFFER);
        let mut sessions = self.sessions();
        let live = sessions.entry(session_id).or_default();
        live.watchers.retain(|watcher| !watcher.is_closed());
        live.watchers.push(watcher);
        let partial = live.partial.iter().map(|event| AgentEvent::clone(event)).collect();
        let live = stream::unfold(shown, async |mut shown| Some((shown.recv().await?, shown)));
        Ok(Watch { partial, live: live.boxed() })
    }
}
