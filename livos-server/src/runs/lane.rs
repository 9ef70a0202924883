//! The one task that owns the runs of a session.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::EventKind;
use livos_core::Message;
use livos_core::RunControl;
use livos_core::RunError;
use livos_core::RunHandle;
use livos_core::RunId;
use livos_core::RunRequest;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::Steered;
use livos_core::StoreError;
use livos_core::Trigger;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Accepted;
use super::QueueMode;
use super::Runs;
use super::RunsError;
use super::Submission;
use super::hub::Hub;
use super::record;
use crate::metrics::Counted;

/// How long until a run is taken up again whose end could not be written down.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How many runs may wait in one session.
const MAX_WAITING: usize = 64;

type Reply<T> = oneshot::Sender<T>;

/// What a lane can be asked.
#[derive(Debug)]
pub(super) enum Command {
    Submit(Box<Submission>, Reply<Result<Accepted, RunsError>>),
    Cancel(RunId, Reply<Result<(), RunsError>>),
    Resume(RunId, Reply<()>),
    /// Stops everything; answered when nothing runs any more.
    Close(Reply<()>),
}

/// The runs of one session.
#[derive(Debug)]
pub(super) struct Lane {
    runs: Runs,
    session: SessionId,
    hub: Arc<Hub>,
    inbox: mpsc::Receiver<Command>,
    current: Option<Current>,
    waiting: VecDeque<Waiting>,
    /// Nothing begins before this: the store did not take the end of the last run.
    not_before: Option<Instant>,
    closing: Vec<Reply<()>>,
}

/// The run that is being driven.
#[derive(Debug)]
struct Current {
    handle: RunHandle,
    control: RunControl,
    /// What was said to it and is not in the journal yet.
    steering: VecDeque<Submission>,
    /// The last number it published.
    last_seq: u64,
    ending: Option<RunStatus>,
    /// Whether the end is in the journal.
    is_written: bool,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

/// A run that is in the journal and has not begun here.
#[derive(Debug)]
struct Waiting {
    run_id: RunId,
    /// As admitted, when nothing was said in the session since; else it is read back from the journal.
    handle: Option<RunHandle>,
    then: Then,
}

/// What becomes of a run that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Drive,
    /// It was stopped; only its end is not written down yet.
    EndCancelled,
}

enum Happening {
    Asked(Option<Command>),
    Published(Result<Option<AgentEvent>, Box<dyn Any + Send>>),
    Place(Option<OwnedSemaphorePermit>),
    Abandoned,
}

impl Lane {
    pub(super) fn new(
        runs: Runs,
        session: SessionId,
        hub: Arc<Hub>,
        inbox: mpsc::Receiver<Command>,
    ) -> Self {
        let (current, waiting, closing) = (None, VecDeque::new(), Vec::new());
        Self { runs, session, hub, inbox, current, waiting, not_before: None, closing }
    }

    /// Works until nothing is left to do.
    pub(super) async fn run(mut self) {
        // The command that started the lane is waiting already.
        loop {
            match self.next().await {
                Happening::Asked(Some(command)) => self.obey(command).await,
                Happening::Asked(None) | Happening::Place(None) | Happening::Abandoned => return,
                Happening::Published(Ok(Some(event))) => self.publish(event),
                Happening::Published(Ok(None)) => self.ended().await,
                Happening::Published(Err(panic)) => self.panicked(panic_text(&*panic)).await,
                Happening::Place(Some(place)) => self.begin(place).await,
            }
            if self.current.is_none() && (self.waiting.is_empty() || self.is_stopping()) {
                self.closing.drain(..).for_each(|reply| {
                    let _ = reply.send(());
                });
                if self.leave() {
                    return;
                }
            }
        }
    }

