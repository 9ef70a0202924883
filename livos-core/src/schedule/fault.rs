//! Why a schedule is not made.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::id::ScheduleId;
use crate::store::StoreError;

/// Why a schedule was not made, changed or fired. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The plan cannot be used; correct the field that the fault names.
    #[error("{field}: {0}", field = .0.field())]
    Invalid(#[from] ScheduleFault),
    /// Who asks is not trusted enough; the owner, or somebody they let in, has to ask.
    #[error("schedules are made by the owner or somebody they let in, not by this origin")]
    NotAllowed,
    /// It is over, and fires no more; make a new one.
    #[error("schedule {0} has ended; give it another time, or make a new one")]
    Ended(ScheduleId),
    /// The store did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleFault {
    /// The cron expression is not understood.
    #[error("'{expression}' is no cron expression: {reason}")]
    Cron {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No time fits the cron expression.
    #[error("'{expression}' never fires: no day is like that")]
    NeverFires {
        /// The expression.
        expression: String,
    },
    /// There is no such time zone.
    #[error("'{name}' is no time zone; use an IANA name such as Europe/Berlin")]
    UnknownTimeZone {
        /// What was given.
        name: String,
    },
    /// It is due more often than is allowed.
    #[error("it would be due every {} seconds; {} is the shortest interval allowed", .interval.as_secs(), .minimum.as_secs())]
    TooOften {
        /// The shortest time between two slots.
        interval: Duration,
        /// The least that is allowed.
        minimum: Duration,
    },
    /// The time has passed.
    #[error("{time} has passed")]
    Past {
        /// The time.
        time: Timestamp,
    },
    /// It ends before it is due for the first time.
    #[error("{ends_at} is before the first time it is due, {first}")]
    EndsBeforeStart {
        /// When it ends.
        ends_at: Timestamp,
        /// When it would be due first.
        first: Timestamp,
    },
    /// A text or number is out of its bounds.
    #[error("{expected}")]
    OutOfBounds {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: String,
    },
    /// All but one of the missed slots would be dropped at once.
    #[error(
        "'all' needs the overlap policy 'queue'; with any other, all but one would be left out"
    )]
    MissedWithoutQueue,
    /// Nobody has defined such an agent, or it was forgotten.
    #[error("there is no agent '{name}'; keep it first, or leave the agent out")]
    UnknownAgent {
        /// What was given.
        name: AgentName,
    },
    /// The condition needs a probe that this program does not have.
    #[error("nothing here looks after the system's health; use 'always'")]
    NoProbe,
}

impl ScheduleFault {
    /// The field of the plan that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Cron { .. } | Self::NeverFires { .. } => "recurrence.expression",
            Self::UnknownTimeZone { .. } => "recurrence.time_zone",
            Self::TooOften { .. } => "recurrence",
            Self::Past { .. } => "recurrence.time",
            Self::EndsBeforeStart { .. } => "ends_at",
            Self::OutOfBounds { field, .. } => field,
            Self::MissedWithoutQueue => "misfire",
            Self::UnknownAgent { .. } => "agent",
            Self::NoProbe => "condition",
        }
    }
}
