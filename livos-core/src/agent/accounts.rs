//! What model calls of a run used, until it is written down.

use crate::clock::Timestamp;
use crate::compaction::Compacted;
use crate::compaction::SummaryError;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::origin::Origin;
use crate::profile::Duty;
use crate::store::CallStatus;
use crate::store::UsagePurpose;
use crate::store::UsageRow;

/// Bytes of text that are counted as one token where nobody told the number.
const BYTES_A_TOKEN: u64 = 4;

/// Model calls that ended and are not written down, and the one under way.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    ended: Vec<EndedCall>,
    open: Option<OpenCall>,
    /// What the calls of turns are for.
    turns_are_for: UsagePurpose,
}

#[derive(Debug)]
struct OpenCall {
    purpose: UsagePurpose,
    provider: ProviderId,
    model: ModelName,
    asked_at: Timestamp,
    first_piece_at: Option<Timestamp>,
    streamed_bytes: u64,
}

#[derive(Debug)]
struct EndedCall {
    call: OpenCall,
    at: Timestamp,
    status: CallStatus,
    usage: Usage,
    cost: Option<MicroUsd>,
}

impl Accounts {
    /// Accounts of a run with this duty.
    pub(super) fn of(duty: Duty) -> Self {
        let turns_are_for = match duty {
            Duty::Assist => UsagePurpose::Turn,
            Duty::ExtractMemories => UsagePurpose::MemoryExtraction,
        };
        Self { turns_are_for, ..Self::default() }
    }

    /// A call begins.
    pub(super) fn asked(&mut self, provider: ProviderId, model: ModelName, at: Timestamp) {
        self.open(self.turns_are_for, provider, model, at);
    }

    /// A compaction begins, which may ask for a summary.
    pub(super) fn summary_asked(&mut self, provider: ProviderId, model: ModelName, at: Timestamp) {
        self.open(UsagePurpose::Compaction, provider, model, at);
    }

    fn open(
        &mut self,
        purpose: UsagePurpose,
        provider: ProviderId,
        model: ModelName,
        asked_at: Timestamp,
    ) {
        let (first_piece_at, streamed_bytes) = (None, 0);
        self.open =
            Some(OpenCall { purpose, provider, model, asked_at, first_piece_at, streamed_bytes });
    }

    /// The compaction is over; it counts as a call only if one was made.
    pub(super) fn compacted(&mut self, compacted: Option<&Compacted>, at: Timestamp) {
        let call = compacted.and_then(|compacted| match &compacted.event {
            EventKind::Compacted { call, .. } => call.as_deref(),
            _ => None,
        });
        match (call, compacted.and_then(|compacted| compacted.failure.as_ref())) {
            (Some(call), _) => {
                let by = (call.provider.clone(), call.model.clone());
                self.answered(by, call.usage, call.cost_micro_usd, at);
            }
            (None, Some(SummaryError::Provider(_) | SummaryError::TimedOut(_))) => self.failed(at),
            (None, _) => self.open = None,
        }
    }

    /// A piece of its answer came.
    pub(super) fn streamed(&mut self, bytes: usize, at: Timestamp) {
        if let Some(open) = &mut self.open {
            open.first_piece_at.get_or_insert(at);
            open.streamed_bytes += bytes as u64;
        }
    }

    /// It was answered, by whom the answer says.
    pub(super) fn answered(
        &mut self,
        (provider, model): (ProviderId, ModelName),
        usage: Usage,
        cost: Option<MicroUsd>,
        at: Timestamp,
    ) {
        let Some(open) = self.open.take() else { return };
        let call = OpenCall { provider, model, ..open };
        // Usually the only one until the next entry takes it along.
        self.ended.reserve_exact(1);
        self.ended.push(EndedCall { call, at, status: CallStatus::Answered, usage, cost });
    }

    /// It brought no answer. What was streamed was paid for: it counts as estimated.
    pub(super) fn failed(&mut self, at: Timestamp) {
        let Some(call) = self.open.take() else { return };
        let output_tokens = call.streamed_bytes.div_ceil(BYTES_A_TOKEN);
        let status = match output_tokens {
            0 => CallStatus::Failed,
            _ => CallStatus::Discarded,
        };
        let usage = Usage { output_tokens, ..Usage::default() };
        self.ended.push(EndedCall { call, at, status, usage, cost: None });
    }

    /// It brought no answer, and another begins in its place.
    pub(super) fn asked_again(&mut self, from: ProviderId, to: ProviderId, at: Timestamp) {
        let Some(open) = &mut self.open else { return };
        open.provider = from;
        let model = open.model.clone();
        self.failed(at);
        self.asked(to, model, at);
    }

    /// Nobody waits for the call under way any more.
    pub(super) fn abandoned(&mut self, at: Timestamp) {
        if self.open.is_none() {
            return;
        }
        self.failed(at);
        if let Some(call) = self.ended.last_mut() {
            call.status = CallStatus::Discarded;
        }
    }

    /// The rows to write down with the next entries.
    pub(super) fn take(
        &mut self,
        (session_id, run_id): (SessionId, RunId),
        origin: &Origin,
    ) -> Vec<UsageRow> {
        let rows = self.ended.drain(..).map(|ended| {
            let EndedCall { call, at, status, usage, cost } = ended;
            UsageRow {
                at,
                provider: call.provider,
                model: call.model,
                purpose: call.purpose,
                status,
                usage,
                cost_micro_usd: cost,
                time_to_first_token_ms: call
                    .first_piece_at
                    .map(|piece| super::driver::millis(piece.since(call.asked_at))),
                duration_ms: super::driver::millis(at.since(call.asked_at)),
                run_id: Some(run_id),
                session_id: Some(session_id),
                user: origin.user.clone(),
                channel: origin.channel.clone(),
            }
        });
        rows.collect()
    }
}
