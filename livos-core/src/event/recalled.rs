//! What of a user's memory a run is given.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::FactId;
use crate::memory::SearchMethod;

/// What of a user's memory a run is given.
///
/// The model reads these facts after the conversation, in each turn of the run, as they stand here:
/// whoever goes on with the run, or plays it again, shows it the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledMemories {
    /// The facts, those that fit best first.
    pub facts: Vec<RecalledFact>,
    /// How they were looked for.
    pub method: SearchMethod,
    /// Tokens that they take in each prompt of the run, by estimate.
    pub tokens: u64,
    /// Why not everything was looked at in every way, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A fact as it was when it was recalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledFact {
    /// The fact.
    pub id: FactId,
    /// What it said.
    pub text: String,
    /// When it was learned, or last confirmed.
    pub as_of: Timestamp,
}
