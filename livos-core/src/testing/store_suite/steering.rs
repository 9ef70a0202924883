//! A message that comes during a run joins it, or becomes the next.

use super::Shared;
use super::Verdict;
use super::at;
use super::claimed;
use super::failed;
use super::finish;
use super::finished;
use super::gapless;
use super::joined;
use super::message;
use super::names;
use super::nothing_to_claim;
use super::steering_message;
use crate::id::SessionId;
use crate::origin::Trust;
use crate::store::Admission;
use crate::store::Append;
use crate::store::CancelRequest;
use crate::store::Claim;
use crate::store::DeliveryFilter;
use crate::store::IdempotencyKey;
use crate::store::NewRun;
use crate::store::StoreError;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_message_joins_once(&empty().await).await?;
    what_nobody_took_is_the_next_run(&empty().await).await?;
    the_last_that_waits_is_joined(&empty().await).await?;
    a_run_that_is_to_stop_is_not_joined(&empty().await).await?;
    less_trusted_words_do_not_join(&empty().await).await
}

fn keyed(session: SessionId, key: &str) -> NewRun {
    let mut run = steering_message(session, key);
    run.key = Some(IdempotencyKey::new("suite", key));
    run
}

async fn running(store: &Shared, session: SessionId) -> Result<Claim, String> {
    store.admit(message(session, "first").replying_to(1)).await.map_err(failed)?;
    claimed(store, 0).await
}

async fn a_message_joins_once(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let claim = running(store, session).await?;
    let run_id = claim.lease.run_id;
    let (same, other) = (keyed(session, "a").replying_to(1), keyed(session, "b").replying_to(2));
    for input in [&same, &other] {
        let answer = store.admit(input.clone()).await.map_err(failed)?;
        ensure!(answer == Admission::Joined { run_id, seq: 1 }, "steering is {answer:?}");
    }
    let again = store.admit(keyed(session, "a")).await.map_err(failed)?;
    ensure!(again == Admission::Known { run_id, seq: 1 }, "steering again is {again:?}");
    let waiting = store.pending_inputs(run_id).await.map_err(failed)?;
    let ids: Vec<_> = waiting.iter().map(|input| input.id).collect();
    ensure!(ids == [same.run_id, other.run_id], "the inputs that wait are {waiting:?}");
    ensure!(
        waiting.first().map(|input| &input.message) == Some(&same.input),
        "an input does not read back as it was written"
    );
    // Not a clone: a repeated append may be answered as it was the first time.
    let take = || {
        Append::new(session, vec![joined(run_id, "a"), joined(run_id, "b")])
            .under(claim.lease)
            .joining(ids.clone())
    };
    store.append(take()).await.map_err(failed)?;
    let twice = store.append(take()).await;
    ensure!(
        matches!(twice, Err(StoreError::NotFound { .. })),
        "an input that joined already joins again: {twice:?}"
    );
    ensure!(
        store.pending_inputs(run_id).await.map_err(failed)?.is_empty(),
        "an input that joined still waits"
    );
    finish(store, &claim).await?;
    nothing_to_claim(store, 0).await?;
    let names = names(store, session).await?;
    let expected = ["run_admitted", "input_joined", "input_joined", "run_finished"];
    ensure!(names == expected, "the journal is {names:?}");
    let owed = store.deliveries(DeliveryFilter::default(), 10).await.map_err(failed)?.items;
    ensure!(owed.len() == 2, "two addresses are owed {} replies", owed.len());
    Ok(())
}

async fn what_nobody_took_is_the_next_run(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let claim = running(store, session).await?;
    let left = [keyed(session, "a").replying_to(3), keyed(session, "b"), keyed(session, "c")];
    for input in &left {
        store.admit(input.clone()).await.map_err(failed)?;
    }
    let last = finished(claim.lease.run_id, "done");
    store.append(Append::new(session, vec![last]).under(claim.lease)).await.map_err(failed)?;
    let next = claimed(store, 0).await?;
    let [first, second, third] = &left;
    ensure!(next.lease.run_id == first.run_id, "the next run is {next:?}");
    ensure!(next.attempt == 1, "a run that nobody began has attempt {}", next.attempt);
    let waiting = store.pending_inputs(next.lease.run_id).await.map_err(failed)?;
    let ids: Vec<_> = waiting.iter().map(|input| input.id).collect();
    ensure!(ids == [second.run_id, third.run_id], "the others wait as {ids:?}");
    for key in ["a", "b", "c"] {
        let known = store.admit(keyed(session, key)).await.map_err(failed)?;
        let expected = Admission::Known { run_id: first.run_id, seq: 1 };
        ensure!(known == expected, "a key that moved answers {known:?}");
    }
    let names = names(store, session).await?;
    ensure!(names == ["run_admitted", "run_finished", "run_admitted"], "the journal is {names:?}");
    finish(store, &next).await?;
    let filter = DeliveryFilter { run_id: Some(first.run_id), ..DeliveryFilter::default() };
    let owed = store.deliveries(filter, 10).await.map_err(failed)?.items;
    ensure!(owed.len() == 1, "the next run owes {} replies", owed.len());
    let after = claimed(store, 0).await?;
    ensure!(after.lease.run_id == second.run_id, "the run after the next is {after:?}");
    gapless(store, session).await
}

async fn the_last_that_waits_is_joined(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let (first, second) = (message(session, "1"), message(session, "2"));
    store.admit(first.clone()).await.map_err(failed)?;
    store.admit(second.clone()).await.map_err(failed)?;
    let early = store.admit(keyed(session, "a")).await.map_err(failed)?;
    let expected = Admission::Joined { run_id: second.run_id, seq: 2 };
    ensure!(early == expected, "before a run began, a message is {early:?}");
    let claim = claimed(store, 0).await?;
    let during = store.admit(keyed(session, "b")).await.map_err(failed)?;
    let expected = Admission::Joined { run_id: claim.lease.run_id, seq: 2 };
    ensure!(during == expected, "while a run is driven, a message is {during:?}");
    Ok(())
}

async fn a_run_that_is_to_stop_is_not_joined(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let claim = running(store, session).await?;
    let cancel = CancelRequest { run_id: claim.lease.run_id, at: at(1) };
    store.request_cancel(cancel).await.map_err(failed)?;
    let late = store.admit(keyed(session, "a")).await.map_err(failed)?;
    ensure!(
        matches!(late, Admission::Admitted { .. }),
        "a message after the cancellation is {late:?}"
    );
    Ok(())
}

async fn less_trusted_words_do_not_join(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    running(store, session).await?;
    let mut stranger = keyed(session, "a");
    stranger.origin.trust = Trust::Untrusted;
    let mut somebody = keyed(session, "b");
    somebody.origin.user = "somebody".into();
    for run in [stranger, somebody] {
        let answer = store.admit(run).await.map_err(failed)?;
        ensure!(
            matches!(answer, Admission::Admitted { .. }),
            "words of another origin joined the owner's run: {answer:?}"
        );
    }
    Ok(())
}
