//! One model call of a run: asks, shows the pieces, writes the answer down.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tracing::Instrument;

use super::Ending;
use super::ToolAccess;
use super::driver::Driver;
use super::driver::JournalFailed;
use super::driver::millis;
use super::interrupt::Interruption;
use super::interrupt::interruptible;
use super::make_room::MadeRoom;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::event::EventKind;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatResponse;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;
use crate::provider::ToolChoice;
use crate::tool::ToolSpec;

/// How long a last turn may take when it is the time that is used up.
const LAST_WORDS_TIME: Duration = Duration::from_secs(30);

/// What the model reads when its budget is used up and it shall sum up.
const SUM_UP: &str = include_str!("sum_up.md");

/// What ends a model call without an answer.
enum CallFailed {
    Provider(ProviderError),
    Journal(JournalFailed),
}

impl From<ProviderError> for CallFailed {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<JournalFailed> for CallFailed {
    fn from(error: JournalFailed) -> Self {
        Self::Journal(error)
    }
}

impl Driver {
    /// Makes a turn's model call. Failures of the model end the run, not this function.
    pub(super) async fn call_model(
        &mut self,
        turn: u32,
        access: ToolAccess,
    ) -> Result<(), JournalFailed> {
        let tools = self.offered_tools();
        if self.make_room(&tools, self.time_for(access)).await? == MadeRoom::GivenUp {
            return Ok(());
        }
        self.context.budget.charge_turn();
        self.record(EventKind::TurnStarted { turn }).await?;
        self.announced().await;
        match self.attempt(turn, access, &tools).await? {
            None => Ok(()),
            // What follows is rare; the future of a run shall not carry it along.
            Some(ProviderError::ContextTooLong(refusal)) => {
                Box::pin(self.ask_shorter(turn, access, &tools, refusal)).await
            }
            Some(error) => {
                self.fail(&error);
                Ok(())
            }
        }
    }

    /// What the model is told about: all tools, or fewer when they take too much room.
    pub(super) fn offered_tools(&self) -> Arc<[ToolSpec]> {
        self.shared.disclosure.offered(&self.shared.tools, self.transcript.found_tools())
    }

    /// Makes the conversation shorter than what was refused, and asks once more.
    async fn ask_shorter(
        &mut self,
        turn: u32,
        access: ToolAccess,
        tools: &Arc<[ToolSpec]>,
        refusal: ProviderFailure,
    ) -> Result<(), JournalFailed> {
        let time_left = self.time_for(access);
        if self.make_room_after(&refusal, tools, time_left).await? == MadeRoom::Enough
            && let Some(error) = self.attempt(turn, access, tools).await?
        {
            self.fail(&error);
        }
        Ok(())
    }

    /// Asks once. Gives the model's failure; what else ends a call, the loop sees for itself.
    async fn attempt(
        &mut self,
        turn: u32,
        access: ToolAccess,
        tools: &Arc<[ToolSpec]>,
    ) -> Result<Option<ProviderError>, JournalFailed> {
        let request = self.request(access, tools);
        let span = tracing::info_span!("model_call", turn, model = %request.model);
        let cancel = self.control.cancel_signal().clone();
        let time_left = self.time_for(access);
        let asked = {
            let answer = pin!(self.ask(turn, request).instrument(span));
            interruptible(&cancel, time_left, answer).await
        };
        match asked {
            Ok(Ok(())) => Ok(None),
            // The loop sees for itself that the signal was given.
            Err(Interruption::Cancelled) => {
                self.accounts.abandoned(self.shared.clock.now());
                Ok(None)
            }
            Ok(Err(CallFailed::Journal(error))) => Err(error),
            Ok(Err(CallFailed::Provider(error))) => {
                self.accounts.failed(self.shared.clock.now());
                Ok(Some(error))
            }
            Err(Interruption::TimeUp) => {
                self.accounts.abandoned(self.shared.clock.now());
                self.time_is_up = true;
                Ok(None)
            }
        }
    }

    fn fail(&mut self, error: &ProviderError) {
        tracing::warn!(kind = error.kind(), error = %error, "the model call failed");
        self.run.end(Ending::failed(error.kind(), error.to_string()));
    }

