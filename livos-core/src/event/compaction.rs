//! What a compaction did, and what it takes to do it again from the journal.

use serde::Deserialize;
use serde::Serialize;

use crate::id::ModelName;
use crate::id::ProviderId;
use crate::message::MicroUsd;
use crate::message::Usage;

/// Why a conversation was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactionReason {
    /// It grew above the threshold.
    Threshold,
    /// The service said that it is too long.
    ContextTooLong,
    /// Somebody asked for it.
    Requested,
}

/// How a conversation was made shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactionMethod {
    /// A model summed the older messages up.
    Summarised,
    /// There is no summary, so the oldest turns are left out.
    Trimmed,
}

/// How the model's view of a session changes. The entries before stay in the journal;
/// applied to the conversation as it then is, this gives the same view at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactedView {
    /// 1 for the first compaction of the session. One that does not follow the last is void:
    /// two processes cannot both replace the same messages.
    pub generation: u64,
    /// The watermark: how many messages of the view, from its beginning, are replaced.
    pub replaced: u64,
    /// Places of replaced messages that stay nevertheless, word for word: the task of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<u64>,
    /// What the model reads in their place; empty when there never was a summary.
    pub summary: String,
    /// How many messages in all are neither shown nor summarised.
    #[serde(default)]
    pub left_out: u64,
    /// Facts that stay word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<String>,
    /// To how many bytes the results of tools were cut that stay, if they had to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_limit: Option<u64>,
}

/// The model call that wrote a summary. It counts as a call for the purpose `compaction`,
/// also when its summary was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactionCall {
    /// Who answered.
    pub provider: ProviderId,
    /// The model that answered.
    pub model: ModelName,
    /// What the call used.
    pub usage: Usage,
    /// What it cost, where the price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<MicroUsd>,
    /// From the call to its end, in milliseconds.
    pub duration_ms: u64,
}
