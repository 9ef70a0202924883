//! Where replies go.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Reply;

/// Takes replies to one kind of address to where they belong.
///
/// # For implementors
/// - Make one attempt and tell what came of it; pauses and repetition are the worker's.
/// - Use [`DeliveryAttempt::id`] as the platform's idempotency key where it has one, and say so by
///   [`Repetition::Harmless`]: the same delivery may then be sent again.
/// - Answer [`SinkAnswer::Ambiguous`] whenever the request may have arrived and the answer did not.
/// - An attempt is dropped after [`ATTEMPT_TIMEOUT`](crate::ATTEMPT_TIMEOUT) and counts as ambiguous.
#[async_trait]
pub trait ReplySink: fmt::Debug + Send + Sync + 'static {
    /// The kind of address that it understands, as in [`ReplyAddress`](crate::ReplyAddress).
    fn kind(&self) -> &str;

    /// Whether the platform can tell that it got a delivery twice.
    fn repetition(&self) -> Repetition {
        Repetition::Doubles
    }

    /// Sends a reply.
    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer;
}

/// What it does to send the same delivery again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// Nothing: the platform knows it by its id.
    Harmless,
    /// It may be said twice.
    Doubles,
}

/// A reply to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// The same for every attempt of this delivery.
    pub id: DeliveryId,
    /// The run that it answers for.
    pub run_id: RunId,
    /// The session of the run.
    pub session_id: SessionId,
    /// Where it goes, in the words of the sink.
    pub address: serde_json::Value,
    /// What is said.
    pub reply: Reply,
    /// Which attempt it is, from 1.
    pub number: u32,
    /// Whether an earlier attempt may have arrived.
    pub possibly_sent: bool,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAnswer {
    /// It arrived.
    Receipt(String),
    /// It did not arrive; a later attempt may.
    Retry {
        /// How long the platform asked to wait.
        after: Option<Duration>,
        /// What happened.
        error: String,
    },
    /// It may have arrived.
    Ambiguous {
        /// What happened.
        error: String,
    },
    /// It did not and will not arrive.
    Rejected {
        /// Why.
        error: String,
    },
}
