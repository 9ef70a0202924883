//! What all runs together may cost in a day.

use std::sync::Arc;

use super::Ending;
use crate::clock::Timestamp;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::message::MicroUsd;
use crate::store::UsageLog;

const MICROS_A_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A cap on what model calls may cost in a day (UTC).
#[derive(Debug)]
pub(super) struct DailyLimit {
    log: Arc<dyn UsageLog>,
    limit: MicroUsd,
}

impl DailyLimit {
    pub(super) fn new(log: Arc<dyn UsageLog>, limit: MicroUsd) -> Self {
        Self { log, limit }
    }

    /// How a run ends that may not ask any more today. A log that cannot be read lets it go on:
    /// what the run spends is limited anyway.
    pub(super) async fn reached(&self, now: Timestamp) -> Option<Ending> {
        let now = now.as_unix_micros();
        let midnight = Timestamp::from_unix_micros(now - now.rem_euclid(MICROS_A_DAY));
        match self.log.spent_since(midnight).await {
            Ok(spent) if spent >= self.limit => {
                let message = format!(
                    "the limit of {} for a day is used up ({spent} since midnight UTC); \
                     raise it or wait until tomorrow",
                    self.limit
                );
                let error = RunError { kind: "daily_limit".to_owned(), message };
                Some(Ending { status: RunStatus::Exhausted, error: Some(error) })
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(error = %error, "what was spent today could not be looked up");
                None
            }
        }
    }
}
