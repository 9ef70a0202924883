//! Keeps the conversation of a run within the model's window, between its turns.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::Ending;
use super::RecordedRoom;
use super::Shared;
use super::ToolAccess;
use super::driver::Driver;
use super::driver::JournalFailed;
use super::interrupt::Interruption;
use super::interrupt::interruptible;
use super::recall::Recalled;
use crate::compaction::Compactor;
use crate::compaction::Room;
use crate::compaction::Urgency;
use crate::context::ContextReport;
use crate::context::EstimatedTokens;
use crate::context::Scale;
use crate::context::TokenCounter;
use crate::event::CompactionReason;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::provider::ProviderFailure;
use crate::tool::ToolSpec;

/// What is kept free for an answer whose length nobody limits.
const USUAL_ANSWER: u64 = 8_192;

/// Unless somebody chose its length, an answer gets at most this part of the window.
const ANSWER_PART: u64 = 3;

/// What may follow the conversation: the words that ask for a last answer.
const VOLATILE: u64 = 64;

/// Whether a model call can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MadeRoom {
    /// The request fits.
    Enough,
    /// It cannot fit, or somebody stopped the run; the loop sees for itself.
    GivenUp,
}

/// What a run measures its prompts with, as long as its tools stay the same.
#[derive(Debug)]
pub(super) struct Gauge {
    counter: Arc<dyn TokenCounter>,
    report: ContextReport,
    tools: Arc<[ToolSpec]>,
    /// The provider that the run's model names.
    provider: Option<ProviderId>,
}

impl Shared {
    /// What every request takes, and what is left for a conversation.
    pub(super) fn context_report(
        &self,
        counter: &dyn TokenCounter,
        model: &ModelName,
        (system, tools): (Option<&str>, &Arc<[ToolSpec]>),
    ) -> ContextReport {
        let capabilities = self.provider.capabilities(model);
        let window = self.windows.window(model, capabilities.context_window);
        let (system_tokens, tool_tokens) = self.fixed_parts.tokens(counter, system, tools);
        let output_reserve = self.max_output_tokens.map_or_else(
            || {
                let usual = capabilities.max_output_tokens.unwrap_or(USUAL_ANSWER);
                window.map_or(usual, |window| usual.min(window / ANSWER_PART))
            },
            u64::from,
        );
        ContextReport {
            model: model.clone(),
            counted_by: counter.name().to_owned(),
            system_tokens,
            tool_tokens,
            memory_tokens: self.recall.as_ref().map_or(0, |recall| recall.tokens(window)),
            output_reserve,
            window,
        }
    }

    /// What counts the tokens of a model's prompts.
    pub(super) fn counter(&self, model: &ModelName) -> Arc<dyn TokenCounter> {
        self.provider.token_counter(model).unwrap_or_else(|| Arc::new(EstimatedTokens))
    }

    /// What a prompt may take.
    pub(super) fn room(&self, report: &ContextReport, scale: Scale) -> Room {
        Room {
            model: report.model.clone(),
            fixed: report.fixed_tokens() + VOLATILE,
            scale,
            threshold: self.threshold(report),
            limit: report.window.zip(report.prompt_limit()),
        }
    }

    /// From where on a prompt is made shorter.
    fn threshold(&self, report: &ContextReport) -> u64 {
        let threshold = self.compaction.threshold(report.window);
        report.prompt_limit().map_or(threshold, |limit| threshold.min(limit))
    }

    pub(super) fn compactor<'a>(&'a self, model: &'a ModelName) -> Compactor<'a> {
        Compactor {
            policy: &self.compaction,
            provider: &*self.provider,
            model,
            clock: &*self.clock,
        }
    }
}

/// The provider that a model's name asks for; none when a manager chooses.
pub(super) fn asked_provider(model: &ModelName) -> Option<ProviderId> {
    model.provider_and_model().map(|(provider, _)| ProviderId::from(provider))
}

impl Driver {
    /// Compacts the conversation when the next prompt would be above the threshold.
    pub(super) async fn make_room(
        &mut self,
        tools: &Arc<[ToolSpec]>,
        access: ToolAccess,
    ) -> Result<MadeRoom, JournalFailed> {
        if let Some(rehearsal) = &self.shared.rehearsal {
            return self.make_recorded_room(rehearsal.room()).await;
        }
        let gauge = self.gauge(tools);
        let has_room = gauge.report.check().is_ok() && self.is_below_threshold(&gauge);
        self.gauge = Some(gauge);
        if has_room {
            return Ok(MadeRoom::Enough);
        }
        let time_left = self.time_for(access);
        // What follows is rare and large; the future of a run shall not carry it along.
        Box::pin(self.shorten(tools, CompactionReason::Threshold, time_left)).await
    }

