//! Waits for a sub-agent to end.

use futures::StreamExt;

use super::Spawned;
use super::SubagentError;
use super::SubagentManager;
use super::SubagentOutcome;
use crate::crash_point::CrashPoint;
use crate::event::EventKind;
use crate::id::RunId;
use crate::pause::Pauses;
use crate::store::CancelRequest;
use crate::store::RunRecord;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::tool::ToolContext;
use crate::tool::Word;

impl SubagentManager {
    /// Waits, for a tool call, until an agent that it started ended. Meanwhile the caller's run takes
    /// no place among those that a worker drives, so that the agent gets one.
    ///
    /// Cancel safe: the agent goes on. Take what it spent from the caller's budget, by
    /// [`ToolOutput::spending`](crate::ToolOutput::spending).
    ///
    /// # Errors
    /// As [`outcome`](Self::outcome).
    pub async fn wait_for(
        &self,
        caller: &ToolContext,
        child: &Spawned,
    ) -> Result<SubagentOutcome, SubagentError> {
        let call_id = caller.call_id();
        tell(caller, Word::Waits(call_id.clone())).await;
        let outcome = self.outcome(child.run_id).await;
        tell(caller, Word::GoesOn(call_id.clone())).await;
        let outcome = outcome?;
        CrashPoint::SubagentEnded.pass();
        record(caller, outcome.event(call_id)).await?;
        Ok(outcome)
    }

    /// Waits until a run ended, in whichever process. While the store does not answer it tries again.
    ///
    /// Cancel safe: the run goes on, and can be waited for again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run (any more), or the store cannot be read.
    pub async fn outcome(&self, run_id: RunId) -> Result<SubagentOutcome, SubagentError> {
        // Before the first look, so that no end is missed.
        let mut signals = self.store.signals();
        let mut pauses = Pauses::short();
        loop {
            let run = match self.run(run_id).await {
                Err(error) if may_pass(&error) => {
                    stand_by(&error, &mut pauses).await;
                    continue;
                }
                run => run?,
            };
            if run.state.is_final() {
                return Ok(run.into());
            }
            loop {
                match signals.next().await {
                    Some(WorkSignal::RunEnded(ended, _)) if ended == run_id => break,
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

/// Whether a store that does not answer now may later. One that has too much waiting does answer.
pub(super) fn may_pass(error: &StoreError) -> bool {
    error.may_pass() && !matches!(error, StoreError::Busy { .. })
}

/// Waits a while because the store does not answer.
pub(super) async fn stand_by(error: &StoreError, pauses: &mut Pauses) {
    tracing::warn!(%error, "the store does not answer an agent's caller; trying again");
    tokio::time::sleep(pauses.next()).await;
}

/// Tells the loop something that it may not want to know any more: then the run ends anyway.
async fn tell(caller: &ToolContext, word: Word) {
    if let Some(line) = caller.line()
        && line.say(word).await.is_err()
    {
        tracing::debug!(run_id = %caller.run_id(), "the run ends before its call does");
    }
}

/// Writes something into the caller's journal, where it has a loop that listens.
pub(super) async fn record(caller: &ToolContext, kind: EventKind) -> Result<(), SubagentError> {
    let Some(line) = caller.line() else { return Ok(()) };
    let hung_up = |_| StoreError::unavailable("the run ends");
    Ok(line.record(kind).await.map_err(hung_up)?)
}
