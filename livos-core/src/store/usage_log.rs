//! What model calls used and cost, one row a call.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::StoreError;

/// What model calls used. Rows outlive their session: money that was spent stays spent.
///
/// Calls of a run are recorded by the [append](super::Append::using) of their answer;
/// [`record_usage`](Self::record_usage) is for all others.
#[async_trait]
pub trait UsageLog: fmt::Debug + Send + Sync + 'static {
    /// Adds rows, all or none.
    ///
    /// # Errors
    /// When they could not be written.
    async fn record_usage(&self, rows: Vec<UsageRow>) -> Result<(), StoreError>;

    /// Sums by group, in the order of the groups' names.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageTotal>, StoreError>;

    /// What all calls since then cost, as far as prices are known.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn spent_since(&self, since: Timestamp) -> Result<MicroUsd, StoreError>;
}

/// What a model was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsagePurpose {
    /// To answer.
    #[default]
    Turn,
    /// To summarise what does not fit any more.
    Compaction,
    /// To describe a text by a vector.
    Embedding,
    /// To turn speech into text, or text into speech.
    Speech,
    /// To find in what a user said what is worth remembering.
    MemoryExtraction,
}

impl UsagePurpose {
    /// Its name in lists and in stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Compaction => "compaction",
            Self::Embedding => "embedding",
            Self::Speech => "speech",
            Self::MemoryExtraction => "memory_extraction",
        }
    }
}

/// How a model call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// With an answer.
    Answered,
    /// With an error.
    Failed,
    /// With a part of an answer that another provider then gave, or that nobody waited for.
    Discarded,
}

impl CallStatus {
    /// Its name in lists and in stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Discarded => "discarded",
        }
    }
}

/// One model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// When it ended.
    pub at: Timestamp,
    /// Who was asked.
    pub provider: ProviderId,
    /// The model that was asked.
    pub model: ModelName,
    /// What for.
    pub purpose: UsagePurpose,
    /// How it ended.
    pub status: CallStatus,
    /// Tokens, by kind.
    pub usage: Usage,
    /// What it cost, where the price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<MicroUsd>,
    /// From the call to its first piece, in milliseconds, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_first_token_ms: Option<u64>,
    /// From the call to its end, in milliseconds.
    pub duration_ms: u64,
    /// The run that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Who it was asked for.
    pub user: UserId,
    /// The surface it came from.
    pub channel: Arc<str>,
}

impl UsageRow {
    /// The name of the group it belongs to.
    pub(super) fn group_name(&self, by: UsageGroup) -> String {
        match by {
            // RFC 3339 begins with the ten characters of the date.
            UsageGroup::Day => self.at.to_string().chars().take(10).collect(),
            UsageGroup::Model => self.model.to_string(),
            UsageGroup::Provider => self.provider.to_string(),
            UsageGroup::Session => self.session_id.map_or_else(String::new, |id| id.to_string()),
            UsageGroup::Run => self.run_id.map_or_else(String::new, |id| id.to_string()),
            UsageGroup::User => self.user.to_string(),
            UsageGroup::Channel => self.channel.to_string(),
            UsageGroup::Purpose => self.purpose.name().to_owned(),
        }
    }
}

impl UsageQuery {
    /// Whether a call is to be counted.
    pub fn accepts(&self, row: &UsageRow) -> bool {
        self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at < to)
            && self.session_id.is_none_or(|id| row.session_id == Some(id))
            && self.user.as_ref().is_none_or(|user| *user == row.user)
    }
}

impl UsageTotal {
    /// The sums of calls, in memory.
    pub(super) fn of(group: Vec<String>, rows: &[&UsageRow]) -> Self {
        let count = |status| rows.iter().filter(|row| row.status == status).count() as u64;
        let waits: Vec<u64> = rows.iter().filter_map(|row| row.time_to_first_token_ms).collect();
        let costs = rows.iter().filter_map(|row| row.cost_micro_usd);
        let unpriced =
            rows.iter().filter(|row| row.cost_micro_usd.is_none() && row.usage.total_tokens() > 0);
        Self {
            group,
            answered: count(CallStatus::Answered),
            failed: count(CallStatus::Failed),
            discarded: count(CallStatus::Discarded),
            usage: rows.iter().map(|row| row.usage).sum(),
            cost_micro_usd: costs.fold(MicroUsd::default(), |sum, cost| sum + cost),
            unpriced: unpriced.count() as u64,
            mean_time_to_first_token_ms: waits.iter().sum::<u64>().checked_div(waits.len() as u64),
            duration_ms: rows.iter().map(|row| row.duration_ms).sum(),
        }
    }
}

/// What to sum by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageGroup {
    /// The day in UTC, as `2026-01-31`.
    Day,
    /// The model.
    Model,
    /// The provider.
    Provider,
    /// The session; empty for calls without one.
    Session,
    /// The run; empty for calls without one.
    Run,
    /// The user.
    User,
    /// The surface.
    Channel,
    /// The purpose.
    Purpose,
}

/// Which calls to sum, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageQuery {
    /// Only calls at this time or later.
    pub from: Option<Timestamp>,
    /// Only calls before this time.
    pub to: Option<Timestamp>,
    /// Only calls of this session.
    pub session_id: Option<SessionId>,
    /// Only calls for this user.
    pub user: Option<UserId>,
    /// One total for each combination; a single one for all calls when empty.
    pub group_by: Vec<UsageGroup>,
    /// How many totals to give at most.
    pub limit: usize,
}

/// What the calls of one group used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageTotal {
    /// The names of the group, one for each of [`UsageQuery::group_by`].
    pub group: Vec<String>,
    /// How many calls ended with an answer.
    pub answered: u64,
    /// How many ended with an error.
    pub failed: u64,
    /// How many were for nothing.
    pub discarded: u64,
    /// Tokens of all of them.
    pub usage: Usage,
    /// What those cost whose price is known.
    pub cost_micro_usd: MicroUsd,
    /// How many used tokens at an unknown price.
    pub unpriced: u64,
    /// The mean time to the first token of those that gave one, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_time_to_first_token_ms: Option<u64>,
    /// How long all of them took together, in milliseconds.
    pub duration_ms: u64,
}
