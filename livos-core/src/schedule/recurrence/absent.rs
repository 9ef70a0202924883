//! Cron expressions in a build that has none.

use crate::clock::Timestamp;
use crate::schedule::ScheduleFault;

/// Never made.
#[derive(Debug)]
pub(crate) enum Cron {}

impl Cron {
    pub(super) fn parse(expression: &str, _: Option<&str>) -> Result<Self, ScheduleFault> {
        let reason = "this program was built without the feature 'scheduler'; use an interval";
        Err(ScheduleFault::Cron { expression: expression.to_owned(), reason: reason.to_owned() })
    }

    pub(super) fn next_after(&self, _: Timestamp) -> Option<Timestamp> {
        match *self {}
    }

    pub(super) fn last_up_to(&self, _: Timestamp) -> Option<Timestamp> {
        match *self {}
    }
}
