//! Drives a run: does what [`AgentRun`] decides, and writes down what happens.

use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt;
use tracing::Instrument;

use super::AgentRun;
use super::EndRecord;
use super::Ending;
use super::RunControl;
use super::RunHandle;
use super::RunOutcome;
use super::RunRequest;
use super::Shared;
use super::Step;
use super::Transcript;
use super::accounts::Accounts;
use super::admitted::Admitted;
use super::admitted::admit;
use super::event_queue::EventQueue;
use super::make_room::Gauge;
use super::queued::Queued;
use super::recall::Recalled;
use crate::budget::BudgetLimit;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::event::RunStatus;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolCallId;
use crate::message::Message;
use crate::origin::Trigger;
use crate::store::Append;
use crate::store::NewEntry;
use crate::store::PendingInput;
use crate::store::StoreError;
use crate::tool::ToolContextParts;

/// Where a driver begins.
pub(super) enum Start {
    /// The request is to be written down first.
    Admit(Box<RunRequest>),
    /// The journal has the run already.
    Admitted(Box<Admitted>),
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
    pub(super) accounts: Accounts,
    /// What the run is given of its user's memory.
    pub(super) recalled: Option<Recalled>,
    /// Of how much that the run was asked its user's memory was looked into.
    pub(super) looked_up: usize,
    /// Calls that do nothing but wait for other runs.
    pub(super) waiting_calls: HashSet<ToolCallId>,
    /// The text of the answer under way, as far as it was shown.
    pub(super) shown_text: String,
    /// What a run has that came out of a queue.
    pub(super) queued: Option<Queued>,
    /// What admitted it.
    pub(super) trigger: Trigger,
    admitted_at: Timestamp,
    /// Facts that are taken into account, and written with the next ones.
    held: Vec<NewEntry>,
    last_seq: u64,
    /// Whether the session's entries up to `last_seq` are all in the transcript.
    transcript_is_whole: bool,
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

    /// The box is opened here, so that its room is free as soon as the run begins.
    fn new(
        shared: Arc<Shared>,
        admitted: Box<Admitted>,
        control: RunControl,
        events: EventQueue,
    ) -> Self {
        let admitted = *admitted;
        for event in admitted.unseen {
            events.push(event);
        }
        let duty = admitted.profile.as_ref().map(|profile| profile.duty).unwrap_or_default();
        let tools = match &admitted.profile {
            Some(profile) => profile.narrow(&shared.tools),
            None => shared.tools.clone(),
        };
        let context = ToolContextParts {
            run_id: admitted.run_id,
            session_id: admitted.session_id,
            origin: admitted.origin,
            profile: admitted.profile,
            tools,
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
            accounts: Accounts::of(duty),
            recalled: admitted.recalled,
            looked_up: 0,
            waiting_calls: HashSet::new(),
            shown_text: String::new(),
            queued: admitted.queued,
            trigger: admitted.trigger,
            admitted_at: admitted.admitted_at,
            held: Vec::new(),
            last_seq: admitted.last_seq,
            transcript_is_whole: true,
        }
    }

    async fn drive(&mut self) -> RunOutcome {
        let ending = match self.work().await {
            Ok(ending) => ending,
            // Its place in the queue is kept: whoever holds the lease goes on with it.
            Err(JournalFailed(error)) if self.queued.is_some() => {
                return self.outcome(journal_failed(&error), EndRecord::Missing);
            }
            Err(JournalFailed(error)) => journal_failed(&error),
        };
        self.finish(ending).await
    }

