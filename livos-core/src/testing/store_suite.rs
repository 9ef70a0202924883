//! What every store must do.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::store::Append;
use crate::store::NewEntry;
use crate::store::RunFilter;
use crate::store::RunState;
use crate::store::SessionPatch;
use crate::store::SessionQuery;
use crate::store::SessionRecord;
use crate::store::Store;
use crate::store::StoreError;

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

/// Checks a store against the promises of [`Journal`](crate::Journal),
/// [`SessionStore`](crate::SessionStore) and [`RunStore`](crate::RunStore). Give it an empty one.
///
/// # Errors
/// The first promise that is not kept, in words.
pub async fn check_store(store: Arc<dyn Store>) -> Result<(), String> {
    numbers_have_no_gaps(&store).await?;
    writers_do_not_collide(&store).await?;
    reads_are_bounded(&store).await?;
    runs_are_projected(&store).await?;
    sessions_come_and_go(&store).await
}

#[expect(clippy::needless_pass_by_value, reason = "called by `map_err`")]
fn failed(error: StoreError) -> String {
    format!("the store failed: {error}")
}

fn admission(run_id: RunId, text: &str) -> NewEntry {
    NewEntry {
        run_id,
        at: Timestamp::from_unix_micros(1_000_000),
        kind: EventKind::RunAdmitted {
            trigger: Trigger::Message,
            origin: Origin::default(),
            input: Arc::new(Message::user(text)),
            model: None,
            parent_run_id: None,
        },
    }
}

fn turn(run_id: RunId, turn: u32) -> NewEntry {
    let at = Timestamp::from_unix_micros(2_000_000 + i64::from(turn));
    NewEntry { run_id, at, kind: EventKind::TurnStarted { turn } }
}

async fn numbers_have_no_gaps(store: &Arc<dyn Store>) -> Result<(), String> {
    let (session, run) = (SessionId::generate(), RunId::generate());
    ensure!(
        store.last_seq(session).await.map_err(failed)? == 0,
        "a session without entries has a last number"
    );
    let first = store
        .append(Append::new(session, vec![admission(run, "ä\u{0}🦀")]))
        .await
        .map_err(failed)?;
    ensure!(first == 1, "the first entry has number {first}");
    let batch = vec![turn(run, 1), turn(run, 2)];
    let second = store.append(Append::new(session, batch.clone())).await.map_err(failed)?;
    ensure!(second == 2, "the second append begins at {second}");
    let entries = store.read(session, 0, 100).await.map_err(failed)?;
    let numbers: Vec<_> = entries.iter().filter_map(crate::AgentEvent::seq).collect();
    ensure!(numbers == [1, 2, 3], "the numbers are {numbers:?}");
    ensure!(
        entries.first().map(|entry| &entry.kind) == Some(&admission(run, "ä\u{0}🦀").kind),
        "an entry does not read back as it was written: {:?}",
        entries.first()
    );
    ensure!(store.last_seq(session).await.map_err(failed)? == 3, "the last number is not 3");
    Ok(())
}

async fn writers_do_not_collide(store: &Arc<dyn Store>) -> Result<(), String> {
    const WRITERS: u32 = 8;
    const ENTRIES: u32 = 25;
    let (session, run) = (SessionId::generate(), RunId::generate());
    let writers = (0..WRITERS).map(|_| async {
        for number in 0..ENTRIES {
            store.append(Append::new(session, vec![turn(run, number)])).await.map_err(failed)?;
        }
        Ok::<(), String>(())
    });
    futures::future::try_join_all(writers).await?;
    let entries = store.read(session, 0, 1000).await.map_err(failed)?;
    let numbers: Vec<_> = entries.iter().filter_map(crate::AgentEvent::seq).collect();
    let expected: Vec<u64> = (1..=u64::from(WRITERS * ENTRIES)).collect();
    ensure!(numbers == expected, "concurrent writers left the numbers {numbers:?}");
    Ok(())
}

