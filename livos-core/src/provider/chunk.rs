//! The pieces an answer arrives in.

use std::time::Duration;

use super::ChatResponse;
use crate::id::ProviderId;
use crate::id::ToolCallId;
use crate::id::ToolName;

/// One piece of an answer.
///
/// Deltas are for eyes; the facts are in [`ChatChunk::Finished`], which holds
/// the whole answer. Nothing may act on a delta.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ChatChunk {
    /// More of the answer's text.
    Text(String),
    /// More of the reasoning.
    Thinking(String),
    /// More of a tool call's arguments; the first has the empty string when the call begins.
    ToolCall {
        /// The call.
        call_id: ToolCallId,
        /// The tool it asks for.
        name: ToolName,
        /// The next bytes of the arguments' JSON.
        partial_json: String,
    },
    /// A failed attempt will be repeated after a pause. Sent by the manager.
    Retrying {
        /// The provider that failed and is asked again.
        provider: ProviderId,
        /// Why.
        reason: String,
        /// The pause.
        delay: Duration,
    },
    /// Another provider goes on; drop all text and thinking of this answer so far. Sent by the manager.
    Switched {
        /// Who failed.
        from: ProviderId,
        /// Who goes on.
        to: ProviderId,
        /// Why.
        reason: String,
        /// How many characters of visible text are void.
        discarded_chars: u64,
    },
    /// The answer is whole. Nothing follows.
    Finished(Box<ChatResponse>),
}
