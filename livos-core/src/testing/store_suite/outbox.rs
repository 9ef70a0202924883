//! A reply is owed until there is a receipt.

use super::LEASE;
use super::Shared;
use super::Verdict;
use super::at;
use super::claimed;
use super::failed;
use super::finish;
use super::joined;
use super::message;
use super::steering_message;
use crate::event::RunStatus;
use crate::id::DeliveryId;
use crate::id::SessionId;
use crate::origin::Trigger;
use crate::store::Append;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryClaim;
use crate::store::DeliveryFilter;
use crate::store::DeliveryOutcome;
use crate::store::DeliveryRecord;
use crate::store::DeliveryState;
use crate::store::DueDeliveries;
use crate::store::Settlement;
use crate::store::StoreError;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_reply_is_delivered(&empty().await).await?;
    what_failed_is_tried_again(&empty().await).await?;
    what_waits_was_not_attempted(&empty().await).await?;
    a_dead_workers_delivery_may_have_been_sent(&empty().await).await?;
    what_was_never_tried_is_due_whatever_the_clock_says(&empty().await).await?;
    what_is_ambiguous_waits_for_somebody(&empty().await).await?;
    one_worker_has_it(&empty().await).await?;
    who_else_wants_to_know_is_told(&empty().await).await
}

/// Of the run, and of an input that joined it; of equal addresses once.
async fn who_else_wants_to_know_is_told(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let run = message(session, "hello").replying_to(1).also_telling(2);
    store.admit(run).await.map_err(failed)?;
    let claim = claimed(store, 0).await?;
    let run_id = claim.lease.run_id;
    let same = steering_message(session, "same").also_telling(2);
    let other = steering_message(session, "other").also_telling(3);
    let joins = vec![same.run_id, other.run_id];
    for input in [same, other] {
        store.admit(input).await.map_err(failed)?;
    }
    let waiting = store.pending_inputs(run_id).await.map_err(failed)?;
    let trigger = waiting.first().map(|input| input.trigger);
    ensure!(trigger == Some(Trigger::Message), "an input that waits was sent by {trigger:?}");
    let entries = vec![joined(run_id, "same"), joined(run_id, "other")];
    let append = Append::new(session, entries).under(claim.lease).joining(joins);
    store.append(append).await.map_err(failed)?;
    finish(store, &claim).await?;
    let due = due(store, 10, 10).await?;
    let mut told: Vec<_> =
        due.claimed.iter().map(|claimed| claimed.delivery.to.address.to_string()).collect();
    told.sort();
    let expected = [1, 2, 3].map(|chat| format!("{{\"chat\":{chat}}}"));
    ensure!(told == expected, "those that are told are {told:?}");
    Ok(())
}

/// Ends a run that owes a reply.
async fn owe(store: &Shared, chat: u32) -> Verdict {
    let run = message(SessionId::generate(), "hello").replying_to(chat);
    store.admit(run).await.map_err(failed)?;
    finish(store, &claimed(store, 0).await?).await
}

async fn due(store: &Shared, seconds: i64, limit: usize) -> Result<DueDeliveries, String> {
    let worker = "suite".into();
    let claim = DeliveryClaim { worker, now: at(seconds), lease_for: LEASE, limit };
    store.claim_due(claim).await.map_err(failed)
}

/// Claims the one that must be due.
async fn one_due(store: &Shared, seconds: i64) -> Result<ClaimedDelivery, String> {
    let DueDeliveries { claimed, .. } = due(store, seconds, 10).await?;
    match <[_; 1]>::try_from(claimed) {
        Ok([delivery]) => Ok(delivery),
        Err(claimed) => Err(format!("not one delivery is due but {claimed:?}")),
    }
}

async fn settle(
    store: &Shared,
    claimed: &ClaimedDelivery,
    outcome: DeliveryOutcome,
) -> Result<(), StoreError> {
    let id = claimed.delivery.id;
    store.settle(Settlement { id, token: claimed.token, outcome }).await
}

fn delivered() -> DeliveryOutcome {
    DeliveryOutcome::Delivered { receipt: "42".to_owned() }
}

async fn find(store: &Shared, id: DeliveryId) -> Result<DeliveryRecord, String> {
    let all = store.deliveries(DeliveryFilter::default(), 100).await.map_err(failed)?.items;
    all.into_iter().find(|delivery| delivery.id == id).ok_or("a delivery is gone".to_owned())
}

