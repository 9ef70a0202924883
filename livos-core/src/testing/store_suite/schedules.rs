//! A schedule fires each slot once, and leaves nothing behind.

use super::Shared;
use super::Verdict;
use super::at;
use super::claimed;
use super::failed;
use super::finish;
use super::message;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::schedule::Recurrence;
use crate::schedule::SchedulePlan;
use crate::store::Admission;
use crate::store::FIRINGS_KEPT;
use crate::store::FiringRecord;
use crate::store::FiringStatus;
use crate::store::IdempotencyKey;
use crate::store::MAX_WAITING;
use crate::store::ScheduleChange;
use crate::store::ScheduleFilter;
use crate::store::ScheduleProgress;
use crate::store::ScheduleRecord;
use crate::store::ScheduleSession;
use crate::store::ScheduleStatus;
use crate::store::SessionRecord;
use crate::store::StoreError;
use crate::store::WorkSignal;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_schedule_is_kept(&empty().await).await?;
    what_is_due_is_found(&empty().await).await?;
    a_slot_fires_once(&empty().await).await?;
    a_refused_run_changes_nothing(&empty().await).await?;
    firings_are_kept(&empty().await).await?;
    it_goes_with_its_session(&empty().await).await?;
    those_who_wait_are_told(&empty().await).await
}

/// A schedule that is due at a second of the suite.
fn schedule(session_id: SessionId, due: Option<i64>) -> ScheduleRecord {
    let recurrence = Recurrence::Every { seconds: 60 };
    ScheduleRecord {
        id: ScheduleId::generate(),
        version: 1,
        plan: SchedulePlan::new("watch", "look", recurrence),
        session_id,
        session: ScheduleSession::Own,
        origin: Origin::default(),
        created_at: at(0),
        updated_at: at(0),
        progress: ScheduleProgress {
            next_slot: due.map(at),
            next_at: due.map(at),
            ..ScheduleProgress::default()
        },
    }
}

async fn create(store: &Shared, due: i64) -> Result<ScheduleRecord, String> {
    let session = SessionRecord::new(SessionId::generate(), at(0));
    let made = schedule(session.id, Some(due));
    store.create_schedule(made.clone(), Some(session)).await.map_err(failed)?;
    Ok(made)
}

/// The step that fires a schedule's next slot.
fn firing(record: &ScheduleRecord, next: i64) -> ScheduleChange {
    let mut run = message(record.session_id, "look");
    run.trigger = Trigger::Schedule;
    let slot = record.progress.next_slot.unwrap_or(at(0));
    run.key = Some(IdempotencyKey::new(format!("schedule:{}", record.id), slot.to_string()));
    let mut change = quiet(record, next);
    change.firings.push(started(slot, run.run_id));
    change.run = Some(run);
    change
}

/// A step that fires nothing.
fn quiet(record: &ScheduleRecord, next: i64) -> ScheduleChange {
    let mut schedule = record.clone();
    schedule.version += 1;
    (schedule.progress.next_slot, schedule.progress.next_at) = (Some(at(next)), Some(at(next)));
    ScheduleChange { schedule, firings: Vec::new(), run: None }
}

fn started(slot: Timestamp, run_id: RunId) -> FiringRecord {
    let (run_id, status) = (Some(run_id), FiringStatus::Started);
    FiringRecord { slot, at: slot, run_id, status, reason: None, slots: 1 }
}

