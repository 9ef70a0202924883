//! Drives a run: does what [`AgentRun`] decides, and writes down what happens.

use std::sync::Arc;

use futures::FutureExt;
use tracing::Instrument;

use super::AgentRun;
use super::Ending;
use super::RunControl;
use super::RunHandle;
use super::RunOutcome;
use super::RunRequest;
use super::Shared;
use super::Step;
use super::Transcript;
use super::event_queue::EventQueue;
use super::make_room::Gauge;
use crate::budget::Budget;
use crate::budget::BudgetLimit;
use crate::budget::BudgetMeter;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::event::RunStatus;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::store::Append;
use crate::store::NewEntry;
use crate::store::StoreError;
use crate::tool::ToolContextParts;

/// How many entries are read from the journal at a time.
const READ_BATCH: usize = 512;

/// Where a driver begins.
pub(super) enum Start {
    /// The request is to be written down first.
    Admit(Box<RunRequest>),
    /// The journal has the run already.
    Admitted(Box<Admitted>),
}

/// A run that is in the journal.
pub(super) struct Admitted {
    run_id: RunId,
    session_id: SessionId,
    admitted_seq: u64,
    admitted_at: Timestamp,
    last_seq: u64,
    model: ModelName,
    origin: Origin,
    budget: BudgetMeter,
    transcript: Transcript,
    run: AgentRun,
    /// The entries of the admission, still to be shown to observers.
    unseen: Vec<AgentEvent>,
}

/// Writes a request down.
pub(super) async fn admit(shared: &Shared, request: RunRequest) -> Result<Admitted, StoreError> {
    let run_id = request.run_id.unwrap_or_else(RunId::generate);
    let session_id = request.session_id.unwrap_or_else(SessionId::generate);
    let mut transcript = recall(shared, session_id).await?;
    let admitted_at = shared.clock.now();
    let limit = request.budget.unwrap_or(shared.budget);
    let kind = EventKind::RunAdmitted {
        trigger: request.trigger,
        origin: request.origin.clone(),
        input: Arc::new(request.input),
        model: request.model.clone(),
        parent_run_id: request.parent.as_ref().map(|(run_id, _)| *run_id),
    };
    let entry = NewEntry { run_id, at: admitted_at, kind: kind.clone() };
    let seq = shared.journal.append(Append::new(session_id, vec![entry])).await?;
    let mut run = AgentRun::new();
    run.apply(&kind);
    transcript.apply(run_id, &kind);
    Ok(Admitted {
        run_id,
        session_id,
        admitted_seq: seq,
        admitted_at,
        last_seq: seq,
        model: request.model.unwrap_or_else(|| shared.model.clone()),
        origin: request.origin,
        budget: meter(limit, request.parent.map(|(_, meter)| meter), admitted_at),
        transcript,
        run,
        unseen: vec![AgentEvent {
            session_id,
            run_id,
            position: Position::Seq(seq),
            at: admitted_at,
            kind,
        }],
    })
}

/// Reads an unfinished run back from the journal.
pub(super) async fn resume(
    shared: &Shared,
    session_id: SessionId,
    run_id: RunId,
) -> Result<Admitted, StoreError> {
    let missing = || StoreError::NotFound { what: "unfinished run", id: run_id.to_string() };
    let mut transcript = Transcript::new();
    let mut run = AgentRun::new();
    let mut admission = None;
    let mut model = shared.model.clone();
    let mut last_seq = 0;
    let now = shared.clock.now();
    // Turns and tokens spent before the process died count; its time does not.
    let budget = BudgetMeter::new(shared.budget, now);
    loop {
        let entries = shared.journal.read(session_id, last_seq, READ_BATCH).await?;
        let Some(last) = entries.last().and_then(AgentEvent::seq) else { break };
        for entry in &entries {
            transcript.apply(entry.run_id, &entry.kind);
            if entry.run_id != run_id {
                continue;
            }
            run.apply(&entry.kind);
            match &entry.kind {
                EventKind::RunAdmitted { origin, model: asked, .. } => {
                    model = asked.clone().unwrap_or(model);
                    admission = Some((entry.seq().unwrap_or_default(), entry.at, origin.clone()));
                }
                EventKind::RunStarted { model: asked, .. } => model = asked.clone(),
                EventKind::TurnStarted { .. } => budget.charge_turn(),
                EventKind::AssistantMessage { usage, cost_micro_usd, .. } => {
                    budget.charge_tokens(*usage, *cost_micro_usd);
                }
                EventKind::Compacted { call: Some(call), .. } => {
                    budget.charge_tokens(call.usage, call.cost_micro_usd);
                }
                _ => {}
            }
        }
        last_seq = last;
    }
    let (admitted_seq, admitted_at, origin) = admission.ok_or_else(missing)?;
    if run.is_finished() {
        return Err(missing());
    }
    Ok(Admitted {
        run_id,
        session_id,
        admitted_seq,
        admitted_at,
        last_seq,
        model,
        origin,
        budget,
        transcript,
        run,
        unseen: Vec::new(),
    })
}

