//! Where not all can go at once: lanes, priorities, and users who take turns.

use super::LEASE;
use super::Shared;
use super::Verdict;
use super::at;
use super::claim_at;
use super::claimed;
use super::failed;
use super::finish;
use super::message;
use super::nothing_to_claim;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Trigger;
use crate::store::CancelRequest;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::Lane;
use crate::store::NewRun;
use crate::store::Priority;
use crate::store::RunFilter;
use crate::store::WorkSignal;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_lane_lets_only_so_many_go(&empty().await).await?;
    a_lane_goes_on_however_its_runs_end(&empty().await).await?;
    a_full_lane_holds_up_nobody_else(&empty().await).await?;
    an_interrupting_run_goes_before_a_parked_one(&empty().await).await?;
    the_urgent_go_first(&empty().await).await?;
    users_take_turns(&empty().await).await?;
    what_nobody_waits_for_is_passed_over_if_asked(&empty().await).await?;
    a_stopped_run_stops_those_it_asked_for(&empty().await).await?;
    runs_are_listed_by_who_asked(&empty().await).await
}

/// A run in a session of its own.
fn run(text: &str) -> NewRun {
    message(SessionId::generate(), text)
}

fn in_lane(name: &str, width: u32) -> NewRun {
    NewRun { lane: Some(Lane::new(name, width)), ..run(name) }
}

async fn admit(store: &Shared, run: NewRun) -> Result<RunId, String> {
    let id = run.run_id;
    store.admit(run).await.map_err(failed)?;
    Ok(id)
}

async fn expect(store: &Shared, expected: RunId, why: &str) -> Result<Claim, String> {
    let claim = claimed(store, 0).await?;
    ensure!(claim.lease.run_id == expected, "{why}: {:?} was claimed", claim.lease.run_id);
    Ok(claim)
}

/// Claims what somebody waits for; whether something else was passed over where there is nothing.
async fn foreground(store: &Shared) -> Result<Result<RunId, bool>, String> {
    let scope = ClaimScope::Foreground;
    let request = ClaimRequest { worker: "busy".into(), now: at(0), lease_for: LEASE, scope };
    match store.claim(request).await.map_err(failed)? {
        Claimed::Run(claim) => Ok(Ok(claim.lease.run_id)),
        Claimed::Nothing { passed_over, .. } => Ok(Err(passed_over)),
    }
}

async fn what_nobody_waits_for_is_passed_over_if_asked(store: &Shared) -> Verdict {
    ensure!(foreground(store).await? == Err(false), "nothing is there to be passed over");
    let task = |text| NewRun {
        trigger: Trigger::Task,
        priority: Priority::High,
        lane: Some(Lane::new("tasks", 1)),
        ..run(text)
    };
    let tasks = [admit(store, task("one")).await?, admit(store, task("two")).await?];
    let due = NewRun { trigger: Trigger::Schedule, ..run("due") };
    let due = admit(store, due).await?;
    let said = admit(store, run("said")).await?;
    ensure!(foreground(store).await? == Ok(said), "what somebody waits for is claimed");
    ensure!(foreground(store).await? == Err(true), "the others are passed over");
    let dropped = admit(store, NewRun { trigger: Trigger::Schedule, ..run("dropped") }).await?;
    ensure!(foreground(store).await? == Err(true), "so is one that comes later");
    store.request_cancel(CancelRequest { run_id: dropped, at: at(0) }).await.map_err(failed)?;
    expect(store, tasks[0], "they are claimed in their order").await?;
    expect(store, due, "a full lane holds up nobody").await?;
    nothing_to_claim(store, 0).await?;
    ensure!(foreground(store).await? == Err(false), "nothing is ready any more");
    Ok(())
}

async fn a_lane_lets_only_so_many_go(store: &Shared) -> Verdict {
    let mut admitted = Vec::new();
    for _ in 0..5 {
        admitted.push(admit(store, in_lane("tree", 2)).await?);
    }
    let mut going = Vec::new();
    for (index, run) in admitted.into_iter().enumerate() {
        if index >= 2 {
            nothing_to_claim(store, 0).await?;
            let first: Claim = going.remove(0);
            finish(store, &first).await?;
        }
        going.push(expect(store, run, "a lane keeps the order of admission").await?);
    }
    nothing_to_claim(store, 0).await.map(|_| ())
}

async fn a_lane_goes_on_however_its_runs_end(store: &Shared) -> Verdict {
    let [first, second, third, fourth, fifth] =
        [(); 5].map(|()| in_lane("narrow", 1)).map(|run| (run.session_id, run));
    let ids = [&second.1, &third.1, &fourth.1, &fifth.1].map(|run| run.run_id);
    let sessions = [first.0, third.0];
    for (_, run) in [first, second, third, fourth, fifth] {
        admit(store, run).await?;
    }
    let held = claimed(store, 0).await?;
    nothing_to_claim(store, 0).await?;
    // A dead worker's run keeps its place in the lane, and whoever takes it over has it.
    let heir = claimed(store, 20).await?;
    ensure!(heir.lease.run_id == held.lease.run_id, "a dead worker's run was passed over");
    store.delete_session(sessions[0]).await.map_err(failed)?;
    let second = expect(store, ids[0], "a deleted session leaves its lane").await?;
    store.release(second.lease).await.map_err(failed)?;
    let second = expect(store, ids[0], "a run that was given back is the first again").await?;
    // The next in the lane ends before anybody began it.
    store.request_cancel(CancelRequest { run_id: ids[1], at: at(1) }).await.map_err(failed)?;
    finish(store, &second).await?;
    let fourth = expect(store, ids[2], "a cancelled run is passed over").await?;
    nothing_to_claim(store, 0).await?;
    finish(store, &fourth).await?;
    let fifth = expect(store, ids[3], "the last one goes too").await?;
    finish(store, &fifth).await?;
    nothing_to_claim(store, 1000).await.map(|_| ())
}

