//! Fans the events of one session out to whoever watches.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use livos_core::AgentEvent;
use tokio::sync::mpsc;

use super::partial::Partial;

/// How many events a subscriber may be behind before it is dropped. It comes
/// back with the number it had last, so nothing is lost, and nobody is held up.
pub(super) const SUBSCRIBER_BUFFER: usize = 1_024;

/// The live end of one session.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    partial: Partial,
    subscribers: Vec<mpsc::Sender<Arc<AgentEvent>>>,
}

/// A place at the live end, with what was going on when it was taken.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) partial: Vec<AgentEvent>,
    pub(super) live: mpsc::Receiver<Arc<AgentEvent>>,
}

impl Hub {
    /// Shows an event to all who watch.
    pub(super) fn publish(&self, event: AgentEvent) {
        let mut state = self.lock();
        state.partial.apply(&event);
        let event = Arc::new(event);
        state.subscribers.retain(|subscriber| {
            let delivered = subscriber.try_send(Arc::clone(&event));
            if let Err(mpsc::error::TrySendError::Full(_)) = &delivered {
                tracing::warn!("an event subscriber was too slow and is disconnected");
            }
            delivered.is_ok()
        });
    }

    /// Takes a place: everything published from now on arrives.
    pub(super) fn subscribe(&self) -> Subscription {
        let (sender, live) = mpsc::channel(SUBSCRIBER_BUFFER);
        let mut state = self.lock();
        state.subscribers.retain(|subscriber| !subscriber.is_closed());
        state.subscribers.push(sender);
        Subscription { partial: state.partial.events(), live }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
