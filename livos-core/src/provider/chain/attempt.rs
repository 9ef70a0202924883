//! One request on its way along the chain: attempts, pauses, switches.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use futures::FutureExt;
use futures::Stream;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::Shared;
use super::backoff;
use super::routing::Stop;
use crate::id::ProviderId;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatStream;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;

/// Asks along the route until somebody begins to answer, and watches over the answer.
///
/// # Errors
/// When the first provider refuses for a reason that nobody could mend.
pub(super) async fn open(
    shared: Arc<Shared>,
    route: Vec<Stop>,
    request: ChatRequest,
) -> Result<ChatStream, ProviderError> {
    let mut journey = Journey {
        shared,
        route: route.into(),
        request,
        failed_attempts: 0,
        shown_chars: 0,
        has_shown: false,
        notices: VecDeque::new(),
        phase: Phase::Over,
    };
    // The first attempt is made here, so that a plain refusal is a plain error.
    match journey.ask(Duration::ZERO).await {
        Ok(pieces) => journey.phase = Phase::Answering(pieces),
        Err(error) => journey.plan(error)?,
    }
    Ok(journey.boxed())
}

/// A request on its way; the stream its caller reads.
struct Journey {
    shared: Arc<Shared>,
    /// Who is being asked, and who would be next.
    route: VecDeque<Stop>,
    request: ChatRequest,
    /// At the provider being asked.
    failed_attempts: u32,
    /// Characters of text the reader has seen of the present attempt.
    shown_chars: u64,
    /// Whether the reader has seen anything of the present attempt.
    has_shown: bool,
    /// What the reader is to be told before the next piece.
    notices: VecDeque<ChatChunk>,
    phase: Phase,
}

enum Phase {
    /// Somebody is being asked, perhaps after a pause.
    Asking(BoxFuture<'static, Result<ChatStream, ProviderError>>),
    /// Somebody answers.
    Answering(ChatStream),
    /// The answer is whole, or there will be none.
    Over,
}

impl Stream for Journey {
    type Item = Result<ChatChunk, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let journey = &mut *self;
        loop {
            if let Some(notice) = journey.notices.pop_front() {
                return Poll::Ready(Some(Ok(notice)));
            }
            let failed = match &mut journey.phase {
                Phase::Over => return Poll::Ready(None),
                Phase::Asking(asking) => match ready!(asking.as_mut().poll(context)) {
                    Ok(pieces) => {
                        journey.phase = Phase::Answering(pieces);
                        continue;
                    }
                    Err(error) => error,
                },
                Phase::Answering(pieces) => match ready!(pieces.poll_next_unpin(context)) {
                    Some(Ok(piece)) => {
                        journey.note(&piece);
                        return Poll::Ready(Some(Ok(piece)));
                    }
                    Some(Err(error)) => error,
                    None => journey.broken_off(),
                },
            };
            if let Err(error) = journey.plan(failed) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Journey {
    fn note(&mut self, piece: &ChatChunk) {
        self.has_shown = true;
        match piece {
            ChatChunk::Text(text) => self.shown_chars += text.chars().count() as u64,
            ChatChunk::Finished(_) => {
                self.phase = Phase::Over;
                if let Some((member, _)) = self.route.front() {
                    member.breaker.succeeded();
                }
            }
            _ => {}
        }
    }

    /// Asks whoever is at the front of the route, after a pause.
    fn ask(&self, pause: Duration) -> BoxFuture<'static, Result<ChatStream, ProviderError>> {
        let Some((member, model)) = self.route.front() else {
            return std::future::ready(Err(self.broken_off())).boxed();
        };
        let member = Arc::clone(member);
        let mut request = self.request.clone();
        request.model = model.clone();
        async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            member.provider_for(&request).chat_stream(request).await
        }
        .boxed()
    }

    /// Decides what follows a failure: the same again after a pause, the next provider, or the error.
    fn plan(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        self.phase = Phase::Over;
        self.failed_attempts += 1;
        let Some((member, _)) = self.route.front() else { return Err(error) };
        member.breaker.failed(&error, self.shared.clock.now());
        let id = member.provider.id().clone();
        let pause = backoff::pause(&self.shared.retry, self.failed_attempts, error.retry_after());
        match pause {
            Some(delay) if error.is_transient() => {
                tracing::warn!(provider = %id, %error, ?delay, "model call failed; asking again");
                if self.has_shown {
                    self.void_shown(id.clone(), id.clone(), &error);
                }
                let reason = error.to_string();
                self.notices.push_back(ChatChunk::Retrying { provider: id, reason, delay });
                self.phase = Phase::Asking(self.ask(delay));
                Ok(())
            }
            _ if error.allows_fallback() && self.route.len() > 1 => {
                self.route.pop_front();
                self.failed_attempts = 0;
                let next = self.route.front().map(|(member, _)| member.provider.id().clone());
                let next = next.unwrap_or_else(|| id.clone());
                tracing::warn!(from = %id, to = %next, %error, "falling back");
                self.void_shown(id, next, &error);
                self.phase = Phase::Asking(self.ask(Duration::ZERO));
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Tells the reader that what was shown is void, since the answer begins anew.
    fn void_shown(&mut self, from: ProviderId, to: ProviderId, error: &ProviderError) {
        self.has_shown = false;
        self.notices.push_back(ChatChunk::Switched {
            from,
            to,
            reason: error.to_string(),
            discarded_chars: std::mem::take(&mut self.shown_chars),
        });
    }

    fn broken_off(&self) -> ProviderError {
        let id = match self.route.front() {
            Some((member, _)) => member.provider.id().clone(),
            None => self.shared.id.clone(),
        };
        let message = "the stream ended before the answer did";
        ProviderError::InterruptedStream(ProviderFailure::new(id, message))
    }
}