async fn a_full_lane_holds_up_nobody_else(store: &Shared) -> Verdict {
    admit(store, in_lane("full", 1)).await?;
    claimed(store, 0).await?;
    admit(store, in_lane("full", 1)).await?;
    let other = admit(store, in_lane("other", 1)).await?;
    let free = admit(store, run("no lane")).await?;
    expect(store, other, "another lane is free").await?;
    expect(store, free, "a run without lane goes").await?;
    nothing_to_claim(store, 0).await.map(|_| ())
}

async fn an_interrupting_run_goes_before_a_parked_one(store: &Shared) -> Verdict {
    admit(store, in_lane("full", 1)).await?;
    let going = claimed(store, 0).await?;
    let parked = in_lane("full", 1);
    let session = parked.session_id;
    let parked = admit(store, parked).await?;
    nothing_to_claim(store, 0).await?;
    let interrupting = message(session, "now").in_mode(crate::store::QueueMode::Interrupt);
    let interrupting = admit(store, interrupting).await?;
    let first = expect(store, interrupting, "what interrupts is first in its session").await?;
    finish(store, &going).await?;
    nothing_to_claim(store, 0).await?;
    finish(store, &first).await?;
    expect(store, parked, "then the parked one goes").await.map(|_| ())
}

async fn the_urgent_go_first(store: &Shared) -> Verdict {
    let low = admit(store, NewRun { priority: Priority::Low, ..run("low") }).await?;
    let normal = admit(store, run("normal")).await?;
    let high = admit(store, NewRun { priority: Priority::High, ..run("high") }).await?;
    for (expected, why) in [(high, "high"), (normal, "normal"), (low, "low")] {
        expect(store, expected, why).await?;
    }
    Ok(())
}

async fn users_take_turns(store: &Shared) -> Verdict {
    let of = |user: &str| {
        let mut run = run(user);
        run.origin.user = user.into();
        run
    };
    let mut admitted = Vec::new();
    for user in ["a", "a", "a", "b", "b", "c"] {
        admitted.push((user, admit(store, of(user)).await?));
    }
    let mut order = Vec::new();
    while let Claimed::Run(claim) = claim_at(store, 0).await? {
        let known = admitted.iter().find(|(_, id)| *id == claim.lease.run_id);
        order.extend(known.map(|(user, _)| *user));
    }
    ensure!(order.len() == admitted.len(), "not all were claimed: {order:?}");
    let mut first = order.iter().take(3).copied().collect::<Vec<_>>();
    first.sort_unstable();
    ensure!(first == ["a", "b", "c"], "one user goes before others: {order:?}");
    // Who comes later waits for nobody's past.
    let late = admit(store, of("d")).await?;
    admit(store, of("a")).await?;
    admit(store, of("a")).await?;
    let second = [claimed(store, 0).await?, claimed(store, 0).await?];
    let found = second.iter().any(|claim| claim.lease.run_id == late);
    ensure!(found, "a new user waits for all that others had");
    Ok(())
}

async fn a_stopped_run_stops_those_it_asked_for(store: &Shared) -> Verdict {
    let parent = admit(store, run("parent")).await?;
    let parent_claim = claimed(store, 0).await?;
    let child_of = |parent| NewRun { parent_run_id: Some(parent), ..run("child") };
    let child = admit(store, child_of(parent)).await?;
    let child_claim = expect(store, child, "the child goes").await?;
    let grandchild = admit(store, child_of(child)).await?;
    let mut signals = store.signals();
    let cancel = CancelRequest { run_id: parent, at: at(1) };
    store.request_cancel(cancel).await.map_err(failed)?;
    let told = WorkSignal::CancelRequested(child);
    super::leases::expect_signal(&mut signals, told).await?;
    for claim in [&parent_claim, &child_claim] {
        let renewal = super::leases::renew(store, claim.lease, 1).await.map_err(failed)?;
        ensure!(renewal.cancel_requested, "{:?} does not learn of it", claim.lease.run_id);
    }
    let late = admit(store, child_of(parent)).await?;
    for expected in [grandchild, late] {
        let claim = expect(store, expected, "a run that nobody began").await?;
        ensure!(claim.cancel_requested, "{expected} does not learn that it is to stop");
    }
    let unrelated = admit(store, run("unrelated")).await?;
    let claim = expect(store, unrelated, "others go on").await?;
    ensure!(!claim.cancel_requested, "a run was stopped that nobody asked to stop");
    Ok(())
}

async fn runs_are_listed_by_who_asked(store: &Shared) -> Verdict {
    let parent = admit(store, run("parent")).await?;
    let children = [(); 2].map(|()| NewRun {
        parent_run_id: Some(parent),
        trigger: Trigger::Subagent,
        ..run("child")
    });
    let mut expected = children.clone().map(|child| child.run_id).to_vec();
    expected.reverse();
    for child in children {
        admit(store, child).await?;
    }
    let by_parent = RunFilter { parent: Some(parent), ..RunFilter::default() };
    let by_trigger = RunFilter { trigger: Some(Trigger::Subagent), ..RunFilter::default() };
    for filter in [by_parent, by_trigger] {
        let listed = store.runs(filter.clone(), 10).await.map_err(failed)?;
        let ids: Vec<_> = listed.items.iter().map(|run| run.id).collect();
        ensure!(ids == expected, "{filter:?} lists {ids:?} and not {expected:?}");
    }
    Ok(())
}
