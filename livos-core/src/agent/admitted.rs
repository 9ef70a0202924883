//! Runs that the journal has: written down just now, or read back.

use std::sync::Arc;

use super::AgentRun;
use super::RunRequest;
use super::Shared;
use super::Transcript;
use super::queued::Queued;
use super::recall::Recalled;
use crate::budget::Budget;
use crate::budget::BudgetMeter;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::profile::AgentProfile;
use crate::store::Append;
use crate::store::Journal;
use crate::store::NewEntry;
use crate::store::StoreError;

/// How many entries are read from the journal at a time.
const READ_BATCH: usize = 512;

/// A run that is in the journal.
pub(super) struct Admitted {
    pub(super) run_id: RunId,
    pub(super) session_id: SessionId,
    pub(super) admitted_seq: u64,
    pub(super) admitted_at: Timestamp,
    pub(super) last_seq: u64,
    pub(super) model: ModelName,
    pub(super) origin: Origin,
    pub(super) profile: Option<Arc<AgentProfile>>,
    pub(super) trigger: Trigger,
    pub(super) recalled: Option<Recalled>,
    pub(super) budget: BudgetMeter,
    pub(super) transcript: Transcript,
    pub(super) run: AgentRun,
    /// The entries of the admission, still to be shown to observers.
    pub(super) unseen: Vec<AgentEvent>,
    /// What it has if it came out of a queue.
    pub(super) queued: Option<Queued>,
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
        budget: request.budget,
        profile: request.profile.clone(),
    };
    let kind = shared.clean(kind);
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
        profile: request.profile,
        trigger: request.trigger,
        recalled: None,
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
        queued: None,
    })
}

fn meter(limit: Budget, parent: Option<BudgetMeter>, now: Timestamp) -> BudgetMeter {
    match parent {
        Some(parent) => parent.child(limit, now),
        None => BudgetMeter::new(limit, now),
    }
}

/// Reads an unfinished run back from the journal.
pub(super) async fn resume(
    shared: &Shared,
    session_id: SessionId,
    run_id: RunId,
) -> Result<Admitted, StoreError> {
    let mut memory = Memory::of(run_id, Transcript::new());
    let last_seq = memory.read_on(&*shared.journal, session_id, 0).await?;
    memory.into_admitted(shared, session_id, last_seq)
}

/// Reads back a run that nobody began: only what was said since the last run, if that is remembered.
pub(super) async fn take_up(
    shared: &Shared,
    session_id: SessionId,
    run_id: RunId,
) -> Result<Admitted, StoreError> {
    if let Some((known, transcript)) = shared.transcripts.take(session_id) {
        let mut memory = Memory::of(run_id, transcript);
        let last_seq = memory.read_on(&*shared.journal, session_id, known).await?;
        if memory.admission.is_some() {
            return memory.into_admitted(shared, session_id, last_seq);
        }
    }
    resume(shared, session_id, run_id).await
}

/// The transcript of a session that may have entries.
pub(super) async fn recall(
    shared: &Shared,
    session_id: SessionId,
) -> Result<Transcript, StoreError> {
    let newest = shared.journal.last_seq(session_id).await?;
    match shared.transcripts.take(session_id) {
        Some((known, transcript)) if known == newest => return Ok(transcript),
        _ => {}
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

/// What the journal tells of a run and of the conversation around it.
struct Memory {
    run_id: RunId,
    transcript: Transcript,
    run: AgentRun,
    admission: Option<Admission>,
    model: Option<ModelName>,
    recalled: Option<Recalled>,
}

struct Admission {
    seq: u64,
    at: Timestamp,
    origin: Origin,
    trigger: Trigger,
    budget: Option<Budget>,
    profile: Option<Arc<AgentProfile>>,
}

impl Memory {
    fn of(run_id: RunId, transcript: Transcript) -> Self {
        Self {
            run_id,
            transcript,
            run: AgentRun::new(),
            admission: None,
            model: None,
            recalled: None,
        }
    }

    /// Takes in all entries after a number, and gives the number of the last.
    async fn read_on(
        &mut self,
        journal: &dyn Journal,
        session_id: SessionId,
        after: u64,
    ) -> Result<u64, StoreError> {
        let mut last_seq = after;
        loop {
            let entries = journal.read(session_id, last_seq, READ_BATCH).await?;
            let Some(last) = entries.last().and_then(AgentEvent::seq) else { return Ok(last_seq) };
            for entry in &entries {
                self.apply(entry);
            }
            last_seq = last;
        }
    }

    fn apply(&mut self, entry: &AgentEvent) {
        self.transcript.apply(entry.run_id, &entry.kind);
        if entry.run_id != self.run_id {
            return;
        }
        self.run.apply(&entry.kind);
        match &entry.kind {
            EventKind::RunAdmitted { trigger, origin, model, budget, profile, .. } => {
                self.model.clone_from(model);
                let seq = entry.seq().unwrap_or_default();
                self.admission = Some(Admission {
                    seq,
                    at: entry.at,
                    origin: origin.clone(),
                    trigger: *trigger,
                    budget: *budget,
                    profile: profile.clone(),
                });
            }
            EventKind::RunStarted { model, .. } => self.model = Some(model.clone()),
            EventKind::MemoriesRecalled(memories) => self.recalled = Some(Recalled::of(memories)),
            _ => {}
        }
    }

    fn into_admitted(
        self,
        shared: &Shared,
        session_id: SessionId,
        last_seq: u64,
    ) -> Result<Admitted, StoreError> {
        let Self { run_id, transcript, run, admission, model, recalled } = self;
        let admission = admission.filter(|_| !run.is_finished()).ok_or_else(|| {
            StoreError::NotFound { what: "unfinished run", id: run_id.to_string() }
        })?;
        let limit = admission.budget.unwrap_or(shared.budget);
        let now = shared.clock.now();
        let shares = admission.profile.as_ref().and_then(|profile| profile.draws_on);
        let parent = shares.map(|shared| BudgetMeter::new(shared.limit(), now));
        // Turns and tokens spent before the process died count; its time does not.
        let budget = meter(limit, parent, now);
        (0..run.turns()).for_each(|_| budget.charge_turn());
        budget.charge_tokens(run.usage(), run.cost());
        budget.charge_tokens(run.delegated().usage, run.delegated().cost_micro_usd);
        Ok(Admitted {
            run_id,
            session_id,
            admitted_seq: admission.seq,
            admitted_at: admission.at,
            last_seq,
            model: model.unwrap_or_else(|| shared.model.clone()),
            origin: admission.origin,
            profile: admission.profile,
            trigger: admission.trigger,
            recalled,
            budget,
            transcript,
            run,
            unseen: Vec::new(),
            queued: None,
        })
    }
}
