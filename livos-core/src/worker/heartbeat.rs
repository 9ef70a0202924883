//! Keeps a lease alive, and notices when it is lost.

use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::orders::Orders;
use crate::store::Claim;
use crate::store::RenewRequest;
use crate::store::StoreError;

/// How many times a lease is renewed before it would end.
const RENEWALS: u32 = 3;
/// After which part of the lease a renewal that failed is tried again.
const RETRY_PART: u32 = 15;

/// Why nobody may drive the run here any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseEnd {
    /// Another worker has it, or it is over.
    Lost,
    /// The store could not be asked in time; another worker may have it.
    Expired,
}

/// Renews until the lease is lost, and passes on what it learns.
pub(super) async fn keep_alive(
    shared: &Shared,
    claim: &Claim,
    orders: &Orders,
    claimed_at: Instant,
) -> LeaseEnd {
    let lease_for = shared.settings.lease;
    let mut ends_at = claimed_at + lease_for;
    let mut pause = lease_for / RENEWALS;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = orders.look.notified() => {}
        }
        let asked_at = Instant::now();
        let now = shared.agent.clock().now();
        let renewal = shared.store.renew(RenewRequest { lease: claim.lease, now, lease_for });
        match tokio::time::timeout_at(ends_at, renewal).await {
            Ok(Ok(renewal)) => {
                ends_at = asked_at + lease_for;
                pause = lease_for / RENEWALS;
                if renewal.cancel_requested {
                    orders.cancel.cancel();
                }
            }
            Ok(Err(StoreError::LeaseLost { .. })) => return LeaseEnd::Lost,
            Ok(Err(error)) => {
                tracing::warn!(error = %error, run_id = %claim.lease.run_id, "a lease could not be renewed");
                pause = retry_pause(lease_for);
            }
            Err(_) => return LeaseEnd::Expired,
        }
        if Instant::now() >= ends_at {
            return LeaseEnd::Expired;
        }
    }
}

fn retry_pause(lease_for: Duration) -> Duration {
    (lease_for / RETRY_PART).max(Duration::from_millis(10))
}
