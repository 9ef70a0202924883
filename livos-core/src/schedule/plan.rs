//! What a schedule is asked to do.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::id::ModelName;
use crate::message::MicroUsd;
use crate::schedule::Recurrence;
use crate::schedule::ScheduleFault;
use crate::schedule::recurrence::Timetable;
use crate::store::ReplyAddress;

/// After how many failures in a row a schedule pauses unless told otherwise.
pub const PAUSE_AFTER: u32 = 3;

/// What a schedule does, and when. A [`ScheduleManager`](super::ScheduleManager) checks it before it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SchedulePlan {
    /// What people call it; 1 to 200 characters.
    pub title: String,
    /// What the agent is told at each firing; up to 16,384 bytes.
    pub task: String,
    /// When it is due.
    pub recurrence: Recurrence,
    /// Nothing fires before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Nothing fires after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it fires at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_firings: Option<u64>,
    /// What happens when it is due while its last run is not over.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens with slots that were missed, such as while the process was down.
    #[serde(default)]
    pub misfire: Misfire,
    /// Each firing is put off by a part of this that depends on the slot and is the same everywhere.
    #[serde(default)]
    pub jitter: Duration,
    /// When it is looked at before the model is asked.
    #[serde(default)]
    pub condition: Condition,
    /// The named agent that does it, with its instructions, tools, model and budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// What each run may spend instead of the agent's budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What its runs together may cost in a day (UTC), where prices are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<MicroUsd>,
    /// The model to ask instead of the session's or the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// Where each reply is owed, besides being in the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyAddress>,
    /// After how many failures in a row it pauses; at least 1.
    #[serde(default = "pause_after")]
    pub pause_after: u32,
}

fn pause_after() -> u32 {
    PAUSE_AFTER
}

impl SchedulePlan {
    /// A plan with the usual policies: it skips while its last run goes on, and fires once for what was missed.
    pub fn new(title: impl Into<String>, task: impl Into<String>, recurrence: Recurrence) -> Self {
        Self {
            title: title.into(),
            task: task.into(),
            recurrence,
            starts_at: None,
            ends_at: None,
            max_firings: None,
            overlap: Overlap::default(),
            misfire: Misfire::default(),
            jitter: Duration::ZERO,
            condition: Condition::default(),
            agent: None,
            budget: None,
            daily_limit: None,
            model: None,
            reply_to: None,
            pause_after: PAUSE_AFTER,
        }
    }

    /// Whether it is due when another is.
    pub(super) fn has_times_of(&self, other: &Self) -> bool {
        (&self.recurrence, self.starts_at, self.ends_at, self.max_firings, self.jitter)
            == (&other.recurrence, other.starts_at, other.ends_at, other.max_firings, other.jitter)
    }

    /// Its times, for a schedule made then. An interval is counted from there, in whole seconds, unless
    /// the plan says when it starts: then that is the first time.
    pub(super) fn timetable(&self, created_at: Timestamp) -> Result<Timetable, ScheduleFault> {
        let anchor = match (self.starts_at, &self.recurrence) {
            (Some(start), Recurrence::Every { seconds }) => {
                start.saturating_sub(Duration::from_secs(*seconds))
            }
            _ => created_at,
        };
        let micros = anchor.as_unix_micros();
        self.recurrence
            .timetable(Timestamp::from_unix_micros(micros - micros.rem_euclid(1_000_000)))
    }

    /// The time after which it may be due, if it may after a time at all: its start counts.
    pub(super) fn not_before(&self, after: Timestamp) -> Timestamp {
        let start = self.starts_at.map(|start| start.saturating_sub(Duration::from_micros(1)));
        match self.recurrence {
            Recurrence::Every { .. } => after,
            _ => start.map_or(after, |start| start.max(after)),
        }
    }
}

/// What happens when a schedule is due while its last run is not over.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The slot is left out.
    #[default]
    Skip,
    /// It waits in the session until the last run is over.
    Queue,
    /// The last run is cancelled.
    Replace,
}

/// What happens with slots that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// The newest of them fires, the others are left out.
    #[default]
    Once,
    /// Each fires that is no older than this; the older ones are left out.
    All {
        /// How old a slot may be.
        within: Duration,
    },
}

/// What must hold for a due schedule to ask a model.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// A [`HealthProbe`](super::HealthProbe) finds something wrong: a heartbeat, which costs nothing while all is well.
    SystemUnwell,
}
