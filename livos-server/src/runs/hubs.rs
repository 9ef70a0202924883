//! The hubs of all sessions that somebody watches or that have a run under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

use livos_core::AgentEvent;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::SessionId;

use super::hub::Hub;
use crate::metrics::Counted;
use crate::metrics::Metrics;

/// The hubs there are. A hub lives as long as somebody watches it or a run of its session is driven here.
#[derive(Debug)]
pub(super) struct Hubs {
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hubs: HashMap<SessionId, Weak<Hub>>,
    live: HashMap<RunId, Live>,
}

/// A run that is driven here. It keeps the answer so far for those who come in the middle of it.
#[derive(Debug)]
struct Live {
    hub: Arc<Hub>,
    _counted: Counted,
}

impl Hubs {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, state: Mutex::default() }
    }

    /// The hub of a session, made if there is none.
    pub(super) fn of(&self, session: SessionId) -> Arc<Hub> {
        self.state().hub(session)
    }

    /// The hub of a session, if anybody could see what is published there.
    pub(super) fn watched(&self, session: SessionId) -> Option<Arc<Hub>> {
        self.state().hubs.get(&session).and_then(Weak::upgrade)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunObserver for Hubs {
    fn observe(&self, event: AgentEvent) {
        self.metrics.event(&event);
        let hub = {
            let mut state = self.state();
            match state.live.get(&event.run_id) {
                Some(live) => Arc::clone(&live.hub),
                None => {
                    let hub = state.hub(event.session_id);
                    let live = Live { hub: Arc::clone(&hub), _counted: self.metrics.live_run() };
                    state.live.insert(event.run_id, live);
                    hub
                }
            }
        };
        hub.publish(event);
    }

    fn released(&self, run_id: RunId) {
        self.state().live.remove(&run_id);
    }
}

impl State {
    fn hub(&mut self, session: SessionId) -> Arc<Hub> {
        if let Some(hub) = self.hubs.get(&session).and_then(Weak::upgrade) {
            return hub;
        }
        self.hubs.retain(|_, hub| hub.strong_count() > 0);
        let hub = Arc::new(Hub::default());
        self.hubs.insert(session, Arc::downgrade(&hub));
        hub
    }
}
