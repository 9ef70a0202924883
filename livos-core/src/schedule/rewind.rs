//! What becomes of schedules when the clock was ahead and is set back.

use super::ScheduleError;
use super::ScheduleManager;
use super::advance::GRACE;
use crate::store::ScheduleFilter;
use crate::store::ScheduleStatus;
use crate::store::StoreError;

/// How many schedules are looked at together.
const PAGE: usize = 200;

impl ScheduleManager {
    /// Lets schedules be due again after now whose newest slot is in the future: a clock that was ahead made
    /// them fire too early, and would keep them silent until it is then. A slot that fired does not fire
    /// twice: its key is known. Gives how many there were.
    pub(super) async fn rewind(&self) -> Result<usize, ScheduleError> {
        let (now, mut rewound) = (self.now(), 0);
        let status = Some(ScheduleStatus::Active);
        let mut filter = ScheduleFilter { status, ..ScheduleFilter::default() };
        loop {
            let page = self.0.store.schedules(filter.clone(), PAGE).await?;
            filter.before = page.items.last().map(|schedule| schedule.id);
            for mut record in page.items {
                let ahead =
                    record.progress.last_slot.filter(|slot| *slot > now.saturating_add(GRACE));
                if ahead.is_none() {
                    continue;
                }
                let next = record.progress.next_slot;
                let timetable = record.timetable()?;
                record.plan_after(&timetable, now);
                if record.progress.next_slot >= next {
                    continue;
                }
                record.progress.last_slot = None;
                match self.0.store.change_schedule(record.into_change(Vec::new())).await {
                    Ok(_) => rewound += 1,
                    Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !page.has_more {
                return Ok(rewound);
            }
        }
    }
}