    async fn work(&mut self) -> Result<Ending, JournalFailed> {
        let provider = self.first_provider();
        let attempt = self.run.attempts() + 1;
        self.record(EventKind::RunStarted { model: self.model.clone(), provider, attempt }).await?;
        if self.shared.provider.model_lookup().is_some() {
            // Rare; the future of a run shall not carry it along.
            Box::pin(self.look_up_model()).await;
        }
        if self.may_recall() {
            Box::pin(self.recall_memories()).await?;
        }
        loop {
            for message in self.control.take_steering() {
                self.record(said_to_handle(message)).await?;
            }
            if self.control.cancel_signal().is_cancelled() {
                Box::pin(self.abandon_calls()).await?;
                // What was said to a run that is stopped is kept, and not acted on.
                self.join_inputs().await?;
                return Ok(Ending::cancelled());
            }
            self.join_inputs().await?;
            if self.may_recall() {
                Box::pin(self.recall_memories()).await?;
            }
            if self.shares_its_budget() && self.run.pending_calls().is_empty() {
                Box::pin(self.learn_what_others_spent()).await;
            }
            let reached = match self.time_is_up {
                true => Some(BudgetLimit::WallClock),
                false => self.context.budget.reached(self.shared.clock.now()),
            };
            match self.run.next_step(reached) {
                Step::CallModel(turn, access) => {
                    if let Some(ending) = self.spent_today().await {
                        return Ok(ending);
                    }
                    self.call_model(turn, access).await?;
                }
                Step::CallTools(calls) => self.call_tools(calls).await?,
                // Rare and long; the future of a run shall not carry it along.
                Step::AwaitApproval(ids) => {
                    self.write_held().await?;
                    Box::pin(self.await_decision(&ids)).await;
                }
                Step::Finish(ending) => {
                    let late = self.control.close_steering();
                    let is_complete = ending.status == RunStatus::Completed;
                    if !is_complete || late.is_empty() && self.join_inputs().await? == 0 {
                        return Ok(ending);
                    }
                    for message in late {
                        self.record(said_to_handle(message)).await?;
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
        self.record_joining(kinds, Vec::new()).await
    }

    async fn record_joining(
        &mut self,
        kinds: Vec<EventKind>,
        joins: Vec<RunId>,
    ) -> Result<(), JournalFailed> {
        let mut entries = std::mem::take(&mut self.held);
        let held = entries.len();
        let kinds = self.shared.clean_all(kinds);
        let at = self.shared.clock.now();
        let run_id = self.context.run_id;
        entries.extend(kinds.into_iter().map(|kind| NewEntry { run_id, at, kind }));
        let session_id = self.context.session_id;
        let usage = self.accounts.take((session_id, run_id), &self.context.origin);
        let append = Append::new(session_id, entries.clone()).joining(joins).using(usage);
        let written = match &self.queued {
            // Runs without a queue shall not carry what only these need.
            Some(queued) => Box::pin(queued.append(&*self.shared.journal, append)).await,
            None => self.shared.journal.append(append).await,
        };
        let first = written.map_err(JournalFailed)?;
        for entry in &entries {
            pass(&entry.kind);
        }
        self.transcript_is_whole &= first == self.last_seq + 1;
        for (index, (seq, NewEntry { at, kind, .. })) in (first..).zip(entries).enumerate() {
            if index >= held {
                self.run.apply(&kind);
                self.transcript.apply(run_id, &kind);
            }
            self.last_seq = seq;
            self.show(Position::Seq(seq), at, kind);
        }
        Ok(())
    }

    /// Takes a fact into account that is written and shown together with the next: at once, as long as
    /// the run waits for nothing. Only for what can be had again when the process dies before.
    pub(super) async fn hold(&mut self, kind: EventKind) -> Result<(), JournalFailed> {
        if self.shared.rehearsal.is_some() {
            // What is played again meets its surroundings entry by entry.
            return Box::pin(self.record(kind)).await;
        }
        let kind = self.shared.clean(kind);
        let run_id = self.context.run_id;
        self.run.apply(&kind);
        self.transcript.apply(run_id, &kind);
        self.held.push(NewEntry { run_id, at: self.shared.clock.now(), kind });
        Ok(())
    }

    /// Writes down what is held, before a wait.
    pub(super) async fn write_held(&mut self) -> Result<(), JournalFailed> {
        match self.held.is_empty() {
            true => Ok(()),
            false => self.record_all(Vec::new()).await,
        }
    }

    /// Takes in an entry that somebody else wrote, and shows it.
    pub(super) fn witness(&mut self, event: AgentEvent) {
        self.run.apply(&event.kind);
        self.transcript.apply(event.run_id, &event.kind);
        if let Some(seq) = event.seq() {
            // Entries of others may lie between; then the transcript is read anew for the next run.
            if seq == self.last_seq + 1 {
                self.last_seq = seq;
            }
        }
        self.events.push(event);
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

    /// The standing instructions of this run.
    pub(super) fn system_prompt(&self) -> Option<&Arc<str>> {
        let own = self.context.profile.as_ref().and_then(|profile| profile.instructions.as_ref());
        own.or(self.shared.system_prompt.as_ref())
    }

    /// Who is asked next: who answered last, or else the first.
    pub(super) fn provider_to_ask(&self) -> ProviderId {
        match self.run.answered_by() {
            Some((provider, _)) => provider.clone(),
            None => self.first_provider(),
        }
    }

    fn first_provider(&self) -> ProviderId {
        match self.model.provider_and_model() {
            Some((provider, _)) => ProviderId::from(provider),
            None => self.shared.provider.id().clone(),
        }
    }

    async fn finish(&mut self, ending: Ending) -> RunOutcome {
        self.control.close_steering();
        if self.run.open_approvals().next().is_some() {
            Box::pin(self.abandon_approvals(|_| true)).await;
        }
        let ending = self.shared.clean_ending(ending);
        let outcome = self.outcome(ending, EndRecord::Written);
        let kind = EventKind::RunFinished {
            status: outcome.status,
            text: outcome.text.clone(),
            error: outcome.error.clone(),
            usage: outcome.usage,
            cost_micro_usd: outcome.cost,
            turns: outcome.turns,
            tool_calls: outcome.tool_calls,
            duration_ms: millis(outcome.duration),
        };
        CrashPoint::Finishing.pass();
        if let Err(JournalFailed(error)) = self.record(kind.clone()).await {
            tracing::error!(error = %error, "the end of the run could not be written down");
            if self.queued.is_none() {
                self.emit(kind);
            }
            let Ending { status, error } = journal_failed(&error);
            return RunOutcome { status, error, end: EndRecord::Missing, ..outcome };
        }
        tracing::info!(status = ?outcome.status, turns = outcome.turns, "run finished");
        if self.transcript_is_whole {
            let transcript = std::mem::take(&mut self.transcript);
            self.shared.transcripts.put(outcome.session_id, self.last_seq, transcript);
        }
        outcome
    }

    fn outcome(&self, ending: Ending, end: EndRecord) -> RunOutcome {
        RunOutcome {
            run_id: self.context.run_id,
            session_id: self.context.session_id,
            status: ending.status,
            text: self.run.text().to_owned(),
            error: ending.error,
            usage: self.run.usage(),
            cost: self.run.cost(),
            turns: self.run.turns(),
            tool_calls: self.run.tool_calls(),
            duration: self.shared.clock.now().since(self.admitted_at),
            end,
        }
    }

    /// Lets the inputs join that wait in the queue, and tells how many did.
    async fn join_inputs(&mut self) -> Result<usize, JournalFailed> {
        // What is said while calls are open follows their results.
        if self.queued.is_none() || !self.run.pending_calls().is_empty() {
            return Ok(0);
        }
        Box::pin(self.join_waiting_inputs()).await
    }

    async fn join_waiting_inputs(&mut self) -> Result<usize, JournalFailed> {
        let Some(queued) = &self.queued else { return Ok(0) };
        let inputs = queued.inputs().await;
        if !inputs.is_empty() {
            let joins = inputs.iter().map(|input| input.id).collect();
            let joined = |input: PendingInput| EventKind::InputJoined {
                message: input.message,
                trigger: Some(input.trigger),
            };
            let joined: Vec<_> = inputs.into_iter().map(joined).collect();
            let count = joined.len();
            self.record_joining(joined, joins).await?;
            return Ok(count);
        }
        Ok(0)
    }

    /// How the run ends if what all runs may spend in a day is spent.
    async fn spent_today(&self) -> Option<Ending> {
        let limit = self.shared.daily_limit.as_ref()?;
        Box::pin(limit.reached(self.shared.clock.now())).await
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
        Ok(admitted) => Driver::new(shared, admitted, control, events).drive().await,
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
                end: EndRecord::Missing,
            }
        }
    }
}

/// What somebody said who holds the run; nobody knows on whose behalf.
fn said_to_handle(message: Message) -> EventKind {
    EventKind::InputJoined { message: Arc::new(message), trigger: None }
}

/// Dies after a fact was written down, if a test asked for that.
fn pass(kind: &EventKind) {
    match kind {
        EventKind::TurnStarted { .. } => CrashPoint::TurnStarted.pass(),
        EventKind::AssistantMessage { .. } => CrashPoint::Answered.pass(),
        EventKind::ApprovalRequested(_) => CrashPoint::ApprovalRequested.pass(),
        EventKind::ToolStarted { .. } => CrashPoint::ToolStarted.pass(),
        EventKind::RunFinished { .. } => CrashPoint::Finished.pass(),
        _ => {}
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