async fn a_schedule_is_kept(store: &Shared) -> Verdict {
    let made = create(store, 60).await?;
    let found = store.schedule(made.id).await.map_err(failed)?;
    ensure!(found.as_ref() == Some(&made), "a schedule reads back as {found:?}");
    let session = store.session(made.session_id).await.map_err(failed)?;
    ensure!(session.is_some(), "the session of its own was not made");
    let twice = store.create_schedule(made.clone(), None).await;
    ensure!(matches!(twice, Err(StoreError::Conflict { .. })), "made twice: {twice:?}");
    let stray = schedule(SessionId::generate(), Some(60));
    let refused = store.create_schedule(stray.clone(), None).await;
    ensure!(
        matches!(refused, Err(StoreError::NotFound { .. })),
        "one without a session is made: {refused:?}"
    );
    ensure!(store.schedule(stray.id).await.map_err(failed)?.is_none(), "what was refused is kept");
    let mut paused = quiet(&made, 0);
    paused.schedule.progress =
        ScheduleProgress { status: ScheduleStatus::Paused, ..ScheduleProgress::default() };
    store.change_schedule(paused.clone()).await.map_err(failed)?;
    let late = store.change_schedule(quiet(&made, 5)).await;
    ensure!(
        matches!(late, Err(StoreError::Conflict { .. })),
        "a change of an old version is {late:?}"
    );
    let mut other = schedule(made.session_id, Some(60));
    other.origin.user = "somebody".into();
    store.create_schedule(other.clone(), None).await.map_err(failed)?;
    let filters = [
        (ScheduleFilter::default(), vec![other.id, made.id]),
        (
            ScheduleFilter { session_id: Some(made.session_id), ..ScheduleFilter::default() },
            vec![other.id, made.id],
        ),
        (
            ScheduleFilter { user: Some("somebody".into()), ..ScheduleFilter::default() },
            vec![other.id],
        ),
        (
            ScheduleFilter { status: Some(ScheduleStatus::Paused), ..ScheduleFilter::default() },
            vec![made.id],
        ),
        (
            ScheduleFilter { status: Some(ScheduleStatus::Active), ..ScheduleFilter::default() },
            vec![other.id],
        ),
        (ScheduleFilter { before: Some(other.id), ..ScheduleFilter::default() }, vec![made.id]),
    ];
    for (filter, expected) in filters {
        let page = store.schedules(filter.clone(), 10).await.map_err(failed)?;
        let found: Vec<_> = page.items.iter().map(|schedule| schedule.id).collect();
        ensure!(found == expected && !page.has_more, "{filter:?} finds {found:?}");
    }
    let first = store.schedules(ScheduleFilter::default(), 1).await.map_err(failed)?;
    ensure!(first.items.len() == 1 && first.has_more, "one of two is {first:?}");
    ensure!(store.delete_schedule(made.id).await.map_err(failed)?, "it was not deleted");
    ensure!(!store.delete_schedule(made.id).await.map_err(failed)?, "it was deleted twice");
    let gone = store.change_schedule(quiet(&paused.schedule, 5)).await;
    ensure!(matches!(gone, Err(StoreError::NotFound { .. })), "a deleted one is changed: {gone:?}");
    let session = store.session(made.session_id).await.map_err(failed)?;
    ensure!(session.is_some(), "its session went with it");
    Ok(())
}

async fn what_is_due_is_found(store: &Shared) -> Verdict {
    let nothing = store.due_schedules(at(1000), 10).await.map_err(failed)?;
    ensure!(nothing.due.is_empty() && nothing.look_again_at.is_none(), "there is {nothing:?}");
    let late = create(store, 30).await?;
    let early = create(store, 10).await?;
    let future = create(store, 500).await?;
    let none = store.due_schedules(at(9), 10).await.map_err(failed)?;
    ensure!(none.due.is_empty(), "too early, {:?} is due", none.due);
    ensure!(none.look_again_at == Some(at(10)), "the next is due at {:?}", none.look_again_at);
    let both = store.due_schedules(at(30), 10).await.map_err(failed)?;
    let ids: Vec<_> = both.due.iter().map(|schedule| schedule.id).collect();
    ensure!(ids == [early.id, late.id], "due are {ids:?}");
    ensure!(both.look_again_at == Some(at(500)), "then {:?} is due", both.look_again_at);
    let one = store.due_schedules(at(30), 1).await.map_err(failed)?;
    let next = one.look_again_at;
    ensure!(one.due.len() == 1 && next == Some(at(30)), "one of two due is {one:?}");
    store.change_schedule(firing(&early, 700)).await.map_err(failed)?;
    store.delete_schedule(late.id).await.map_err(failed)?;
    let left = store.due_schedules(at(499), 10).await.map_err(failed)?;
    ensure!(left.due.is_empty(), "what fired or was deleted is due: {:?}", left.due);
    let third = store.due_schedules(at(500), 10).await.map_err(failed)?;
    ensure!(third.due == [future], "in the end {:?} is due", third.due);
    ensure!(third.look_again_at == Some(at(700)), "then {:?}", third.look_again_at);
    Ok(())
}

async fn a_slot_fires_once(store: &Shared) -> Verdict {
    let made = create(store, 60).await?;
    let racers = (0..8).map(|_| store.change_schedule(firing(&made, 120)));
    let outcomes = futures::future::join_all(racers).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    ensure!(won == 1, "{won} of 8 fired one slot");
    let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    for error in lost {
        ensure!(matches!(error, StoreError::Conflict { .. }), "the others got {error:?}");
    }
    let claim = claimed(store, 61).await?;
    ensure!(claim.session_id == made.session_id, "another run was admitted: {claim:?}");
    let run = store.run(claim.lease.run_id).await.map_err(failed)?;
    let trigger = run.map(|run| run.trigger);
    ensure!(trigger == Some(Trigger::Schedule), "its trigger is {trigger:?}");
    finish(store, &claim).await?;
    super::nothing_to_claim(store, 62).await?;
    // A clock that was set back comes to the same slot again.
    let current = store.schedule(made.id).await.map_err(failed)?.ok_or("it is gone")?;
    let mut again = current.clone();
    again.progress.next_slot = Some(at(60));
    let known = store.change_schedule(firing(&again, 180)).await.map_err(failed)?;
    ensure!(
        matches!(known, Some(Admission::Known { run_id, .. }) if run_id == claim.lease.run_id),
        "the same slot is {known:?}"
    );
    let current = store.schedule(made.id).await.map_err(failed)?.ok_or("it is gone")?;
    ensure!(current.progress.next_at == Some(at(180)), "it did not go on: {current:?}");
    super::nothing_to_claim(store, 63).await.map(drop)
}

