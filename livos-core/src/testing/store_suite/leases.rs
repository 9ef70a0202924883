//! A run has one worker at a time, and another when that one dies.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt;
use futures::StreamExt;

use super::LEASE;
use super::Shared;
use super::Verdict;
use super::append_under;
use super::at;
use super::claim_at;
use super::claimed;
use super::failed;
use super::finish;
use super::finished;
use super::gapless;
use super::message;
use super::nothing_to_claim;
use super::turn;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::CancelRequest;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::Lease;
use crate::store::MAX_LEASE;
use crate::store::RenewRequest;
use crate::store::Renewal;
use crate::store::StoreError;
use crate::store::WorkSignal;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_dead_workers_run_is_taken_over(&empty().await).await?;
    a_renewed_lease_lasts(&empty().await).await?;
    a_run_that_was_given_back_goes_on(&empty().await).await?;
    a_begun_run_is_cancelled_by_its_worker(&empty().await).await?;
    a_clock_that_went_back_blocks_nothing(&empty().await).await?;
    a_lease_ends_with_its_session(&empty().await).await?;
    many_workers_share_the_work(&empty().await).await?;
    workers_are_told(&empty().await).await
}

pub(super) async fn renew(
    store: &Shared,
    lease: Lease,
    seconds: i64,
) -> Result<Renewal, StoreError> {
    store.renew(RenewRequest { lease, now: at(seconds), lease_for: LEASE }).await
}

fn is_lost<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::LeaseLost { .. }))
}

async fn one_claimed(store: &Shared) -> Result<Claim, String> {
    store.admit(message(SessionId::generate(), "hello")).await.map_err(failed)?;
    claimed(store, 0).await
}

async fn a_dead_workers_run_is_taken_over(store: &Shared) -> Verdict {
    let dead = one_claimed(store).await?;
    let (session, run) = (dead.session_id, dead.lease.run_id);
    append_under(store, session, dead.lease, turn(run, 1)).await.map_err(failed)?;
    let expiry = nothing_to_claim(store, 14).await?;
    ensure!(expiry == Some(at(15)), "a lease of 15 s ends at {expiry:?}");
    let heir = claimed(store, 15).await?;
    ensure!(heir.lease.run_id == run && heir.attempt == 2, "the run was taken over as {heir:?}");
    ensure!(heir.lease.token > dead.lease.token, "the token did not grow");
    let late = append_under(store, session, dead.lease, turn(run, 2)).await;
    ensure!(is_lost(&late), "a worker that lost its lease still writes: {late:?}");
    let end = append_under(store, session, dead.lease, finished(run, "late")).await;
    ensure!(is_lost(&end), "a worker that lost its lease ends the run: {end:?}");
    ensure!(is_lost(&renew(store, dead.lease, 16).await), "a lost lease was renewed");
    ensure!(is_lost(&store.release(dead.lease).await), "a lost lease was given back");
    let written = append_under(store, session, heir.lease, turn(run, 2)).await.map_err(failed)?;
    ensure!(written == 3, "what was refused left a trace: the next entry is {written}");
    finish(store, &heir).await?;
    let after = append_under(store, session, heir.lease, turn(run, 3)).await;
    ensure!(is_lost(&after), "something was written after the end: {after:?}");
    nothing_to_claim(store, 1000).await?;
    gapless(store, session).await
}

async fn a_renewed_lease_lasts(store: &Shared) -> Verdict {
    let claim = one_claimed(store).await?;
    let renewal = renew(store, claim.lease, 10).await.map_err(failed)?;
    let expected = Renewal { expires_at: at(25), cancel_requested: false, pending_inputs: 0 };
    ensure!(renewal == expected, "a renewal is {renewal:?}");
    nothing_to_claim(store, 24).await?;
    let steering = super::steering_message(claim.session_id, "more");
    store.admit(steering).await.map_err(failed)?;
    let renewal = renew(store, claim.lease, 20).await.map_err(failed)?;
    ensure!(renewal.pending_inputs == 1, "a worker does not learn of an input: {renewal:?}");
    // Nobody took the run, so the worker that was only slow still has it.
    renew(store, claim.lease, 100).await.map_err(failed)?;
    finish(store, &claim).await
}

async fn a_run_that_was_given_back_goes_on(store: &Shared) -> Verdict {
    let claim = one_claimed(store).await?;
    store.admit(message(claim.session_id, "next")).await.map_err(failed)?;
    store.release(claim.lease).await.map_err(failed)?;
    let run = claim.lease.run_id;
    let stale = append_under(store, claim.session_id, claim.lease, turn(run, 1)).await;
    ensure!(is_lost(&stale), "a run that was given back is still written: {stale:?}");
    let again = claimed(store, 0).await?;
    ensure!(again.lease.run_id == run && again.attempt == 2, "it goes on as {again:?}");
    finish(store, &again).await
}

async fn a_begun_run_is_cancelled_by_its_worker(store: &Shared) -> Verdict {
    let claim = one_claimed(store).await?;
    let run_id = claim.lease.run_id;
    store.request_cancel(CancelRequest { run_id, at: at(1) }).await.map_err(failed)?;
    let renewal = renew(store, claim.lease, 1).await.map_err(failed)?;
    ensure!(renewal.cancel_requested, "a renewal does not tell of the cancellation");
    let heir = claimed(store, 100).await?;
    ensure!(heir.cancel_requested, "whoever takes over does not learn of the cancellation");
    finish(store, &heir).await
}