    async fn next(&mut self) -> Happening {
        let may_begin = self.current.is_none() && !self.waiting.is_empty() && !self.is_stopping();
        let (places, not_before) = (Arc::clone(&self.runs.0.places), self.not_before);
        let place = async {
            if let Some(instant) = not_before {
                tokio::time::sleep_until(instant).await;
            }
            places.acquire_owned().await
        };
        let event = async {
            match &mut self.current {
                Some(current) => AssertUnwindSafe(current.handle.next()).catch_unwind().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.runs.0.abandoned.cancelled() => Happening::Abandoned,
            command = self.inbox.recv() => Happening::Asked(command),
            event = event => Happening::Published(event),
            place = place, if may_begin => Happening::Place(place.ok()),
        }
    }

    fn is_stopping(&self) -> bool {
        self.runs.0.stopping.is_cancelled()
    }

    /// Ends the lane, unless a command came in the meantime.
    fn leave(&mut self) -> bool {
        let mut sessions = self.runs.sessions();
        if self.inbox.is_empty() {
            sessions.lanes.remove(&self.session);
            return true;
        }
        false
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(submission, reply) => {
                let answer = self.submit(*submission).await;
                drop(reply.send(answer));
            }
            Command::Cancel(run, reply) => {
                let answer = self.cancel(run).await;
                drop(reply.send(answer.map_err(RunsError::from)));
            }
            Command::Resume(run_id, reply) => {
                let is_here =
                    self.current.as_ref().is_some_and(|current| current.handle.run_id() == run_id)
                        || self.waiting.iter().any(|waiting| waiting.run_id == run_id);
                if !is_here {
                    self.waiting.push_back(Waiting { run_id, handle: None, then: Then::Drive });
                }
                let _ = reply.send(());
            }
            Command::Close(reply) => {
                self.closing.push(reply);
                let waiting =
                    self.waiting.drain(..).map(|waiting| waiting.run_id).collect::<Vec<_>>();
                for run in waiting {
                    self.record_end(run, RunStatus::Cancelled, None).await;
                }
                if let Some(current) = &self.current {
                    current.control.cancel();
                }
            }
        }
    }

    async fn submit(&mut self, submission: Submission) -> Result<Accepted, RunsError> {
        let key = submission.idempotency_key.clone();
        let before = key.as_deref().and_then(|key| self.runs.keys().find(self.session, key));
        if let Some(accepted) = before {
            return Ok(accepted);
        }
        let accepted = match (submission.mode, &mut self.current) {
            (QueueMode::Steer, Some(current)) => match current.steer(&submission) {
                Some(accepted) => accepted,
                None => self.admit(submission).await?,
            },
            (QueueMode::Interrupt, Some(current)) => {
                current.control.cancel();
                let accepted = self.admit(submission).await?;
                // It goes before what waits: it is what the person wants now.
                if let Some(newest) = self.waiting.pop_back() {
                    self.waiting.push_front(newest);
                }
                accepted
            }
            _ => self.admit(submission).await?,
        };
        if let Some(key) = key {
            self.runs.keys().remember(self.session, key, accepted);
        }
        Ok(accepted)
    }