async fn a_refused_run_changes_nothing(store: &Shared) -> Verdict {
    let made = create(store, 60).await?;
    for _ in 0..MAX_WAITING {
        store.admit(message(made.session_id, "hello")).await.map_err(failed)?;
    }
    let refused = store.change_schedule(firing(&made, 120)).await;
    ensure!(matches!(refused, Err(StoreError::Busy { .. })), "a full session takes {refused:?}");
    let kept = store.schedule(made.id).await.map_err(failed)?;
    ensure!(kept == Some(made.clone()), "what was refused changed it: {kept:?}");
    let firings = store.firings(made.id, None, 10).await.map_err(failed)?;
    ensure!(firings.items.is_empty(), "what was refused fired: {firings:?}");
    Ok(())
}

async fn firings_are_kept(store: &Shared) -> Verdict {
    let mut made = create(store, 60).await?;
    let many = i64::try_from(FIRINGS_KEPT).unwrap_or_default() + 20;
    let mut change = quiet(&made, 120);
    change.firings = (1..=many).map(|slot| started(at(slot), RunId::generate())).collect();
    store.change_schedule(change.clone()).await.map_err(failed)?;
    made = change.schedule;
    let all = store.firings(made.id, None, 1000).await.map_err(failed)?;
    ensure!(all.items.len() == FIRINGS_KEPT, "{} firings are kept", all.items.len());
    let slots: Vec<_> = all.items.iter().map(|firing| firing.slot).collect();
    ensure!(slots.is_sorted_by(|a, b| a > b), "they are not newest first: {slots:?}");
    ensure!(slots.first() == Some(&at(many)), "the newest is {:?}", slots.first());
    let mut change = quiet(&made, 120);
    let done = FiringRecord {
        status: FiringStatus::Completed,
        ..all.items.first().cloned().ok_or("there is none")?
    };
    change.firings = vec![done.clone()];
    store.change_schedule(change).await.map_err(failed)?;
    let page = store.firings(made.id, None, 2).await.map_err(failed)?;
    ensure!(page.items.first() == Some(&done), "a firing became {:?}", page.items.first());
    ensure!(page.items.len() == 2 && page.has_more, "two of many are {page:?}");
    let rest = store.firings(made.id, Some(at(many - 1)), 1).await.map_err(failed)?;
    let slot = rest.items.first().map(|firing| firing.slot);
    ensure!(slot == Some(at(many - 2)), "the third is {slot:?}");
    let unknown = store.firings(ScheduleId::generate(), None, 10).await.map_err(failed)?;
    ensure!(unknown.items.is_empty(), "an unknown one fired: {unknown:?}");
    Ok(())
}

async fn it_goes_with_its_session(store: &Shared) -> Verdict {
    let made = create(store, 60).await?;
    let second = schedule(made.session_id, Some(70));
    store.create_schedule(second.clone(), None).await.map_err(failed)?;
    let other = create(store, 80).await?;
    store.change_schedule(firing(&made, 65)).await.map_err(failed)?;
    store.delete_session(made.session_id).await.map_err(failed)?;
    for id in [made.id, second.id] {
        let left = store.schedule(id).await.map_err(failed)?;
        ensure!(left.is_none(), "a schedule outlives its session: {left:?}");
        let firings = store.firings(id, None, 10).await.map_err(failed)?;
        ensure!(firings.items.is_empty(), "firings outlive their session: {firings:?}");
    }
    let due = store.due_schedules(at(1000), 10).await.map_err(failed)?;
    ensure!(due.due == [other], "after the deletion {:?} is due", due.due);
    let orphan = store.change_schedule(firing(&second, 130)).await;
    ensure!(matches!(orphan, Err(StoreError::NotFound { .. })), "an orphan fires: {orphan:?}");
    let session = store.session(made.session_id).await.map_err(failed)?;
    ensure!(session.is_none(), "the session came back: {session:?}");
    Ok(())
}

async fn those_who_wait_are_told(store: &Shared) -> Verdict {
    let mut signals = store.signals();
    let made = create(store, 60).await?;
    super::leases::expect_signal(&mut signals, WorkSignal::ScheduleChanged).await?;
    store.change_schedule(quiet(&made, 30)).await.map_err(failed)?;
    super::leases::expect_signal(&mut signals, WorkSignal::ScheduleChanged).await?;
    let current = store.schedule(made.id).await.map_err(failed)?.ok_or("it is gone")?;
    store.change_schedule(firing(&current, 90)).await.map_err(failed)?;
    super::leases::expect_signal(&mut signals, WorkSignal::RunReady).await?;
    let claim = claimed(store, 31).await?;
    finish(store, &claim).await?;
    let ended = WorkSignal::RunEnded(claim.lease.run_id, Trigger::Schedule);
    super::leases::expect_signal(&mut signals, ended).await
}
