//! Cron expressions, in the wall time of a zone.
//!
//! When clocks go forward, a time of day that does not exist fires right after the gap, and intervals
//! leave it out; when they go back, a time of day fires once, and intervals go on through both hours.

use croner::parser::CronParser;
use croner::parser::Seconds;
use croner::parser::Year;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::schedule::ScheduleFault;

/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 200;
/// The longest name of a zone, in bytes.
const MAX_ZONE: usize = 64;

/// A cron expression that was understood.
#[derive(Debug)]
pub(crate) struct Cron {
    cron: croner::Cron,
    zone: TimeZone,
}

impl Cron {
    pub(super) fn parse(expression: &str, zone: Option<&str>) -> Result<Self, ScheduleFault> {
        let wrong = |reason: String| ScheduleFault::Cron {
            expression: expression.chars().take(MAX_EXPRESSION).collect(),
            reason,
        };
        if expression.len() > MAX_EXPRESSION {
            return Err(wrong(format!("it may have {MAX_EXPRESSION} bytes at most")));
        }
        let parser =
            CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| wrong(said(&error.to_string())))?;
        Ok(Self { cron, zone: time_zone(zone)? })
    }

    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_microsecond(after.as_unix_micros()).ok()?;
        let after = after.to_zoned(self.zone.clone());
        found(self.cron.find_next_occurrence(&after, false))
    }

    /// The newest slot that is no later than a time.
    pub(super) fn last_up_to(&self, time: Timestamp) -> Option<Timestamp> {
        let time = jiff::Timestamp::from_microsecond(time.as_unix_micros()).ok()?;
        let time = time.to_zoned(self.zone.clone());
        found(self.cron.find_previous_occurrence(&time, true))
    }
}

/// An expression that finds nothing in the next 3,000 years never will.
fn found(slot: Result<jiff::Zoned, croner::errors::CronError>) -> Option<Timestamp> {
    slot.ok().map(|slot| Timestamp::from_unix_micros(slot.timestamp().as_microsecond()))
}

fn time_zone(name: Option<&str>) -> Result<TimeZone, ScheduleFault> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let known = (1..=MAX_ZONE).contains(&name.len()).then(|| TimeZone::get(name));
    known.and_then(Result::ok).ok_or_else(|| ScheduleFault::UnknownTimeZone {
        name: name.chars().take(MAX_ZONE).collect(),
    })
}

/// What the parser says, without its heading.
fn said(message: &str) -> String {
    let reason = message.split_once(": ").map_or(message, |(_, reason)| reason);
    reason.trim_end_matches('.').to_owned()
}
