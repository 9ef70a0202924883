//! How much of a model's window a conversation takes, and what has to fit beside it.
//!
//! Tokens are counted by a [`TokenCounter`]: a provider that knows the
//! tokenizer of a model brings it, everything else is estimated so that the
//! truth is not above the estimate. Each message is counted once. What to do
//! when the room runs out is the business of [`compaction`](crate::compaction).

mod error;
mod estimate;
mod message_tokens;
mod report;
mod tally;
mod token_counter;
mod windows;

pub use self::error::ContextError;
pub use self::message_tokens::message_tokens;
pub use self::report::ContextReport;
pub use self::token_counter::EstimatedTokens;
pub use self::token_counter::TokenCounter;

pub(crate) use self::message_tokens::cut_results;
pub(crate) use self::report::FixedParts;
pub(crate) use self::report::tool_tokens;
pub(crate) use self::tally::Scale;
pub(crate) use self::tally::TokenTally;
pub(crate) use self::token_counter::ByteBound;
pub(crate) use self::windows::LearnedWindows;