async fn a_clock_that_went_back_blocks_nothing(store: &Shared) -> Verdict {
    let claim = one_claimed(store).await?;
    let hour_before = 0 - 3600;
    ensure!(MAX_LEASE.as_secs() < 3600, "the longest lease is an hour or more");
    let heir = claimed(store, hour_before).await?;
    ensure!(heir.lease.run_id == claim.lease.run_id, "another run was claimed: {heir:?}");
    ensure!(heir.expires_at == at(hour_before + 15), "its lease ends at {}", heir.expires_at);
    Ok(())
}

async fn a_lease_ends_with_its_session(store: &Shared) -> Verdict {
    let claim = one_claimed(store).await?;
    store.delete_session(claim.session_id).await.map_err(failed)?;
    let run = claim.lease.run_id;
    let late = append_under(store, claim.session_id, claim.lease, turn(run, 1)).await;
    ensure!(is_lost(&late), "the run of a deleted session is still written: {late:?}");
    let session = store.session(claim.session_id).await.map_err(failed)?;
    ensure!(session.is_none(), "a refused append made the session again");
    Ok(())
}

const SESSIONS: usize = 6;
const RUNS: usize = 5;
const WORKERS: usize = 4;

/// Workers claim, drive and finish until nothing is left, and one of them loses every other lease.
async fn many_workers_share_the_work(store: &Shared) -> Verdict {
    let mut admitted: HashMap<SessionId, Vec<RunId>> = HashMap::new();
    for session in std::iter::repeat_with(SessionId::generate).take(SESSIONS) {
        for number in 0..RUNS {
            let run = message(session, &number.to_string());
            store.admit(run.clone()).await.map_err(failed)?;
            admitted.entry(session).or_default().push(run.run_id);
        }
    }
    let workers = (0..WORKERS).map(|number| {
        let store = Arc::clone(store);
        // Real tasks, so that they run at the same time where the runtime has several threads.
        tokio::spawn(async move { work(&store, number).await })
    });
    let mut tokens = HashSet::new();
    for worker in workers {
        for lease in worker.await.map_err(|error| error.to_string())?? {
            ensure!(tokens.insert(lease.token), "two claims have the token {:?}", lease.token);
        }
    }
    for (session, runs) in admitted {
        gapless(store, session).await?;
        let entries = store.read(session, 0, 1000).await.map_err(failed)?;
        let ended = entries.iter().filter(|entry| entry.kind.name() == "run_finished");
        let ended: Vec<_> = ended.map(|entry| entry.run_id).collect();
        ensure!(ended == runs, "runs admitted as {runs:?} ended as {ended:?}");
    }
    Ok(())
}

async fn work(store: &Shared, number: usize) -> Result<Vec<Lease>, String> {
    let mut leases = Vec::new();
    let worker = format!("worker-{number}");
    // Each look is a minute after the one before, so that a lease which was lost has expired.
    for look in 0..(SESSIONS * RUNS * WORKERS * 4) {
        let minute = i64::try_from(look).unwrap_or_default() * 60;
        let now = at(minute);
        let request = ClaimRequest {
            worker: worker.as_str().into(),
            now,
            lease_for: LEASE,
            scope: ClaimScope::All,
        };
        let claim = match store.claim(request).await.map_err(failed)? {
            Claimed::Run(claim) => claim,
            Claimed::Nothing { look_again_at: Some(_), .. } => {
                tokio::task::yield_now().await;
                continue;
            }
            Claimed::Nothing { look_again_at: None, .. } => break,
        };
        leases.push(claim.lease);
        let (session, run) = (claim.session_id, claim.lease.run_id);
        let dies = number == 0 && look % 2 == 0;
        if dies {
            continue;
        }
        for entry in [turn(run, 1), finished(run, "done")] {
            match append_under(store, session, claim.lease, entry).await {
                Ok(_) => {}
                Err(StoreError::LeaseLost { .. }) => break,
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(leases)
}

async fn workers_are_told(store: &Shared) -> Verdict {
    let mut signals = store.signals();
    ensure!(signals.next().now_or_never().is_none(), "an idle store sends signals");
    let claim = one_claimed(store).await?;
    let run = claim.lease.run_id;
    expect_signal(&mut signals, WorkSignal::RunReady).await?;
    let steering = super::steering_message(claim.session_id, "more");
    store.admit(steering).await.map_err(failed)?;
    expect_signal(&mut signals, WorkSignal::InputArrived(run)).await?;
    store.request_cancel(CancelRequest { run_id: run, at: at(1) }).await.map_err(failed)?;
    expect_signal(&mut signals, WorkSignal::CancelRequested(run)).await?;
    finish(store, &claim).await?;
    expect_signal(&mut signals, WorkSignal::RunReady).await?;
    let heir = claim_at(store, 0).await?;
    ensure!(matches!(heir, Claimed::Run(_)), "the left input is no run: {heir:?}");
    Ok(())
}

/// Waits for a signal among others, which may be repeated.
pub(super) async fn expect_signal(
    signals: &mut (impl futures::Stream<Item = WorkSignal> + Unpin),
    expected: WorkSignal,
) -> Verdict {
    let patience = std::time::Duration::from_secs(10);
    let found = tokio::time::timeout(patience, async {
        while let Some(signal) = signals.next().await {
            if signal == expected || signal == WorkSignal::Missed {
                return true;
            }
        }
        false
    });
    ensure!(found.await == Ok(true), "the signal {expected:?} did not come");
    Ok(())
}
