//! What a run has that came out of a queue: a lease, and inputs that may come.

use std::sync::Arc;

use crate::pause::Pauses;
use crate::store::Append;
use crate::store::Journal;
use crate::store::Lease;
use crate::store::PendingInput;
use crate::store::RunLeases;
use crate::store::StoreError;

/// A run's place in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    lease: Lease,
    leases: Arc<dyn RunLeases>,
}

impl Queued {
    pub(super) fn new(lease: Lease, leases: Arc<dyn RunLeases>) -> Self {
        Self { lease, leases }
    }

    /// Writes entries down under the lease. While the store does not take them it tries again:
    /// they tell of things that were done already. Whoever loses the lease drops the run.
    pub(super) async fn append(
        &self,
        journal: &dyn Journal,
        append: Append,
    ) -> Result<u64, StoreError> {
        let append = append.under(self.lease);
        let mut pauses = Pauses::short();
        loop {
            match journal.append(append.clone()).await {
                Err(error) if error.may_pass() => {
                    tracing::warn!(error = %error, "the journal takes nothing; trying again");
                    tokio::time::sleep(pauses.next()).await;
                }
                written => return written,
            }
        }
    }

    /// The inputs that wait. When they cannot be read they go on waiting: none is lost.
    pub(super) async fn inputs(&self) -> Vec<PendingInput> {
        match self.leases.pending_inputs(self.lease.run_id).await {
            Ok(inputs) => inputs,
            Err(error) => {
                tracing::warn!(error = %error, "the inputs of the run could not be looked up");
                Vec::new()
            }
        }
    }
}
