//! A clock that shows the recorded times.

use super::stage::SharedStage;
use crate::clock::Clock;
use crate::clock::Timestamp;

/// Shows the time of the entry that comes next.
#[derive(Debug)]
pub(super) struct RecordedClock(SharedStage);

impl RecordedClock {
    pub(super) fn new(stage: SharedStage) -> Self {
        Self(stage)
    }
}

impl Clock for RecordedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