/// The transcript of a session that may have entries.
pub(super) async fn recall(
    shared: &Shared,
    session_id: SessionId,
) -> Result<Transcript, StoreError> {
    let newest = shared.journal.last_seq(session_id).await?;
    if let Some(transcript) = shared.transcripts.take(session_id, newest) {
        return Ok(transcript);
    }
    let mut transcript = Transcript::new();
    let mut seq = 0;
    while seq < newest {
        let entries = shared.journal.read(session_id, seq, READ_BATCH).await?;
        let Some(last) = entries.last().and_then(AgentEvent::seq) else { break };
        for entry in &entries {
            transcript.apply(entry.run_id, &entry.kind);
        }
        seq = last;
    }
    Ok(transcript)
}

fn meter(limit: Budget, parent: Option<BudgetMeter>, now: Timestamp) -> BudgetMeter {
    match parent {
        Some(parent) => parent.child(limit, now),
        None => BudgetMeter::new(limit, now),
    }
}

/// A journal that failed: the run cannot go on, since it may not act on what is not written down.
#[derive(Debug)]
pub(super) struct JournalFailed(pub(super) StoreError);

/// One run being driven.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) context: Arc<ToolContextParts>,
    pub(super) model: ModelName,
    pub(super) control: RunControl,
    pub(super) events: EventQueue,
    pub(super) run: AgentRun,
    pub(super) transcript: Transcript,
    pub(super) gauge: Option<Gauge>,
    /// A wait was broken off because the time allowed is over.
    pub(super) time_is_up: bool,
    admitted_at: Timestamp,
    last_seq: u64,
}

impl Driver {
    pub(super) fn launch(shared: Arc<Shared>, start: Start) -> RunHandle {
        let events = EventQueue::default();
        let control = RunControl::new();
        let (start, ids, admitted_seq) = match start {
            Start::Admitted(admitted) => {
                let ids = (admitted.session_id, admitted.run_id);
                let seq = admitted.admitted_seq;
                (Start::Admitted(admitted), ids, Some(seq))
            }
            Start::Admit(mut request) => {
                let session_id = *request.session_id.get_or_insert_with(SessionId::generate);
                let run_id = *request.run_id.get_or_insert_with(RunId::generate);
                (Start::Admit(request), (session_id, run_id), None)
            }
        };
        let (session_id, run_id) = ids;
        let span = tracing::info_span!("run", %run_id, %session_id);
        let driving = begin(shared, start, ids, control.clone(), events.clone());
        RunHandle::new(ids, admitted_seq, events, control, driving.instrument(span).boxed())
    }

    fn new(
        shared: Arc<Shared>,
        admitted: Admitted,
        control: RunControl,
        events: EventQueue,
    ) -> Self {
        for event in admitted.unseen {
            events.push(event);
        }
        let context = ToolContextParts {
            run_id: admitted.run_id,
            session_id: admitted.session_id,
            origin: admitted.origin,
            workspace: shared.workspace.clone(),
            budget: admitted.budget,
            clock: Arc::clone(&shared.clock),
        };
        Self {
            shared,
            context: Arc::new(context),
            model: admitted.model,
            control,
            events,
            run: admitted.run,
            transcript: admitted.transcript,
            gauge: None,
            time_is_up: false,
            admitted_at: admitted.admitted_at,
            last_seq: admitted.last_seq,
        }
    }

    async fn drive(mut self) -> RunOutcome {
        let ending = match self.work().await {
            Ok(ending) => ending,
            Err(JournalFailed(error)) => journal_failed(&error),
        };
        self.finish(ending).await
    }

    async fn work(&mut self) -> Result<Ending, JournalFailed> {
        let provider = self.first_provider();
        let attempt = self.run.attempts() + 1;
        self.record(EventKind::RunStarted { model: self.model.clone(), provider, attempt }).await?;
        loop {
            for message in self.control.take_steering() {
                self.record(EventKind::InputJoined { message: Arc::new(message) }).await?;
            }
            if self.control.cancel_signal().is_cancelled() {
                self.abandon_calls().await?;
                return Ok(Ending::cancelled());
            }
            let reached = match self.time_is_up {
                true => Some(BudgetLimit::WallClock),
                false => self.context.budget.reached(self.shared.clock.now()),
            };
            match self.run.next_step(reached) {
                Step::CallModel(turn, access) => self.call_model(turn, access).await?,
                Step::CallTools(calls) => self.call_tools(calls).await?,
                Step::Finish(ending) => {
                    let late = self.control.close_steering();
                    if late.is_empty() || ending.status != RunStatus::Completed {
                        return Ok(ending);
                    }
                    for message in late {
                        self.record(EventKind::InputJoined { message: Arc::new(message) }).await?;
                    }
                }
            }
        }
    }