    /// How long the model may take.
    fn time_for(&self, access: ToolAccess) -> Option<Duration> {
        let time_left = self.context.budget.time_left(self.shared.clock.now());
        match access {
            ToolAccess::Offered => time_left,
            ToolAccess::Withheld(_) => time_left.map(|left| left.max(LAST_WORDS_TIME)),
        }
    }

    fn request(&self, access: ToolAccess, tools: &Arc<[ToolSpec]>) -> ChatRequest {
        let conversation = self.transcript.conversation().clone();
        let mut request = ChatRequest::of(self.model.clone(), conversation);
        request.preferred_provider = self.run.answered_by().map(|(provider, _)| provider.clone());
        request.system.clone_from(&self.shared.system_prompt);
        request.tools = Arc::clone(tools);
        request.thinking = self.shared.thinking;
        request.max_output_tokens = self.shared.max_output_tokens;
        request.temperature = self.shared.temperature;
        request.delivery = self.shared.delivery;
        if let ToolAccess::Withheld(_) = access {
            request.tool_choice = ToolChoice::None;
            request.volatile = Some(Arc::from(SUM_UP.trim()));
        }
        request
    }

    async fn ask(&mut self, turn: u32, request: ChatRequest) -> Result<(), CallFailed> {
        let asked_at = self.shared.clock.now();
        let mut first_piece_at = None;
        let provider = Arc::clone(&self.shared.provider);
        self.accounts.asked(self.provider_to_ask(), request.model.clone(), asked_at);
        let mut pieces = provider.chat_stream(request).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            let first_at = *first_piece_at.get_or_insert_with(|| self.shared.clock.now());
            self.accounts.streamed(streamed_bytes(&piece), first_at);
            match piece {
                ChatChunk::Finished(response) => {
                    let timing = (asked_at, first_at);
                    return Ok(self.answered(turn, *response, timing).await?);
                }
                ChatChunk::Text(text) => {
                    CrashPoint::Streaming.pass();
                    self.emit(EventKind::TextDelta { text });
                }
                ChatChunk::Thinking(text) => self.emit(EventKind::ThinkingDelta { text }),
                ChatChunk::ToolCall { call_id, name, partial_json } => {
                    self.emit(EventKind::ToolCallDelta { call_id, name, partial_json });
                }
                ChatChunk::Retrying { provider, reason, delay } => {
                    let delay_ms = millis(delay);
                    let now = self.shared.clock.now();
                    self.accounts.asked_again(provider.clone(), provider.clone(), now);
                    self.record(EventKind::ProviderRetry { provider, reason, delay_ms }).await?;
                }
                ChatChunk::Switched { from, to, reason, discarded_chars } => {
                    let now = self.shared.clock.now();
                    self.accounts.asked_again(from.clone(), to.clone(), now);
                    let switched =
                        EventKind::ProviderSwitched { from, to, reason, discarded_chars };
                    self.record(switched).await?;
                }
            }
            self.events.room().await;
        }
        let unfinished =
            ProviderFailure::new(provider.id().clone(), "the stream ended before the answer did");
        Err(ProviderError::InterruptedStream(unfinished).into())
    }

    async fn answered(
        &mut self,
        turn: u32,
        response: ChatResponse,
        (asked_at, first_piece_at): (Timestamp, Timestamp),
    ) -> Result<(), JournalFailed> {
        self.context.budget.charge_tokens(response.usage, response.cost);
        let by = (response.provider.clone(), response.model.clone());
        self.accounts.answered(by, response.usage, response.cost, self.shared.clock.now());
        self.record(EventKind::AssistantMessage {
            turn,
            message: Arc::new(response.message),
            usage: response.usage,
            cost_micro_usd: response.cost,
            provider: response.provider,
            model: response.model,
            stop_reason: response.stop_reason,
            time_to_first_token_ms: millis(first_piece_at.since(asked_at)),
            duration_ms: millis(self.shared.clock.now().since(asked_at)),
        })
        .await
    }
}

/// How much of an answer a piece brings.
fn streamed_bytes(piece: &ChatChunk) -> usize {
    match piece {
        ChatChunk::Text(text) | ChatChunk::Thinking(text) => text.len(),
        ChatChunk::ToolCall { partial_json, .. } => partial_json.len(),
        ChatChunk::Finished(_) | ChatChunk::Retrying { .. } | ChatChunk::Switched { .. } => 0,
    }
}
