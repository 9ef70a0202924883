//! Makes a conversation shorter when a model's window runs full.
//!
//! Older messages are replaced by a summary; the newest ones, the task of the
//! run and pinned facts stay word for word, and a tool call is never parted
//! from its result. Only what the model sees changes: the journal keeps every
//! entry. Decisions ([`plan`], [`pins`], [`head`]) do no IO; the one model call
//! is in [`summary`], and [`compactor`] puts them together.

mod compactor;
mod head;
mod pins;
mod plan;
mod policy;
mod rendering;
mod summary;

pub use self::policy::CompactionPolicy;
pub use self::summary::SummaryError;

pub(crate) use self::compactor::Compacted;
pub(crate) use self::compactor::Compactor;
pub(crate) use self::compactor::View;
pub(crate) use self::head::head_message;
pub(crate) use self::plan::Room;
pub(crate) use self::plan::Urgency;
