//! One model call of a run: asks, shows the pieces, writes the answer down.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tracing::Instrument;
use tracing::Span;

use super::Ending;
use super::ToolAccess;
use super::driver::Driver;
use super::driver::JournalFailed;
use super::driver::millis;
use super::interrupt::Interruption;
use super::interrupt::interruptible;
use super::make_room::MadeRoom;
use super::recall::Recalled;
use super::redact::AnswerGate;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::event::EventKind;
use crate::memory::ask_for_facts;
use crate::message::Message;
use crate::message::Usage;
use crate::profile::Duty;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatResponse;
use crate::provider::ChatStream;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;
use crate::provider::StopReason;
use crate::provider::ToolChoice;
use crate::tool::ToolSpec;

/// How long a last turn may take when it is the time that is used up.
const LAST_WORDS_TIME: Duration = Duration::from_secs(30);

/// What the model reads when its budget is used up and it shall sum up.
const SUM_UP: &str = include_str!("sum_up.md");

/// A model call on its way.
struct ModelCall {
    span: Span,
    asked_at: Timestamp,
    /// What is asked, until it is.
    request: Option<ChatRequest>,
    pieces: Option<ChatStream>,
    /// Holds back what may be the beginning of a secret; none when no secret is known.
    gate: Option<Box<AnswerGate>>,
    first_piece_at: Option<Timestamp>,
}

/// What of an answer has to be written down.
enum Heard {
    Answer(Box<ChatResponse>),
    /// It goes on after this.
    Note(EventKind),
}

