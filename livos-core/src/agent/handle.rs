//! What one holds of a run.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use futures::Stream;
use futures::future::BoxFuture;

use super::RunOutcome;
use super::event_queue::EventQueue;
use crate::cancel::CancelSignal;
use crate::event::AgentEvent;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;

/// A run: a stream of its events, and a future of its outcome.
///
/// It makes progress only while it is polled, either way, like any future;
/// `tokio::spawn(run)` lets it go on by itself. Dropping it stops it where it
/// is: the journal shows it unfinished and
/// [`AgentLoop::resume`](crate::AgentLoop::resume) can go on. To stop it for
/// good, [`cancel`](Self::cancel) it and await the outcome.
///
/// Cancellation safe: dropping a `next()` or a borrowed await loses no event.
#[must_use = "a run makes progress only while it is polled"]
pub struct RunHandle {
    run_id: RunId,
    session_id: SessionId,
    admitted_seq: Option<u64>,
    progress: Progress,
    events: EventQueue,
    /// Taken from the queue and not read yet.
    unread: VecDeque<AgentEvent>,
    waker: Waker,
    control: RunControl,
}

enum Progress {
    Driving(BoxFuture<'static, RunOutcome>),
    Ended(RunOutcome),
}

impl RunHandle {
    pub(super) fn new(
        ids: (SessionId, RunId),
        admitted_seq: Option<u64>,
        events: EventQueue,
        control: RunControl,
        driver: BoxFuture<'static, RunOutcome>,
    ) -> Self {
        let (session_id, run_id) = ids;
        let progress = Progress::Driving(driver);
        let waker = events.waker();
        let unread = VecDeque::new();
        Self { run_id, session_id, admitted_seq, progress, events, unread, waker, control }
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// Its session.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The number of its admission in the journal, if it was admitted before it began.
    pub fn admitted_seq(&self) -> Option<u64> {
        self.admitted_seq
    }

    /// A handle to stop or steer the run from elsewhere.
    pub fn control(&self) -> RunControl {
        self.control.clone()
    }

    /// Stops the run: the model call and the tools under way end, and the outcome is `cancelled`.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// Says something to the running agent; it joins at the next turn.
    pub fn steer(&self, message: impl Into<Message>) -> Steered {
        self.control.steer(message)
    }

    fn poll_progress(&mut self) -> Poll<()> {
        let Progress::Driving(driver) = &mut self.progress else { return Poll::Ready(()) };
        self.events.put_to_sleep();
        let outcome =
            std::task::ready!(driver.as_mut().poll(&mut Context::from_waker(&self.waker)));
        self.progress = Progress::Ended(outcome);
        Poll::Ready(())
    }
}

impl Stream for RunHandle {
    type Item = AgentEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AgentEvent>> {
        if let Some(event) = self.unread.pop_front() {
            return Poll::Ready(Some(event));
        }
        self.events.register(context);
        let handle = &mut *self;
        if matches!(handle.progress, Progress::Driving(_)) && handle.events.is_asleep() {
            handle.events.take(&mut handle.unread);
            if let Some(event) = handle.unread.pop_front() {
                return Poll::Ready(Some(event));
            }
            if handle.events.is_asleep() {
                return Poll::Pending;
            }
        }
        let progress = handle.poll_progress();
        handle.events.take(&mut handle.unread);
        match (handle.unread.pop_front(), progress) {
            (Some(event), _) => Poll::Ready(Some(event)),
            (None, Poll::Ready(())) => Poll::Ready(None),
            (None, Poll::Pending) => Poll::Pending,
        }
    }
}

impl Future for RunHandle {
    type Output = RunOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<RunOutcome> {
        self.events.register(context);
        self.unread.clear();
        loop {
            let progress = self.poll_progress();
            // A run that waits for its reader goes on once the unread events are gone.
            let made_room = self.events.discard();
            if let Progress::Ended(outcome) = &self.progress {
                return Poll::Ready(outcome.clone());
            }
            if progress.is_pending() && !made_room {
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle")
            .field("run_id", &self.run_id)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// Whether a message reached the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steered {
    /// It joins at the next turn.
    Joins,
    /// The run has taken its last decision; begin another.
    TooLate,
}

/// Stops or steers a run from anywhere. Clones control the same run.
#[derive(Debug, Clone)]
pub struct RunControl {
    cancel: CancelSignal,
    steering: Arc<Mutex<Steering>>,
}

#[derive(Debug)]
enum Steering {
    Open(Vec<Message>),
    Closed,
}

impl RunControl {
    pub(super) fn new() -> Self {
        let steering = Arc::new(Mutex::new(Steering::Open(Vec::new())));
        Self { cancel: CancelSignal::new(), steering }
    }

    /// Stops the run: the model call and the tools under way end, and the outcome is `cancelled`.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Says something to the running agent; it joins at the next turn.
    pub fn steer(&self, message: impl Into<Message>) -> Steered {
        match &mut *self.steering.lock().unwrap_or_else(PoisonError::into_inner) {
            Steering::Open(waiting) => {
                waiting.push(message.into());
                Steered::Joins
            }
            Steering::Closed => Steered::TooLate,
        }
    }

    pub(super) fn cancel_signal(&self) -> &CancelSignal {
        &self.cancel
    }

    /// Takes what was said since the last time.
    pub(super) fn take_steering(&self) -> Vec<Message> {
        match &mut *self.steering.lock().unwrap_or_else(PoisonError::into_inner) {
            Steering::Open(waiting) => std::mem::take(waiting),
            Steering::Closed => Vec::new(),
        }
    }

    /// Closes the ear if nothing is waiting; otherwise gives what was said, and stays open.
    pub(super) fn close_steering(&self) -> Vec<Message> {
        let mut steering = self.steering.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *steering {
            Steering::Open(waiting) if !waiting.is_empty() => std::mem::take(waiting),
            Steering::Open(_) | Steering::Closed => {
                *steering = Steering::Closed;
                Vec::new()
            }
        }
    }
}
