//! Events on their way from a run to the one who reads its handle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use futures::task::AtomicWaker;

use crate::event::AgentEvent;

/// How many unread events a run may be ahead of its reader before it waits.
const CAPACITY: usize = 1024;

/// A bounded queue between a run and its handle, which live in one task; only
/// progress reports of tools may come from elsewhere.
///
/// It also knows whether the run has anything to do: the run is polled with
/// the queue's own waker, so that a reader who asks for the next event of a
/// sleeping run does not poll all of it in vain, once for every event.
#[derive(Debug, Clone, Default)]
pub(super) struct EventQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    reader: AtomicWaker,
    /// Whether the run was polled and has not been woken since.
    asleep: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    unread: VecDeque<AgentEvent>,
    /// Whether the run waits until the reader has caught up.
    is_awaited: bool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.asleep.store(false, Ordering::Release);
        self.reader.wake();
    }
}

impl EventQueue {
    /// Adds an event; the handle polls the run and so finds it.
    pub(super) fn push(&self, event: AgentEvent) {
        self.queue().unread.push_back(event);
    }

    /// Adds an event from another task and wakes the reader. Drops it when the queue is full: it is ephemeral.
    pub(super) fn push_from_outside(&self, event: AgentEvent) {
        let mut queue = self.queue();
        if queue.unread.len() < CAPACITY {
            queue.unread.push_back(event);
            drop(queue);
            self.0.reader.wake();
        }
    }

    /// Waits until there is room.
    pub(super) async fn room(&self) {
        self.at_most(CAPACITY - 1).await;
    }

    /// Waits until the reader has seen everything.
    pub(super) async fn drained(&self) {
        self.at_most(0).await;
    }

    async fn at_most(&self, unread: usize) {
        poll_fn(|_| {
            let mut queue = self.queue();
            queue.is_awaited = queue.unread.len() > unread;
            if queue.is_awaited { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Moves what is unread to the reader, who has nothing left.
    /// A run that waited for its reader has something to do once there is nothing more.
    pub(super) fn take(&self, unread: &mut VecDeque<AgentEvent>) {
        let mut queue = self.queue();
        // Not swapped: a run that waits for its model has one empty buffer and not two.
        *unread = std::mem::take(&mut queue.unread);
        if unread.is_empty() && std::mem::take(&mut queue.is_awaited) {
            self.0.asleep.store(false, Ordering::Release);
        }
    }

    /// Drops everything unread. False when there was nothing.
    pub(super) fn discard(&self) -> bool {
        let mut queue = self.queue();
        let had_events = !queue.unread.is_empty();
        queue.unread.clear();
        queue.is_awaited = false;
        had_events
    }

    /// The waker to poll the run with.
    pub(super) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }

    /// Whether the run has nothing to do until it is woken.
    pub(super) fn is_asleep(&self) -> bool {
        self.0.asleep.load(Ordering::Acquire)
    }

    /// The run is about to be polled; whatever wakes it from now on counts.
    pub(super) fn put_to_sleep(&self) {
        self.0.asleep.store(true, Ordering::Release);
    }

    pub(super) fn register(&self, context: &Context<'_>) {
        self.0.reader.register(context.waker());
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Pushing and popping cannot leave the queue half-changed.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
