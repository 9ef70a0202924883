//! A message is taken in once, and its run waits in order.

use std::time::Duration;

use super::Shared;
use super::Verdict;
use super::at;
use super::claimed;
use super::failed;
use super::finish;
use super::gapless;
use super::message;
use super::names;
use super::nothing_to_claim;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Admission;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::IdempotencyKey;
use crate::store::KEY_RETENTION;
use crate::store::MAX_WAITING;
use crate::store::NewRun;
use crate::store::QueueMode;
use crate::store::RunState;
use crate::store::StoreError;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_key_is_taken_once(&empty().await).await?;
    a_key_is_taken_once_by_many(&empty().await).await?;
    old_keys_are_forgotten_and_young_ones_not(&empty().await).await?;
    runs_of_a_session_wait_for_each_other(&empty().await).await?;
    an_interruption_goes_first(&empty().await).await?;
    what_was_not_begun_is_cancelled_at_once(&empty().await).await?;
    no_session_takes_without_end(&empty().await).await
}

fn keyed(session: SessionId, source: &str, key: &str) -> NewRun {
    let mut run = message(session, "hello");
    run.key = Some(IdempotencyKey::new(source, key));
    run
}

async fn a_key_is_taken_once(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let run = keyed(session, "suite", "1");
    let first = store.admit(run.clone()).await.map_err(failed)?;
    ensure!(first == Admission::Admitted { seq: 1 }, "the first admission is {first:?}");
    let again = store.admit(keyed(session, "suite", "1")).await.map_err(failed)?;
    let known = Admission::Known { run_id: run.run_id, seq: 1 };
    ensure!(again == known, "the same key again is {again:?}");
    let other = store.admit(keyed(session, "other", "1")).await.map_err(failed)?;
    ensure!(other == Admission::Admitted { seq: 2 }, "the same key of another source is {other:?}");
    let record = store.run(run.run_id).await.map_err(failed)?.ok_or("the run is not found")?;
    ensure!(record.state == RunState::Queued, "an admitted run is {:?}", record.state);
    let claim = claimed(store, 0).await?;
    finish(store, &claim).await?;
    let late = store.admit(keyed(session, "suite", "1")).await.map_err(failed)?;
    ensure!(late == known, "the key of a finished run is {late:?}");
    Ok(())
}

async fn a_key_is_taken_once_by_many(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let admissions = (0..16).map(|_| store.admit(keyed(session, "suite", "same")));
    let admissions = futures::future::try_join_all(admissions).await.map_err(failed)?;
    let admitted =
        admissions.iter().filter(|admission| matches!(admission, Admission::Admitted { .. }));
    ensure!(admitted.count() == 1, "16 at once with one key are {admissions:?}");
    let names = names(store, session).await?;
    ensure!(names == ["run_admitted"], "16 at once with one key wrote {names:?}");
    Ok(())
}

async fn old_keys_are_forgotten_and_young_ones_not(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let run = keyed(session, "suite", "old");
    store.admit(run.clone()).await.map_err(failed)?;
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    let later =
        |micros: i64| crate::clock::Timestamp::from_unix_micros(at(0).as_unix_micros() + micros);
    let mut young = keyed(session, "suite", "young");
    young.at = later(micros(KEY_RETENTION) - 1);
    store.admit(young).await.map_err(failed)?;
    let mut again = keyed(session, "suite", "old");
    again.at = later(micros(KEY_RETENTION));
    let known = store.admit(again).await.map_err(failed)?;
    ensure!(
        known == Admission::Known { run_id: run.run_id, seq: 1 },
        "a key was forgotten too early: {known:?}"
    );
    Ok(())
}