    /// Learns from a refusal, and makes the conversation short enough for another try.
    pub(super) async fn make_room_after(
        &mut self,
        refusal: &ProviderFailure,
        tools: &Arc<[ToolSpec]>,
        time_left: Option<Duration>,
    ) -> Result<MadeRoom, JournalFailed> {
        if let Some(rehearsal) = &self.shared.rehearsal {
            return self.make_recorded_room(rehearsal.room()).await;
        }
        let gauge = self.gauge(tools);
        let (room, counted) = self.measure(&gauge);
        let answer = gauge.report.window.map_or(0, |_| gauge.report.output_reserve);
        let sent = room.prompt(counted) + answer;
        // The gauge is not put back: the window is another one now.
        self.shared.windows.refused(&self.model, sent, refusal.context_window);
        Box::pin(self.shorten(tools, CompactionReason::ContextTooLong, time_left)).await
    }

    /// The gauge of the last turn, or a new one when the tools changed.
    fn gauge(&mut self, tools: &Arc<[ToolSpec]>) -> Gauge {
        let last = self.gauge.take().filter(|gauge| Arc::ptr_eq(&gauge.tools, tools));
        last.unwrap_or_else(|| {
            let counter = self.shared.counter(&self.model);
            let fixed = (self.system_prompt().map(|prompt| &**prompt), tools);
            Gauge {
                report: self.shared.context_report(&*counter, &self.model, fixed),
                counter,
                tools: Arc::clone(tools),
                provider: asked_provider(&self.model),
            }
        })
    }

    /// Whether the next prompt is below the threshold. Counts only what may be above it.
    fn is_below_threshold(&mut self, gauge: &Gauge) -> bool {
        let fixed = gauge.report.fixed_tokens() + VOLATILE;
        let widest = Scale::LARGEST.apply(self.transcript.at_most_tokens() + fixed);
        if widest <= self.shared.threshold(&gauge.report) {
            return true;
        }
        let (room, counted) = self.measure(gauge);
        room.prompt(counted) <= room.threshold
    }

    /// What a prompt may take, and what the messages take as counted.
    fn measure(&mut self, gauge: &Gauge) -> (Room, u64) {
        let counted = self.transcript.tokens(&*gauge.counter);
        let fixed = gauge.report.fixed_tokens();
        let scale = self.transcript.scale(gauge.provider.as_ref(), fixed);
        let mut room = self.shared.room(&gauge.report, scale);
        room.fixed += self.recalled.as_ref().map_or(0, Recalled::tokens);
        (room, counted)
    }

    async fn shorten(
        &mut self,
        tools: &Arc<[ToolSpec]>,
        reason: CompactionReason,
        time_left: Option<Duration>,
    ) -> Result<MadeRoom, JournalFailed> {
        self.write_held().await?;
        let gauge = self.gauge(tools);
        if let Err(error) = gauge.report.check() {
            return Ok(self.give_up(error.kind(), error.to_string()));
        }
        let (room, counted) = self.measure(&gauge);
        let is_needed = reason == CompactionReason::ContextTooLong || !room.fits(counted);
        let urgency = if is_needed { Urgency::Needed } else { Urgency::WhenWorthwhile };
        let view = self.transcript.view(&*gauge.counter);
        let shared = Arc::clone(&self.shared);
        let compactor = shared.compactor(&gauge.report.model);
        let work = compactor.compact(&view, &room, (reason, urgency), "");
        let cancel = self.control.cancel_signal().clone();
        let (author, model) = compactor.author();
        let author = author.unwrap_or_else(|| self.provider_to_ask());
        self.accounts.summary_asked(author, model, self.shared.clock.now());
        let ended = interruptible(&cancel, time_left, pin!(work)).await;
        let now = self.shared.clock.now();
        let compacted = match ended {
            Ok(ended) => {
                self.accounts.compacted(ended.as_ref().ok().and_then(Option::as_ref), now);
                ended
            }
            Err(interruption) => {
                self.accounts.abandoned(now);
                self.time_is_up |= interruption == Interruption::TimeUp;
                return Ok(MadeRoom::GivenUp);
            }
        };
        let compacted = match compacted {
            Ok(None) => return Ok(MadeRoom::Enough),
            Ok(Some(compacted)) => compacted,
            Err(error) => return Ok(self.give_up(error.kind(), error.to_string())),
        };
        if let Some(error) = &compacted.failure {
            tracing::warn!(error = %error, "no summary; the oldest messages are left out");
        }
        self.compacted(compacted.event).await
    }

    async fn compacted(&mut self, event: EventKind) -> Result<MadeRoom, JournalFailed> {
        if let EventKind::Compacted { call: Some(call), .. } = &event {
            self.context.budget.charge_tokens(call.usage, call.cost_micro_usd);
        }
        self.record(event).await?;
        Ok(MadeRoom::Enough)
    }

    /// Makes room as it was made when the run was recorded.
    async fn make_recorded_room(&mut self, room: RecordedRoom) -> Result<MadeRoom, JournalFailed> {
        match room {
            RecordedRoom::Unchanged => Ok(MadeRoom::Enough),
            RecordedRoom::Compacted(event) => self.compacted(*event).await,
            RecordedRoom::GivenUp(error) => Ok(self.give_up(&error.kind, error.message)),
        }
    }

    fn give_up(&mut self, kind: &str, message: String) -> MadeRoom {
        tracing::warn!(kind, message, "the conversation does not fit");
        self.run.end(Ending::failed(kind, message));
        MadeRoom::GivenUp
    }
}