    /// Writes a fact down, takes it into account, and shows it.
    pub(super) async fn record(&mut self, kind: EventKind) -> Result<(), JournalFailed> {
        self.record_all(vec![kind]).await
    }

    /// Writes facts down together.
    pub(super) async fn record_all(&mut self, kinds: Vec<EventKind>) -> Result<(), JournalFailed> {
        let at = self.shared.clock.now();
        let run_id = self.context.run_id;
        let entries =
            kinds.iter().map(|kind| NewEntry { run_id, at, kind: kind.clone() }).collect();
        let first = self
            .shared
            .journal
            .append(Append::new(self.context.session_id, entries))
            .await
            .map_err(JournalFailed)?;
        for (seq, kind) in (first..).zip(kinds) {
            self.run.apply(&kind);
            self.transcript.apply(run_id, &kind);
            self.last_seq = seq;
            self.show(Position::Seq(seq), at, kind);
        }
        Ok(())
    }

    /// Waits until a reader has seen what is about to be done, and can still stop it.
    pub(super) async fn announced(&self) {
        self.events.drained().await;
    }

    /// Shows something ephemeral to observers.
    pub(super) fn emit(&self, kind: EventKind) {
        self.show(Position::After(self.last_seq), self.shared.clock.now(), kind);
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    fn show(&self, position: Position, at: Timestamp, kind: EventKind) {
        let ToolContextParts { session_id, run_id, .. } = *self.context;
        self.events.push(AgentEvent { session_id, run_id, position, at, kind });
    }

    fn first_provider(&self) -> ProviderId {
        match self.model.provider_and_model() {
            Some((provider, _)) => ProviderId::from(provider),
            None => self.shared.provider.id().clone(),
        }
    }

    async fn finish(mut self, ending: Ending) -> RunOutcome {
        self.control.close_steering();
        let duration = self.shared.clock.now().since(self.admitted_at);
        let kind = EventKind::RunFinished {
            status: ending.status,
            text: self.run.text().to_owned(),
            error: ending.error.clone(),
            usage: self.run.usage(),
            cost_micro_usd: self.run.cost(),
            turns: self.run.turns(),
            tool_calls: self.run.tool_calls(),
            duration_ms: millis(duration),
        };
        let mut outcome = RunOutcome {
            run_id: self.context.run_id,
            session_id: self.context.session_id,
            status: ending.status,
            text: self.run.text().to_owned(),
            error: ending.error,
            usage: self.run.usage(),
            cost: self.run.cost(),
            turns: self.run.turns(),
            tool_calls: self.run.tool_calls(),
            duration,
        };
        if let Err(JournalFailed(error)) = self.record(kind.clone()).await {
            tracing::error!(error = %error, "the end of the run could not be written down");
            let failed = journal_failed(&error);
            outcome.status = failed.status;
            outcome.error = failed.error;
            self.emit(kind);
            return outcome;
        }
        tracing::info!(status = ?outcome.status, turns = outcome.turns, "run finished");
        self.shared.transcripts.put(outcome.session_id, self.last_seq, self.transcript);
        outcome
    }
}

async fn begin(
    shared: Arc<Shared>,
    start: Start,
    (session_id, run_id): (SessionId, RunId),
    control: RunControl,
    events: EventQueue,
) -> RunOutcome {
    let admitted = match start {
        Start::Admitted(admitted) => Ok(admitted),
        Start::Admit(request) => admit(&shared, *request).await.map(Box::new),
    };
    match admitted {
        Ok(admitted) => Driver::new(shared, *admitted, control, events).drive().await,
        Err(error) => {
            let ending = journal_failed(&error);
            RunOutcome {
                run_id,
                session_id,
                status: ending.status,
                text: String::new(),
                error: ending.error,
                usage: crate::message::Usage::default(),
                cost: None,
                turns: 0,
                tool_calls: 0,
                duration: std::time::Duration::ZERO,
            }
        }
    }
}

fn journal_failed(error: &StoreError) -> Ending {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        message = format!("{message}: {source}");
        cause = source.source();
    }
    Ending::failed("journal_failed", message)
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
