//! Events on their way from a run to the one who reads its handle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::event::AgentEvent;

/// How many unread events a run may be ahead of its reader before it waits.
const CAPACITY: usize = 1024;

/// A bounded queue between a run and its handle, which live in one task; only
/// progress reports of tools may come from elsewhere.
#[derive(Debug, Clone, Default)]
pub(super) struct EventQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    events: Mutex<VecDeque<AgentEvent>>,
    reader: AtomicWaker,
}

impl EventQueue {
    /// Adds an event; the handle polls the run and so finds it.
    pub(super) fn push(&self, event: AgentEvent) {
        self.events().push_back(event);
    }

    /// Adds an event from another task and wakes the reader. Drops it when the queue is full: it is ephemeral.
    pub(super) fn push_from_outside(&self, event: AgentEvent) {
        let mut events = self.events();
        if events.len() < CAPACITY {
            events.push_back(event);
            drop(events);
            self.0.reader.wake();
        }
    }

    /// Waits until there is room. Polled again by the handle whenever the queue is empty.
    pub(super) async fn room(&self) {
        self.at_most(CAPACITY - 1).await;
    }

    /// Waits until the reader has seen everything.
    pub(super) async fn drained(&self) {
        self.at_most(0).await;
    }

    async fn at_most(&self, unread: usize) {
        poll_fn(|_| if self.events().len() <= unread { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    pub(super) fn pop(&self) -> Option<AgentEvent> {
        self.events().pop_front()
    }

    /// Drops everything unread. False when there was nothing.
    pub(super) fn discard(&self) -> bool {
        let mut events = self.events();
        let had_events = !events.is_empty();
        events.clear();
        had_events
    }

    pub(super) fn register(&self, context: &Context<'_>) {
        self.0.reader.register(context.waker());
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<AgentEvent>> {
        // Pushing and popping cannot leave the queue half-changed.
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