    /// Writes a run down and lets it wait for its turn.
    async fn admit(&mut self, submission: Submission) -> Result<Accepted, RunsError> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(RunsError::Busy);
        }
        let handle = self.write_down(submission).await?;
        let (run_id, seq) = (handle.run_id(), handle.admitted_seq().unwrap_or_default());
        // Behind other runs its place in the conversation is known only when they ended.
        let is_next = self.current.is_none() && self.waiting.is_empty();
        if !is_next {
            self.publish_entry(seq).await;
        }
        let handle = is_next.then_some(handle);
        self.waiting.push_back(Waiting { run_id, handle, then: Then::Drive });
        Ok(Accepted { run_id, seq })
    }

    async fn write_down(&mut self, submission: Submission) -> Result<RunHandle, StoreError> {
        let mut request = RunRequest::new(submission.message)
            .in_session(self.session)
            .with_origin(submission.origin)
            .with_trigger(Trigger::Message);
        if let Some(model) = submission.model {
            request = request.with_model(model);
        }
        self.runs.0.agent.admit(request).await
    }

    /// Shows an entry that nobody drives yet. Watchers find it later if this fails.
    async fn publish_entry(&mut self, seq: u64) {
        match self.runs.0.store.read(self.session, seq.saturating_sub(1), 1).await {
            Ok(entries) => entries.into_iter().for_each(|entry| self.hub.publish(entry)),
            Err(error) => tracing::warn!(%error, "an entry could not be shown"),
        }
    }

    async fn cancel(&mut self, run: RunId) -> Result<(), StoreError> {
        match &self.current {
            Some(current) if current.handle.run_id() == run => {
                current.control.cancel();
                Ok(())
            }
            _ => {
                self.waiting.retain(|waiting| waiting.run_id != run);
                self.end_in_journal(run, RunStatus::Cancelled, None).await
            }
        }
    }

    async fn begin(&mut self, place: OwnedSemaphorePermit) {
        self.not_before = None;
        let Some(Waiting { run_id, handle, then }) = self.waiting.pop_front() else { return };
        if then == Then::EndCancelled {
            if self.end_in_journal(run_id, RunStatus::Cancelled, None).await.is_err() {
                self.wait_for_store(run_id, then);
            }
            return;
        }
        let handle = match handle {
            Some(handle) => handle,
            None => match self.runs.0.agent.resume(self.session, run_id).await {
                Ok(handle) => handle,
                Err(error) if error.is_transient() => return self.wait_for_store(run_id, then),
                Err(error) => {
                    tracing::error!(%error, %run_id, "a run could not be taken up");
                    let error =
                        RunError { kind: "journal_failed".to_owned(), message: error.to_string() };
                    self.record_end(run_id, RunStatus::Failed, Some(error)).await;
                    return;
                }
            },
        };
        self.current = Some(Current {
            control: handle.control(),
            last_seq: handle.admitted_seq().unwrap_or_default(),
            handle,
            steering: VecDeque::new(),
            ending: None,
            is_written: false,
            _place: place,
            _counted: self.runs.0.metrics.live_run(),
        });
    }

    fn publish(&mut self, event: AgentEvent) {
        self.runs.0.metrics.event(&event);
        if let Some(current) = &mut self.current {
            current.last_seq = event.seq().unwrap_or(current.last_seq);
            match &event.kind {
                EventKind::InputJoined { .. } => drop(current.steering.pop_front()),
                EventKind::RunFinished { status, .. } => {
                    current.ending = Some(*status);
                    current.is_written = event.seq().is_some();
                }
                _ => {}
            }
        }
        self.hub.publish(event);
    }

    /// The run is over. What was said to it too late gets a run of its own,
    /// unless it was stopped: then it is written down and not acted on.
    async fn ended(&mut self) {
        let Some(current) = self.current.take() else { return };
        let was_stopped = current.ending == Some(RunStatus::Cancelled);
        let run_id = current.handle.run_id();
        drop(current.handle);
        if !current.is_written {
            let then = if was_stopped { Then::EndCancelled } else { Then::Drive };
            self.wait_for_store(run_id, then);
        }
        for submission in current.steering {
            let accepted = self.admit(submission).await;
            match accepted {
                Ok(accepted) if was_stopped => {
                    self.waiting.retain(|waiting| waiting.run_id != accepted.run_id);
                    self.record_end(accepted.run_id, RunStatus::Cancelled, None).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a message could not be kept"),
            }
        }
    }

    /// A run whose end the store did not take is taken up again, before all others, when it may.
    fn wait_for_store(&mut self, run_id: RunId, then: Then) {
        tracing::warn!(%run_id, "the end of a run is not in the store; it is taken up again soon");
        self.waiting.push_front(Waiting { run_id, handle: None, then });
        self.not_before = Some(Instant::now() + STORE_PAUSE);
    }

    async fn panicked(&mut self, panic: String) {
        let Some(run_id) = self.current.as_ref().map(|current| current.handle.run_id()) else {
            return;
        };
        tracing::error!(%run_id, panic, "a run panicked");
        let message = "the run failed inside; the server's log says why".to_owned();
        let error = RunError { kind: "panicked".to_owned(), message };
        self.record_end(run_id, RunStatus::Failed, Some(error)).await;
        if let Some(current) = &mut self.current {
            // Taken up again it would panic again.
            current.is_written = true;
        }
        self.ended().await;
    }

    async fn record_end(&mut self, run: RunId, status: RunStatus, error: Option<RunError>) {
        if let Err(error) = self.end_in_journal(run, status, error).await {
            tracing::error!(%error, run_id = %run, "the end of a run could not be written down");
        }
    }

    async fn end_in_journal(
        &mut self,
        run: RunId,
        status: RunStatus,
        error: Option<RunError>,
    ) -> Result<(), StoreError> {
        let now = self.runs.0.clock.now();
        if let Some(event) = record::finish(&*self.runs.0.store, run, status, error, now).await? {
            self.runs.0.metrics.event(&event);
            self.hub.publish(event);
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("of unknown kind").to_owned()
}

impl Current {
    /// Says something to the run. None when it is too late for that.
    fn steer(&mut self, submission: &Submission) -> Option<Accepted> {
        match self.control.steer(Message::clone(&submission.message)) {
            Steered::Joins => {
                self.steering.push_back(submission.clone());
                Some(Accepted { run_id: self.handle.run_id(), seq: self.last_seq })
            }
            Steered::TooLate => None,
        }
    }
}
