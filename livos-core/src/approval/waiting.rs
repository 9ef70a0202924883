//! Waiting until somebody decides.

use std::time::Duration;

use futures::StreamExt;

use super::ApprovalDecision;
use super::ApprovalManager;
use crate::id::ApprovalId;
use crate::pause::Pauses;
use crate::store::ApprovalRecord;
use crate::store::StoreError;
use crate::store::WorkSignal;

/// How often the store is looked at though it signals nothing, in case a signal was lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

impl ApprovalManager {
    /// Waits until at least one of these is decided, by a person or because its time is over, and gives
    /// those that are.
    ///
    /// Cancellation safe.
    pub(crate) async fn decided(&self, ids: &[ApprovalId]) -> Vec<ApprovalRecord> {
        // Before the first look, so that nothing that comes after it is missed.
        let mut signals = self.shared.store.signals();
        let mut pauses = Pauses::short();
        loop {
            let look_again = match self.look(ids).await {
                Ok(Look::Decided(decided)) => {
                    // Perhaps in another process.
                    for record in &decided {
                        self.show_decision(record);
                    }
                    return decided;
                }
                Ok(Look::Nothing { next_expiry }) => {
                    pauses = Pauses::short();
                    next_expiry.min(LOOK_ANYWAY)
                }
                Err(error) => {
                    tracing::warn!(error = %error, "approvals could not be looked up; trying again");
                    pauses.next()
                }
            };
            let told = async {
                while let Some(signal) = signals.next().await {
                    if matches!(signal, WorkSignal::ApprovalResolved(_) | WorkSignal::Missed) {
                        return;
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = told => {}
                () = tokio::time::sleep(look_again) => {}
            }
        }
    }

    async fn look(&self, ids: &[ApprovalId]) -> Result<Look, StoreError> {
        let mut decided = Vec::new();
        let mut next_expiry = Duration::MAX;
        for id in ids {
            // Gone with its session; whoever drives the run learns that otherwise.
            let Some(record) = self.shared.store.approval(*id).await? else { continue };
            let now = self.shared.clock.now();
            if record.resolved.is_some() {
                decided.push(record);
            } else if now >= record.request.expires_at {
                decided.push(self.close(&record, ApprovalDecision::Expired).await?);
            } else {
                next_expiry = next_expiry.min(record.request.expires_at.since(now));
            }
        }
        if decided.is_empty() {
            return Ok(Look::Nothing { next_expiry });
        }
        decided.sort_by_key(|record| record.resolved.as_ref().and_then(|resolved| resolved.seq));
        Ok(Look::Decided(decided))
    }
}

enum Look {
    Decided(Vec<ApprovalRecord>),
    Nothing { next_expiry: Duration },
}