async fn a_reply_is_delivered(store: &Shared) -> Verdict {
    for chat in 1..=3 {
        owe(store, chat).await?;
    }
    let first = due(store, 3, 2).await?;
    ensure!(first.claimed.len() == 2, "of three due, two at most are {first:?}");
    ensure!(first.look_again_at <= Some(at(3)), "the third is due at {:?}", first.look_again_at);
    let second = due(store, 3, 2).await?;
    ensure!(second.claimed.len() == 1, "the third is {second:?}");
    let lease_end = second.look_again_at;
    ensure!(lease_end == Some(at(18)), "those in flight are to be looked at {lease_end:?}");
    for claimed in first.claimed.iter().chain(&second.claimed) {
        let ClaimedDelivery { delivery, .. } = claimed;
        let told = (delivery.reply.status, delivery.reply.text.as_str());
        ensure!(told == (RunStatus::Completed, "done"), "a reply says {told:?}");
        let standing = (delivery.state, delivery.attempts, delivery.possibly_sent);
        ensure!(standing == (DeliveryState::InFlight, 1, false), "a first claim is {standing:?}");
        settle(store, claimed, delivered()).await.map_err(failed)?;
        let settled = find(store, delivery.id).await?;
        ensure!(settled.state == DeliveryState::Delivered, "it is {:?}", settled.state);
        ensure!(settled.receipt.as_deref() == Some("42"), "its receipt is {:?}", settled.receipt);
    }
    let after = due(store, 1000, 10).await?;
    ensure!(after == DueDeliveries::default(), "when all is delivered there is {after:?}");
    let filter =
        DeliveryFilter { state: Some(DeliveryState::Delivered), ..DeliveryFilter::default() };
    let page = store.deliveries(filter.clone(), 2).await.map_err(failed)?;
    ensure!(page.items.len() == 2 && page.has_more, "two of three are {page:?}");
    let last = page.items.last().map(|delivery| delivery.id);
    let rest = store.deliveries(DeliveryFilter { before: last, ..filter }, 2).await;
    let rest = rest.map_err(failed)?;
    ensure!(rest.items.len() == 1 && !rest.has_more, "after two of three come {rest:?}");
    Ok(())
}

async fn what_failed_is_tried_again(store: &Shared) -> Verdict {
    owe(store, 1).await?;
    let first = one_due(store, 3).await?;
    let error = "busy".to_owned();
    let outcome = DeliveryOutcome::NotSent { retry_at: at(60), error };
    settle(store, &first, outcome).await.map_err(failed)?;
    let early = due(store, 59, 10).await?;
    ensure!(early.claimed.is_empty(), "it is tried again too early");
    ensure!(early.look_again_at == Some(at(60)), "it is due at {:?}", early.look_again_at);
    let second = one_due(store, 60).await?;
    let ClaimedDelivery { delivery, token } = &second;
    ensure!(*token > first.token, "the token did not grow");
    let known = (delivery.id, delivery.attempts, delivery.last_error.as_deref());
    ensure!(known == (first.delivery.id, 2, Some("busy")), "the second attempt is {delivery:?}");
    ensure!(delivery.failures == 1, "after one failure it has {}", delivery.failures);
    ensure!(!delivery.possibly_sent, "what was not sent is said to be possibly sent");
    let outcome = DeliveryOutcome::MaybeSent { retry_at: at(70), error: "cut".to_owned() };
    settle(store, &second, outcome).await.map_err(failed)?;
    let third = one_due(store, 70).await?;
    ensure!(third.delivery.possibly_sent, "what may have been sent is not said to be");
    ensure!(third.delivery.failures == 2, "after two it has {}", third.delivery.failures);
    settle(store, &third, delivered()).await.map_err(failed)
}

async fn what_waits_was_not_attempted(store: &Shared) -> Verdict {
    owe(store, 1).await?;
    for (now, until) in [(3, 60), (60, 70)] {
        let claimed = one_due(store, now).await?;
        let reason = "in line".to_owned();
        let outcome = DeliveryOutcome::Postponed { until: at(until), reason };
        settle(store, &claimed, outcome).await.map_err(failed)?;
        let early = due(store, until - 1, 10).await?;
        ensure!(early.claimed.is_empty(), "it does not wait until {until}");
    }
    let dead = one_due(store, 70).await?.delivery;
    let known = (dead.attempts, dead.failures, dead.possibly_sent, dead.last_error.as_deref());
    ensure!(known == (1, 0, false, Some("in line")), "after waiting twice it is {known:?}");
    let heir = one_due(store, 100).await?;
    let known = (heir.delivery.attempts, heir.delivery.failures, heir.delivery.possibly_sent);
    ensure!(known == (2, 0, true), "after the death of its worker it is {known:?}");
    settle(store, &heir, delivered()).await.map_err(failed)
}

