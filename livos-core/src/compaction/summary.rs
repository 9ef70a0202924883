//! The model call that writes a summary.

use std::sync::Arc;
use std::time::Duration;

use super::CompactionPolicy;
use super::rendering::render;
use crate::clock::Clock;
use crate::context::EstimatedTokens;
use crate::context::TokenCounter;
use crate::event::CompactionCall;
use crate::id::ModelName;
use crate::message::Message;
use crate::provider::AIProvider;
use crate::provider::ChatRequest;
use crate::provider::Delivery;
use crate::provider::ProviderError;
use crate::provider::StopReason;

/// What the model is told that writes summaries.
const INSTRUCTIONS: &str = include_str!("summarise.md");

/// The window of a model of which nothing is known.
const USUAL_WINDOW: u64 = 32_768;

/// What the instructions and the frame take of the window.
const FRAME_TOKENS: u64 = 1_024;

/// Tokens for each word a summary may have, so that the limit of tokens is not what ends it.
const TOKENS_PER_WORD: u32 = 3;

/// The fewest words that are asked for.
const LEAST_WORDS: u32 = 30;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// The model did not answer.
    #[error("the summary was not written")]
    Provider(#[from] ProviderError),
    /// It took longer than it may.
    #[error("the summary took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The model answered nothing.
    #[error("the summary is empty")]
    Empty,
    /// The model declined.
    #[error("the model declined to write the summary")]
    Refused,
    /// It saves nothing.
    #[error("the summary has {summary} tokens and would replace {replaced}")]
    TooLong {
        /// What would stand for the messages.
        summary: u64,
        /// The messages.
        replaced: u64,
    },
}

/// The error with its causes, for the journal.
pub(super) fn explain(error: &SummaryError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// Who writes summaries, and how long they may be.
pub(super) struct Author<'a> {
    pub(super) policy: &'a CompactionPolicy,
    pub(super) provider: &'a dyn AIProvider,
    pub(super) model: &'a ModelName,
    pub(super) clock: &'a dyn Clock,
    /// How many tokens this summary may have.
    pub(super) tokens: u32,
}

impl Author<'_> {
    /// Sums the messages up. The call is given back as well as an answer, since it costs either way.
    pub(super) async fn summarise(
        &self,
        messages: &[Arc<Message>],
        wishes: &str,
    ) -> (Result<String, SummaryError>, Option<CompactionCall>) {
        let asked_at = self.clock.now();
        let answer = self.provider.chat(self.request(messages, wishes));
        let timeout = self.policy.timeout;
        let response = match tokio::time::timeout(timeout, answer).await {
            Err(_) => return (Err(SummaryError::TimedOut(timeout)), None),
            Ok(Err(error)) => return (Err(error.into()), None),
            Ok(Ok(response)) => response,
        };
        let duration = self.clock.now().since(asked_at);
        let call = CompactionCall {
            provider: response.provider,
            model: response.model,
            usage: response.usage,
            cost_micro_usd: response.cost,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        };
        let text = response.message.text().trim().to_owned();
        let summary = match response.stop_reason {
            StopReason::Refusal => Err(SummaryError::Refused),
            _ if text.is_empty() => Err(SummaryError::Empty),
            StopReason::MaxTokens => Ok(format!("{text} [the summary was cut here]")),
            _ => Ok(text),
        };
        (summary, Some(call))
    }

    fn request(&self, messages: &[Arc<Message>], wishes: &str) -> ChatRequest {
        let window = self.provider.capabilities(self.model).context_window;
        let spare = FRAME_TOKENS + u64::from(self.tokens) + EstimatedTokens.count(wishes);
        let room = window.unwrap_or(USUAL_WINDOW).saturating_sub(spare);
        let mut question = format!("<messages>\n{}</messages>", render(messages, room));
        if !wishes.is_empty() {
            question = format!("{question}\n\nThe user adds about the summary: {wishes}");
        }
        let mut request = ChatRequest::new(self.model.clone(), [Message::user(question)]);
        let words = (self.tokens / TOKENS_PER_WORD).max(LEAST_WORDS).to_string();
        request.system = Some(INSTRUCTIONS.trim().replace("{words}", &words).into());
        request.max_output_tokens = Some(self.tokens);
        request.delivery = Delivery::Whole;
        request
    }
}