impl Driver {
    /// Makes a turn's model call. Failures of the model end the run, not this function.
    pub(super) async fn call_model(
        &mut self,
        turn: u32,
        access: ToolAccess,
    ) -> Result<(), JournalFailed> {
        let tools = self.offered_tools();
        if self.make_room(&tools, access).await? == MadeRoom::GivenUp {
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

    /// Lets the provider find out what the model can do, before anything hangs on it.
    pub(super) async fn look_up_model(&mut self) {
        let Some(lookup) = self.shared.provider.model_lookup() else { return };
        let (cancel, time_left) =
            (self.control.cancel_signal(), self.time_for(ToolAccess::Offered));
        // What breaks into it, the loop sees for itself.
        let _ = interruptible(cancel, time_left, pin!(lookup.look_up(&self.model))).await;
    }

    /// What the model is told about: all tools, or fewer when they take too much room.
    pub(super) fn offered_tools(&self) -> Arc<[ToolSpec]> {
        self.shared.offered(&self.context.tools, self.transcript.found_tools(), &self.model)
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
        let mut call = self.begin_call(turn, access, tools);
        let asked_at = call.asked_at;
        let cancel = self.control.cancel_signal().clone();
        loop {
            let time_left = self.time_for(access);
            let heard = {
                let span = call.span.clone();
                let hearing = pin!(self.hear(&mut call).instrument(span));
                interruptible(&cancel, time_left, hearing).await
            };
            // Nothing breaks into the writing: of an entry that may be there, the run must know.
            match heard {
                Ok(Ok(Heard::Answer(response))) => {
                    let first_piece_at = call.first_piece_at.unwrap_or(asked_at);
                    self.answered(turn, response, (asked_at, first_piece_at)).await?;
                    return Ok(None);
                }
                Ok(Ok(Heard::Note(kind))) => self.record(kind).await?,
                Ok(Err(error)) => {
                    self.accounts.failed(self.shared.clock.now());
                    return Ok(Some(error));
                }
                Err(interruption) => {
                    self.accounts.abandoned(self.shared.clock.now());
                    // The loop sees for itself that the signal to cancel was given.
                    self.time_is_up |= interruption == Interruption::TimeUp;
                    if interruption == Interruption::Cancelled {
                        Box::pin(self.keep_what_was_shown(turn, asked_at)).await?;
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn begin_call(&mut self, turn: u32, access: ToolAccess, tools: &Arc<[ToolSpec]>) -> ModelCall {
        let request = self.request(access, tools);
        let span = tracing::info_span!("model_call", turn, model = %request.model);
        let asked_at = self.shared.clock.now();
        self.accounts.asked(self.provider_to_ask(), request.model.clone(), asked_at);
        self.shown_text.clear();
        let gate = self.shared.answer_gate();
        ModelCall {
            span,
            asked_at,
            request: Some(request),
            pieces: None,
            gate,
            first_piece_at: None,
        }
    }

    /// The run is stopped: writes down the text that was shown of the answer under way. Calls that had begun
    /// to arrive are not kept, since nobody knows whether they were whole, and neither is thinking,
    /// which providers take back only as they gave it.
    async fn keep_what_was_shown(
        &mut self,
        turn: u32,
        asked_at: Timestamp,
    ) -> Result<(), JournalFailed> {
        let text = std::mem::take(&mut self.shown_text);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.record(EventKind::AssistantMessage {
            turn,
            message: Arc::new(Message::assistant(text)),
            usage: Usage::default(),
            cost_micro_usd: None,
            provider: self.provider_to_ask(),
            model: self.model.clone(),
            stop_reason: StopReason::Cancelled,
            time_to_first_token_ms: 0,
            duration_ms: millis(self.shared.clock.now().since(asked_at)),
        })
        .await
    }

    fn fail(&mut self, error: &ProviderError) {
        tracing::warn!(kind = error.kind(), error = %error, "the model call failed");
        self.run.end(Ending::failed(error.kind(), error.to_string()));
    }

    /// How long the model may take.
    pub(super) fn time_for(&self, access: ToolAccess) -> Option<Duration> {
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
        request.system = self.system_prompt().cloned();
        request.tools = Arc::clone(tools);
        request.thinking = self.shared.thinking;
        request.max_output_tokens = self.shared.max_output_tokens;
        request.temperature = self.shared.temperature;
        request.delivery = self.shared.delivery;
        request.volatile = self.recalled.as_ref().and_then(Recalled::words);
        if self.duty() == Duty::ExtractMemories {
            ask_for_facts(&mut request);
        }
        if let ToolAccess::Withheld(_) = access {
            request.tool_choice = ToolChoice::None;
            let before = request.volatile.map(|memories| format!("{memories}\n\n"));
            request.volatile = Some(Arc::from(before.unwrap_or_default() + SUM_UP.trim()));
        }
        request
    }

    /// Shows the pieces until something has to be written down.
    async fn hear(&mut self, call: &mut ModelCall) -> Result<Heard, ProviderError> {
        let provider = Arc::clone(&self.shared.provider);
        if let Some(request) = call.request.take() {
            call.pieces = Some(provider.chat_stream(request).await?);
        }
        let ModelCall { pieces, gate, first_piece_at, .. } = call;
        while let Some(pieces) = pieces
            && let Some(piece) = pieces.next().await
        {
            let piece = piece?;
            let first_at = *first_piece_at.get_or_insert_with(|| self.shared.clock.now());
            self.accounts.streamed(streamed_bytes(&piece), first_at);
            match piece {
                ChatChunk::Finished(response) => {
                    self.emit_rest(gate);
                    return Ok(Heard::Answer(response));
                }
                ChatChunk::Text(text) => {
                    CrashPoint::Streaming.pass();
                    self.emit_piece(gate, EventKind::TextDelta { text });
                }
                ChatChunk::Thinking(text) => {
                    self.emit_piece(gate, EventKind::ThinkingDelta { text });
                }
                ChatChunk::ToolCall { call_id, name, partial_json } => {
                    let piece = EventKind::ToolCallDelta { call_id, name, partial_json };
                    self.emit_piece(gate, piece);
                }
                ChatChunk::Retrying { provider, reason, delay } => {
                    let delay_ms = millis(delay);
                    let now = self.shared.clock.now();
                    self.accounts.asked_again(provider.clone(), provider.clone(), now);
                    return Ok(Heard::Note(EventKind::ProviderRetry {
                        provider,
                        reason,
                        delay_ms,
                    }));
                }
                ChatChunk::Switched { from, to, reason, discarded_chars } => {
                    if let Some(gate) = gate {
                        gate.discard();
                    }
                    let now = self.shared.clock.now();
                    self.accounts.asked_again(from.clone(), to.clone(), now);
                    self.shown_text.clear();
                    let switched =
                        EventKind::ProviderSwitched { from, to, reason, discarded_chars };
                    return Ok(Heard::Note(switched));
                }
            }
            self.events.room().await;
        }
        let unfinished =
            ProviderFailure::new(provider.id().clone(), "the stream ended before the answer did");
        Err(ProviderError::InterruptedStream(unfinished))
    }

    async fn answered(
        &mut self,
        turn: u32,
        response: Box<ChatResponse>,
        (asked_at, first_piece_at): (Timestamp, Timestamp),
    ) -> Result<(), JournalFailed> {
        let response = *response;
        let now = self.shared.clock.now();
        self.context.budget.charge_tokens(response.usage, response.cost);
        let by = (response.provider.clone(), response.model.clone());
        self.accounts.answered(by, response.usage, response.cost, now);
        self.hold(EventKind::AssistantMessage {
            turn,
            message: Arc::new(response.message),
            usage: response.usage,
            cost_micro_usd: response.cost,
            provider: response.provider,
            model: response.model,
            stop_reason: response.stop_reason,
            time_to_first_token_ms: millis(first_piece_at.since(asked_at)),
            duration_ms: millis(now.since(asked_at)),
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
