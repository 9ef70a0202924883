//! Waits for a sub-agent to end.

use futures::StreamExt;

use super::SubagentError;
use super::SubagentManager;
use super::SubagentOutcome;
use crate::id::RunId;
use crate::store::CancelRequest;
use crate::store::RunRecord;
use crate::store::StoreError;
use crate::store::WorkSignal;

impl SubagentManager {
    /// Waits until a run ended, in whichever process.
    ///
    /// Cancel safe: the run goes on, and can be waited for again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run (any more), or the store cannot be read.
    pub async fn outcome(&self, run_id: RunId) -> Result<SubagentOutcome, SubagentError> {
        // Before the first look, so that no end is missed.
        let mut signals = self.store.signals();
        loop {
            let run = self.run(run_id).await?;
            if run.state.is_final() {
                return Ok(run.into());
            }
            loop {
                match signals.next().await {
                    Some(WorkSignal::RunEnded(ended)) if ended == run_id => break,
                    Some(WorkSignal::Missed) => break,
                    Some(_) => {}
                    None => return Err(StoreError::unavailable("the store was closed").into()),
                }
            }
        }
    }

    /// Asks a run to stop, with every run that it asked for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run, or when it could not be written.
    pub async fn cancel(&self, run_id: RunId) -> Result<(), SubagentError> {
        let at = self.clock.now();
        self.store.request_cancel(CancelRequest { run_id, at }).await?;
        Ok(())
    }

    pub(super) async fn run(&self, run_id: RunId) -> Result<RunRecord, StoreError> {
        let run = self.store.run(run_id).await?;
        run.ok_or_else(|| StoreError::not_found("run", &run_id))
    }
}
