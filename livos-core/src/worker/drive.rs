//! One run under its lease, from the claim to its end.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::StreamExt;
use tokio::time::Instant;

use super::Shared;
use super::heartbeat::LeaseEnd;
use super::heartbeat::keep_alive;
use super::orders::Orders;
use crate::agent::EndRecord;
use crate::agent::Places;
use crate::agent::RunHandle;
use crate::agent::Workplace;
use crate::crash_point::CrashPoint;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::pause::Pauses;
use crate::store::Append;
use crate::store::Claim;
use crate::store::NewEntry;
use crate::store::RunLeases;
use crate::store::RunStore;
use crate::store::StoreError;

/// Why an attempt to drive a run came to no end.
enum BrokenOff {
    Store(StoreError),
    /// The journal did not take something; the log says why.
    NotWritten,
    Panicked,
}

/// Drives a claimed run until it ends, its lease does, or it shall be left.
pub(super) async fn drive(shared: Arc<Shared>, claim: Claim, orders: Orders, claimed_at: Instant) {
    shared.driving.fetch_add(1, Ordering::Relaxed);
    let run_id = claim.lease.run_id;
    CrashPoint::Claimed.pass();
    if claim.attempt > 1 {
        tracing::info!(%run_id, attempt = claim.attempt, "taking up an unfinished run");
    }
    if claim.cancel_requested {
        orders.cancel.cancel();
    }
    // Whichever ends first, the others are dropped before anything else is done. The work comes first:
    // a lease that ended with its run was not lost.
    let end = tokio::select! {
        biased;
        () = work(&shared, &claim, &orders) => None,
        end = keep_alive(&shared, &claim, &orders, claimed_at) => Some(end),
        () = orders.leave.cancelled() => None,
    };
    match end {
        Some(LeaseEnd::Lost) => tracing::warn!(%run_id, "the lease was lost; the run is left"),
        Some(LeaseEnd::Expired) => tracing::warn!(
            %run_id, "the lease could not be renewed in time; the run is left"
        ),
        None => {}
    }
    if orders.leave.is_cancelled() || end == Some(LeaseEnd::Expired) {
        give_back(&shared, &claim).await;
    }
    shared.driving.fetch_sub(1, Ordering::Relaxed);
    shared.observer.released(run_id);
}

/// Lets others go on with the run at once. If that fails they do when the lease expired.
async fn give_back(shared: &Shared, claim: &Claim) {
    match shared.store.release(claim.lease).await {
        Ok(()) | Err(StoreError::LeaseLost { .. }) => {}
        Err(error) => tracing::warn!(error = %error, "a lease could not be given back"),
    }
}

/// Drives the run until its end is written down.
async fn work(shared: &Arc<Shared>, claim: &Claim, orders: &Orders) {
    let mut pauses = Pauses::long();
    loop {
        match attempt(shared, claim, orders).await {
            Ok(()) => return,
            Err(BrokenOff::Panicked) => return end_panicked(shared, claim).await,
            Err(BrokenOff::Store(error)) => {
                let run_id = claim.lease.run_id;
                tracing::error!(error = %error, %run_id, "a run could not be taken up; trying again");
            }
            Err(BrokenOff::NotWritten) => {}
        }
        // Whether the lease is lost is found out now, and not with the next attempt.
        orders.look.notify_one();
        tokio::time::sleep(pauses.next()).await;
    }
}

async fn attempt(shared: &Arc<Shared>, claim: &Claim, orders: &Orders) -> Result<(), BrokenOff> {
    let workplace = Workplace {
        leases: Arc::clone(&shared.store) as Arc<dyn RunLeases>,
        runs: Arc::clone(&shared.store) as Arc<dyn RunStore>,
        places: Arc::clone(shared) as Arc<dyn Places>,
    };
    let mut run = shared.agent.drive(claim, workplace).await.map_err(BrokenOff::Store)?;
    let control = run.control();
    let show = show_all(shared, &mut run);
    let obey = async {
        orders.cancel.cancelled().await;
        control.cancel();
        std::future::pending::<()>().await;
    };
    let shown = tokio::select! {
        biased;
        () = obey => Ok(()),
        shown = AssertUnwindSafe(show).catch_unwind() => shown,
    };
    if let Err(panic) = shown {
        tracing::error!(run_id = %run.run_id(), panic = panic_text(&*panic), "a run panicked");
        return Err(BrokenOff::Panicked);
    }
    match run.await.end {
        EndRecord::Written => Ok(()),
        EndRecord::Missing => Err(BrokenOff::NotWritten),
    }
}

async fn show_all(shared: &Shared, run: &mut RunHandle) {
    while let Some(event) = run.next().await {
        shared.observer.observe(event);
    }
}

/// Writes down that a run failed inside, as often as it takes.
async fn end_panicked(shared: &Shared, claim: &Claim) {
    let mut pauses = Pauses::long();
    loop {
        match write_panic(shared, claim).await {
            Ok(()) | Err(StoreError::LeaseLost { .. }) => return,
            Err(error) => {
                tracing::error!(error = %error, "the end of a run could not be written down");
            }
        }
        tokio::time::sleep(pauses.next()).await;
    }
}

async fn write_panic(shared: &Shared, claim: &Claim) -> Result<(), StoreError> {
    let (run_id, session_id) = (claim.lease.run_id, claim.session_id);
    let Some(run) = shared.store.run(run_id).await? else { return Ok(()) };
    let at = shared.agent.clock().now();
    let message = "the run failed inside; the log of the program says why".to_owned();
    let kind = EventKind::RunFinished {
        status: RunStatus::Failed,
        text: String::new(),
        error: Some(RunError { kind: "panicked".to_owned(), message }),
        usage: run.usage,
        cost_micro_usd: run.cost_micro_usd,
        turns: run.turns,
        tool_calls: run.tool_calls,
        duration_ms: u64::try_from(at.since(run.admitted_at).as_millis()).unwrap_or(u64::MAX),
    };
    let entry = NewEntry { run_id, at, kind: kind.clone() };
    let append = Append::new(session_id, vec![entry]).under(claim.lease);
    let seq = shared.store.append(append).await?;
    let position = Position::Seq(seq);
    shared.observer.observe(AgentEvent { session_id, run_id, position, at, kind });
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("of unknown kind")
}
