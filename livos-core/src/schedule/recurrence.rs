//! When a schedule is due.
//!
//! A *slot* is a time of the timetable. What comes after a slot depends on the timetable and that slot
//! alone, never on when somebody looked, so that all who look agree.

#[cfg(not(feature = "scheduler"))]
mod absent;
#[cfg(feature = "scheduler")]
mod cron;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

#[cfg(not(feature = "scheduler"))]
use self::absent::Cron;
#[cfg(feature = "scheduler")]
use self::cron::Cron;
use crate::clock::Timestamp;
use crate::schedule::ScheduleFault;

/// How many slots are looked at to count those that were missed.
const MAX_COUNTED: u32 = 1_000;

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recurrence {
    /// At the times of a cron expression. Needs the feature `scheduler`.
    Cron {
        /// Five fields, or six with seconds first: `0 9 * * MON-FRI`; also `@daily` and its like.
        expression: String,
        /// The IANA time zone of its fields, such as `Europe/Berlin`; UTC where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
    },
    /// Again and again, counted from the start of the schedule.
    Every {
        /// The time between two slots.
        seconds: u64,
    },
    /// Once.
    At {
        /// When, RFC 3339.
        #[schemars(with = "String", extend("format" = "date-time"))]
        time: Timestamp,
    },
    /// Once, so long after the schedule is made.
    Delay {
        /// How long.
        seconds: u64,
    },
}

impl Recurrence {
    /// At the times of a cron expression, in UTC.
    pub fn cron(expression: impl Into<String>) -> Self {
        Self::Cron { expression: expression.into(), time_zone: None }
    }

    /// At the times of a cron expression in a time zone.
    pub fn cron_in(expression: impl Into<String>, time_zone: impl Into<String>) -> Self {
        Self::Cron { expression: expression.into(), time_zone: Some(time_zone.into()) }
    }

    /// Again and again; parts of a second do not count.
    pub fn every(interval: Duration) -> Self {
        Self::Every { seconds: interval.as_secs() }
    }

    /// Once.
    pub fn at(time: Timestamp) -> Self {
        Self::At { time }
    }

    /// Once, so long after the schedule is made; parts of a second do not count.
    pub fn after(delay: Duration) -> Self {
        Self::Delay { seconds: delay.as_secs() }
    }

    /// The same with every relative time made absolute.
    pub(super) fn settled(self, now: Timestamp) -> Self {
        match self {
            Self::Delay { seconds } => {
                Self::At { time: now.saturating_add(Duration::from_secs(seconds)) }
            }
            settled => settled,
        }
    }

    /// Makes it ready to be asked. `anchor` is what intervals are counted from.
    pub(crate) fn timetable(&self, anchor: Timestamp) -> Result<Timetable, ScheduleFault> {
        Ok(match self {
            Self::Cron { expression, time_zone } => {
                Timetable::Cron(Box::new(Cron::parse(expression, time_zone.as_deref())?))
            }
            Self::Every { seconds } => Timetable::Every {
                micros: i64::try_from(Duration::from_secs((*seconds).max(1)).as_micros())
                    .unwrap_or(i64::MAX),
                anchor,
            },
            Self::At { time } => Timetable::Once(*time),
            Self::Delay { seconds } => {
                Timetable::Once(anchor.saturating_add(Duration::from_secs(*seconds)))
            }
        })
    }
}

/// A recurrence that can be asked for its slots.
#[derive(Debug)]
pub(crate) enum Timetable {
    Cron(Box<Cron>),
    Every { micros: i64, anchor: Timestamp },
    Once(Timestamp),
}

impl Timetable {
    /// The first slot after a time; none when there is none any more.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(after),
            Self::Every { micros, anchor } => {
                let (anchor, after) = (anchor.as_unix_micros(), after.as_unix_micros());
                // The first slot is a whole interval after the anchor.
                let passed = after.saturating_sub(anchor).div_euclid(*micros).max(0);
                let slot = anchor.checked_add(passed.checked_add(1)?.checked_mul(*micros)?)?;
                Some(Timestamp::from_unix_micros(slot))
            }
            Self::Once(time) => (*time > after).then_some(*time),
        }
    }

    /// The newest slot up to a time, if it is not before `first`, which is a slot; and how many slots
    /// there are from `first` to just before it, counted up to a thousand.
    pub(crate) fn newest_up_to(&self, first: Timestamp, time: Timestamp) -> (Timestamp, u32) {
        match self {
            Self::Every { micros, .. } => {
                let between = time.as_unix_micros().saturating_sub(first.as_unix_micros());
                let count = between.div_euclid(*micros).max(0);
                let newest = first.as_unix_micros().saturating_add(count.saturating_mul(*micros));
                let counted = u32::try_from(count).unwrap_or(u32::MAX).min(MAX_COUNTED);
                (Timestamp::from_unix_micros(newest), counted)
            }
            Self::Once(_) => (first, 0),
            Self::Cron(cron) => {
                let (mut newest, mut count) = (first, 0);
                while count < MAX_COUNTED {
                    match cron.next_after(newest).filter(|next| *next <= time) {
                        Some(next) => (newest, count) = (next, count + 1),
                        None => return (newest, count),
                    }
                }
                let latest = cron.last_up_to(time).filter(|latest| *latest >= newest);
                (latest.unwrap_or(newest), count)
            }
        }
    }

    /// The next times after one, at most so many.
    pub(crate) fn slots(
        &self,
        after: Timestamp,
        count: usize,
    ) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next_after(after), |slot| self.next_after(*slot)).take(count)
    }
}

#[cfg(test)]
mod tests;