async fn a_dead_workers_delivery_may_have_been_sent(store: &Shared) -> Verdict {
    owe(store, 1).await?;
    let dead = one_due(store, 3).await?;
    ensure!(due(store, 17, 10).await?.claimed.is_empty(), "it was taken over too early");
    let heir = one_due(store, 18).await?;
    ensure!(heir.delivery.id == dead.delivery.id, "another came back: {heir:?}");
    ensure!(heir.delivery.possibly_sent, "it is not said to be possibly sent");
    let late = settle(store, &dead, delivered()).await;
    ensure!(
        matches!(late, Err(StoreError::LeaseLost { .. })),
        "a worker that lost its lease settles: {late:?}"
    );
    settle(store, &heir, delivered()).await.map_err(failed)?;
    let twice = settle(store, &heir, delivered()).await;
    ensure!(
        matches!(twice, Err(StoreError::LeaseLost { .. })),
        "a settled delivery is settled again: {twice:?}"
    );
    owe(store, 2).await?;
    let future = one_due(store, 100).await?;
    let now = one_due(store, 100 - 3600).await;
    let now = now.map_err(|error| format!("after the clock went back an hour, {error}"))?;
    ensure!(now.delivery.id == future.delivery.id, "another came back: {now:?}");
    Ok(())
}

async fn what_was_never_tried_is_due_whatever_the_clock_says(store: &Shared) -> Verdict {
    owe(store, 1).await?;
    let claimed = one_due(store, 3 - 3600).await;
    let claimed = claimed.map_err(|error| format!("after the clock went back an hour, {error}"))?;
    settle(store, &claimed, delivered()).await.map_err(failed)
}

async fn what_is_ambiguous_waits_for_somebody(store: &Shared) -> Verdict {
    let outcomes = [
        (DeliveryState::Ambiguous, DeliveryOutcome::Ambiguous { error: "cut".to_owned() }),
        (DeliveryState::Dead, DeliveryOutcome::Dead { error: "gone".to_owned() }),
    ];
    for (expected, outcome) in outcomes {
        owe(store, 1).await?;
        let claimed = one_due(store, 3).await?;
        let id = claimed.delivery.id;
        let early = store.requeue(id, at(5)).await;
        ensure!(
            matches!(early, Err(StoreError::Conflict { .. })),
            "what is in flight is sent again by hand: {early:?}"
        );
        settle(store, &claimed, outcome).await.map_err(failed)?;
        let state = find(store, id).await?.state;
        ensure!(state == expected, "it is {state:?}, not {expected:?}");
        let blind = due(store, 100_000, 10).await?;
        ensure!(blind == DueDeliveries::default(), "it was repeated blindly: {blind:?}");
        let requeued = store.requeue(id, at(5)).await.map_err(failed)?;
        ensure!(requeued.state == DeliveryState::Due, "by hand it became {requeued:?}");
        let again = one_due(store, 5).await?;
        ensure!(!again.delivery.possibly_sent, "somebody decided, and it is still ambiguous");
        ensure!(again.delivery.failures == 0, "somebody decided, and old failures count");
        settle(store, &again, delivered()).await.map_err(failed)?;
    }
    let unknown = store.requeue(DeliveryId::generate(), at(5)).await;
    ensure!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "sending nothing again is {unknown:?}"
    );
    Ok(())
}

async fn one_worker_has_it(store: &Shared) -> Verdict {
    for chat in 0..8 {
        owe(store, chat).await?;
    }
    let workers = (0..4).map(|_| due(store, 3, 3));
    let claimed = futures::future::try_join_all(workers).await?;
    let mut ids: Vec<_> =
        claimed.iter().flat_map(|due| &due.claimed).map(|claimed| claimed.delivery.id).collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    ensure!(all == 8 && ids.len() == 8, "8 deliveries were claimed {all} times by 4 workers");
    Ok(())
}
