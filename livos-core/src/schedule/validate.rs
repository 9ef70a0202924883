//! What a plan must be like.

use std::time::Duration;

use super::Condition;
use super::Misfire;
use super::Overlap;
use super::Recurrence;
use super::ScheduleFault;
use super::SchedulePlan;
use crate::clock::Timestamp;

/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// The longest task, in bytes.
const MAX_TASK: usize = 16_384;
/// The longest jitter.
const MAX_JITTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest interval and delay, in seconds: ten years.
const MAX_SECONDS: u64 = 10 * 366 * 24 * 60 * 60;
/// The longest window for missed slots.
const MAX_WINDOW: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Of how many slots the distances are looked at.
const LOOKED_AT: usize = 64;

/// Checks a plan but for its times, and makes those that are relative absolute.
pub(super) fn checked(
    mut plan: SchedulePlan,
    now: Timestamp,
    probe: Probe,
) -> Result<SchedulePlan, ScheduleFault> {
    check_texts(&plan)?;
    check_policies(&plan, probe)?;
    if let Recurrence::Every { seconds } | Recurrence::Delay { seconds } = &plan.recurrence
        && !(1..=MAX_SECONDS).contains(seconds)
    {
        return Err(bounds("recurrence.seconds", format!("must be from 1 to {MAX_SECONDS}")));
    }
    plan.recurrence = plan.recurrence.settled(now);
    Ok(plan)
}

/// Whether somebody looks after the health of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    Present,
    Absent,
}

fn bounds(field: &'static str, expected: impl Into<String>) -> ScheduleFault {
    ScheduleFault::OutOfBounds { field, expected: expected.into() }
}

fn check_texts(plan: &SchedulePlan) -> Result<(), ScheduleFault> {
    if plan.title.trim().is_empty() || plan.title.chars().count() > MAX_TITLE {
        return Err(bounds("title", format!("must have 1 to {MAX_TITLE} characters")));
    }
    if plan.task.trim().is_empty() || plan.task.len() > MAX_TASK {
        return Err(bounds("task", format!("must have 1 to {MAX_TASK} bytes")));
    }
    Ok(())
}

fn check_policies(plan: &SchedulePlan, probe: Probe) -> Result<(), ScheduleFault> {
    if plan.condition == Condition::SystemUnwell && probe == Probe::Absent {
        return Err(ScheduleFault::NoProbe);
    }
    if let Misfire::All { within } = plan.misfire {
        if plan.overlap != Overlap::Queue {
            return Err(ScheduleFault::MissedWithoutQueue);
        }
        if within.is_zero() || within > MAX_WINDOW {
            let expected = format!("must be from 1 to {} seconds", MAX_WINDOW.as_secs());
            return Err(bounds("misfire_window_seconds", expected));
        }
    }
    if plan.jitter > MAX_JITTER {
        return Err(bounds(
            "jitter_seconds",
            format!("may be {} seconds at most", MAX_JITTER.as_secs()),
        ));
    }
    if plan.pause_after == 0 {
        return Err(bounds("pause_after", "must be at least 1"));
    }
    if plan.max_firings == Some(0) {
        return Err(bounds("max_firings", "must be at least 1"));
    }
    Ok(())
}

/// Checks when a plan is due.
pub(super) fn check_times(
    plan: &SchedulePlan,
    now: Timestamp,
    minimum: Duration,
) -> Result<(), ScheduleFault> {
    if let Recurrence::At { time } = plan.recurrence
        && time <= now
    {
        return Err(ScheduleFault::Past { time });
    }
    let timetable = plan.timetable(now)?;
    let slots: Vec<Timestamp> = timetable.slots(plan.not_before(now), LOOKED_AT).collect();
    let Some(first) = slots.first().copied() else {
        return Err(match &plan.recurrence {
            Recurrence::Cron { expression, .. } => {
                ScheduleFault::NeverFires { expression: expression.clone() }
            }
            _ => bounds("starts_at", "must not be after the only time it is due"),
        });
    };
    let pairs = slots.iter().zip(slots.iter().skip(1));
    if let Some(interval) = pairs.map(|(slot, next)| next.since(*slot)).min() {
        if interval < minimum {
            return Err(ScheduleFault::TooOften { interval, minimum });
        }
        if plan.jitter >= interval {
            return Err(bounds(
                "jitter_seconds",
                format!("must be less than the {} seconds between two times", interval.as_secs()),
            ));
        }
    }
    match plan.ends_at {
        Some(ends_at) if ends_at < first => Err(ScheduleFault::EndsBeforeStart { ends_at, first }),
        _ => Ok(()),
    }
}