async fn runs_of_a_session_wait_for_each_other(store: &Shared) -> Verdict {
    let (busy, other) = (SessionId::generate(), SessionId::generate());
    let runs = [message(busy, "1"), message(busy, "2"), message(other, "3"), message(busy, "4")];
    for run in &runs {
        store.admit(run.clone()).await.map_err(failed)?;
    }
    let [first, second, third, fourth] = &runs;
    let one = claimed(store, 0).await?;
    let two = claimed(store, 0).await?;
    let order = [one.lease.run_id, two.lease.run_id];
    ensure!(
        order == [first.run_id, third.run_id],
        "the oldest run of each session was not claimed first"
    );
    ensure!(one.attempt == 1, "a first claim has attempt {}", one.attempt);
    ensure!(one.lease.token < two.lease.token, "the tokens of two claims do not grow");
    nothing_to_claim(store, 0).await?;
    finish(store, &one).await?;
    let three = claimed(store, 0).await?;
    ensure!(three.lease.run_id == second.run_id, "a session's second run did not come second");
    finish(store, &three).await?;
    finish(store, &claimed(store, 0).await?).await?;
    finish(store, &two).await?;
    let last = store.run(fourth.run_id).await.map_err(failed)?.map(|run| run.state);
    ensure!(last == Some(RunState::Completed), "a session's last run is {last:?}");
    let again = nothing_to_claim(store, 1000).await?;
    ensure!(again.is_none(), "an empty queue says to look again at {again:?}");
    gapless(store, busy).await
}

async fn an_interruption_goes_first(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let (running, waiting) = (message(session, "1"), message(session, "2"));
    store.admit(running.clone()).await.map_err(failed)?;
    let claim = claimed(store, 0).await?;
    store.admit(waiting.clone()).await.map_err(failed)?;
    let urgent = message(session, "3").in_mode(QueueMode::Interrupt);
    store.admit(urgent.clone()).await.map_err(failed)?;
    let later = message(session, "4").in_mode(QueueMode::Interrupt);
    store.admit(later.clone()).await.map_err(failed)?;
    let renewal = super::leases::renew(store, claim.lease, 1).await.map_err(failed)?;
    ensure!(renewal.cancel_requested, "an interrupted run does not learn of it");
    finish(store, &claim).await?;
    for expected in [&later, &urgent, &waiting] {
        let next = claimed(store, 0).await?;
        ensure!(next.lease.run_id == expected.run_id, "{next:?} came instead of {expected:?}");
        ensure!(!next.cancel_requested, "a run that interrupts is to stop itself");
        finish(store, &next).await?;
    }
    Ok(())
}

async fn what_was_not_begun_is_cancelled_at_once(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let (first, second) = (message(session, "1"), message(session, "2").replying_to(1));
    store.admit(first.clone()).await.map_err(failed)?;
    store.admit(second.clone()).await.map_err(failed)?;
    let cancel = |run_id: RunId| store.request_cancel(CancelRequest { run_id, at: at(1) });
    let ended = cancel(second.run_id).await.map_err(failed)?;
    ensure!(ended == Cancellation::Ended { seq: 3 }, "cancelling a queued run is {ended:?}");
    let state = store.run(second.run_id).await.map_err(failed)?.map(|run| run.state);
    ensure!(state == Some(RunState::Cancelled), "a cancelled run is {state:?}");
    let owed = store.deliveries(crate::store::DeliveryFilter::default(), 10).await;
    ensure!(owed.map_err(failed)?.items.len() == 1, "nobody is told of the cancelled run");
    let over = cancel(second.run_id).await.map_err(failed)?;
    ensure!(over == Cancellation::Over, "cancelling it again is {over:?}");
    let claim = claimed(store, 0).await?;
    ensure!(claim.lease.run_id == first.run_id, "the wrong run was cancelled");
    let wanted = cancel(first.run_id).await.map_err(failed)?;
    ensure!(wanted == Cancellation::Requested, "cancelling a running run is {wanted:?}");
    finish(store, &claim).await?;
    nothing_to_claim(store, 0).await?;
    let unknown = cancel(RunId::generate()).await;
    ensure!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "cancelling no run is {unknown:?}"
    );
    Ok(())
}

async fn no_session_takes_without_end(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    for _ in 0..MAX_WAITING {
        store.admit(message(session, "more")).await.map_err(failed)?;
    }
    for mode in [QueueMode::Queue, QueueMode::Steer, QueueMode::Interrupt] {
        let refused = store.admit(message(session, "more").in_mode(mode)).await;
        ensure!(
            matches!(refused, Err(StoreError::Busy { .. })),
            "a full session answers {refused:?}"
        );
    }
    finish(store, &claimed(store, 0).await?).await?;
    store.admit(message(session, "more")).await.map_err(failed)?;
    Ok(())
}