async fn reads_are_bounded(store: &Arc<dyn Store>) -> Result<(), String> {
    let (session, run) = (SessionId::generate(), RunId::generate());
    let batch = (0..10).map(|number| turn(run, number)).collect();
    store.append(Append::new(session, batch)).await.map_err(failed)?;
    let middle = store.read(session, 4, 3).await.map_err(failed)?;
    let numbers: Vec<_> = middle.iter().filter_map(crate::AgentEvent::seq).collect();
    ensure!(numbers == [5, 6, 7], "reading 3 after 4 gave {numbers:?}");
    ensure!(
        store.read(session, 10, 3).await.map_err(failed)?.is_empty(),
        "there is something after the end"
    );
    Ok(())
}

async fn runs_are_projected(store: &Arc<dyn Store>) -> Result<(), String> {
    let (session, run) = (SessionId::generate(), RunId::generate());
    store.append(Append::new(session, vec![admission(run, "hello")])).await.map_err(failed)?;
    let queued = store.run(run).await.map_err(failed)?.ok_or("an admitted run is not found")?;
    ensure!(queued.state == RunState::Queued, "an admitted run is {:?}", queued.state);
    let started = EventKind::RunStarted { model: "m".into(), provider: "p".into(), attempt: 1 };
    let at = Timestamp::from_unix_micros(5);
    let entries = vec![NewEntry { run_id: run, at, kind: started }, turn(run, 1)];
    store.append(Append::new(session, entries)).await.map_err(failed)?;
    let running = store.run(run).await.map_err(failed)?.ok_or("a started run is not found")?;
    ensure!(
        (running.state, running.turns) == (RunState::Running, 1),
        "a started run is {running:?}"
    );
    let filter =
        RunFilter { session_id: Some(session), state: Some(RunState::Running), before: None };
    let listed = store.runs(filter.clone(), 10).await.map_err(failed)?;
    ensure!(listed.items == [running], "a running run is listed as {:?}", listed.items);
    let none = store.runs(RunFilter { before: Some(run), ..filter }, 10).await.map_err(failed)?;
    ensure!(none.items.is_empty(), "a run is listed before itself");
    Ok(())
}

async fn sessions_come_and_go(store: &Arc<dyn Store>) -> Result<(), String> {
    let ids: Vec<_> = (0..3).map(|_| SessionId::generate()).collect();
    for id in &ids {
        let session = SessionRecord::new(*id, Timestamp::from_unix_micros(7));
        store.create_session(session).await.map_err(failed)?;
    }
    let oldest = *ids.first().ok_or("no id was made")?;
    let page = store.sessions(SessionQuery::default(), 2).await.map_err(failed)?;
    let listed: Vec<_> = page.items.iter().map(|session| session.id).collect();
    ensure!(
        listed.iter().eq(ids.iter().rev().take(2)),
        "the newest two sessions are listed as {listed:?}"
    );
    ensure!(page.has_more, "a cut list does not say that there is more");
    let patch = SessionPatch { title: Some("new".to_owned()), ..SessionPatch::default() };
    let renamed = store.update_session(oldest, patch.clone()).await.map_err(failed)?;
    ensure!(renamed.title.as_deref() == Some("new"), "a renamed session is {renamed:?}");
    let missing = store.update_session(SessionId::generate(), patch).await;
    ensure!(
        matches!(missing, Err(StoreError::NotFound { .. })),
        "renaming no session gave {missing:?}"
    );
    let run = RunId::generate();
    store.append(Append::new(oldest, vec![admission(run, "x")])).await.map_err(failed)?;
    ensure!(store.delete_session(oldest).await.map_err(failed)?, "a session was not deleted");
    ensure!(!store.delete_session(oldest).await.map_err(failed)?, "it was deleted twice");
    ensure!(store.session(oldest).await.map_err(failed)?.is_none(), "it is still there");
    ensure!(store.last_seq(oldest).await.map_err(failed)? == 0, "its journal is still there");
    ensure!(store.run(run).await.map_err(failed)?.is_none(), "its run is still there");
    Ok(())
}
