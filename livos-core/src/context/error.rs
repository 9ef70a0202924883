//! Why a request cannot fit a model's window, whatever is left out.

use crate::id::ModelName;

/// Why a request cannot fit a model's window, whatever is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// What every request carries leaves no room for a conversation.
    #[error(
        "the instructions ({system_tokens} tokens), the tools ({tool_tokens}) and the answer \
         ({output_reserve}) leave less than {least_room} of the {window} tokens of '{model}' for a \
         conversation; offer fewer tools, allow shorter answers, or choose a larger model"
    )]
    Overhead {
        /// The model.
        model: ModelName,
        /// Its window.
        window: u64,
        /// The standing instructions.
        system_tokens: u64,
        /// The definitions of the tools.
        tool_tokens: u64,
        /// What is kept free for the answer.
        output_reserve: u64,
        /// What a conversation needs at least.
        least_room: u64,
    },
    /// The newest messages alone are too much.
    #[error(
        "the newest messages need {needed} tokens, and {room} of the {window} tokens of '{model}' \
         are left for them; send less at once, or choose a larger model"
    )]
    Conversation {
        /// The model.
        model: ModelName,
        /// Its window.
        window: u64,
        /// What has to be sent in any case, without instructions and tools.
        needed: u64,
        /// What there is room for.
        room: u64,
    },
}

impl ContextError {
    /// The kind in one word, as a run's error says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Overhead { .. } => "context_overhead",
            Self::Conversation { .. } => "context_too_long",
        }
    }
}
