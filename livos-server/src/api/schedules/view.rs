//! Schedules and firings as the API writes them.

use livos_core::FiringReason;
use livos_core::FiringRecord;
use livos_core::FiringStatus;
use livos_core::ScheduleId;
use livos_core::ScheduleManager;
use livos_core::ScheduleRecord;
use livos_core::ScheduleSession;
use livos_core::ScheduleStatus;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::plan::PlanBody;
use super::when;
use crate::openapi::any_object;

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Schedule {
    /// Its id.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: ScheduleId,
    /// Where it stands.
    status: ScheduleStatus,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it is due, in a few words.
    when: String,
    /// The next times it fires, RFC 3339, five at most; jitter left aside.
    next_times: Vec<String>,
    /// When it fires next, RFC 3339, jitter included.
    next_at: Option<String>,
    /// The newest time that was dealt with, RFC 3339.
    last_slot: Option<String>,
    /// How often it fired.
    fired: u64,
    /// How many of its newest runs failed, one after the other.
    failures: u32,
    /// Its runs that are not known to be over.
    running: Vec<String>,
    /// What it does, and when.
    plan: PlanBody,
    /// The session of its runs.
    session_id: String,
    /// Whether the session was made for it.
    has_own_session: bool,
    /// Who made it.
    #[schemars(schema_with = "any_object")]
    origin: Value,
    /// When it was made, RFC 3339.
    created_at: String,
    /// When its plan was last changed, RFC 3339.
    updated_at: String,
}

impl Schedule {
    pub(super) fn of(schedules: &ScheduleManager, record: ScheduleRecord) -> Self {
        let next_times = schedules.next_times(&record).iter().map(ToString::to_string).collect();
        let progress = record.progress;
        Self {
            id: record.id,
            status: progress.status,
            reason: progress.reason,
            when: when(&record.plan.recurrence),
            next_times,
            next_at: progress.next_at.map(|at| at.to_string()),
            last_slot: progress.last_slot.map(|at| at.to_string()),
            fired: progress.fired,
            failures: progress.failures,
            running: progress.open.iter().map(|open| open.run_id.to_string()).collect(),
            plan: PlanBody::from(&record.plan),
            session_id: record.session_id.to_string(),
            has_own_session: record.session == ScheduleSession::Own,
            origin: json!(record.origin),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
        }
    }
}

/// What came of a time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Firing {
    /// The time of the timetable, RFC 3339.
    slot: String,
    /// When it was dealt with, RFC 3339.
    at: String,
    /// What came of it.
    status: FiringStatus,
    /// Why it was left out, or that somebody asked for it.
    reason: Option<FiringReason>,
    /// The run, unless it was left out.
    run_id: Option<String>,
    /// How many times it stands for, itself included; counted up to 1,000.
    slots: u32,
}

impl From<FiringRecord> for Firing {
    fn from(firing: FiringRecord) -> Self {
        Self {
            slot: firing.slot.to_string(),
            at: firing.at.to_string(),
            status: firing.status,
            reason: firing.reason,
            run_id: firing.run_id.map(|id| id.to_string()),
            slots: firing.slots,
        }
    }
}
