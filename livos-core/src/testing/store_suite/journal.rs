//! What was written stays as it was written, in order.

use super::Shared;
use super::Verdict;
use super::admission_entry;
use super::at;
use super::failed;
use super::turn;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Append;
use crate::store::NewEntry;
use crate::store::RunFilter;
use crate::store::RunState;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    let store = empty().await;
    numbers_have_no_gaps(&store).await?;
    writers_do_not_collide(&store).await?;
    reads_are_bounded(&store).await?;
    runs_are_projected(&store).await
}

async fn numbers_have_no_gaps(store: &Shared) -> Verdict {
    let (session, run) = (SessionId::generate(), RunId::generate());
    ensure!(
        store.last_seq(session).await.map_err(failed)? == 0,
        "a session without entries has a last number"
    );
    let first = store
        .append(Append::new(session, vec![admission_entry(run, "ä\u{0}🦀")]))
        .await
        .map_err(failed)?;
    ensure!(first == 1, "the first entry has number {first}");
    let batch = vec![turn(run, 1), turn(run, 2)];
    let second = store.append(Append::new(session, batch.clone())).await.map_err(failed)?;
    ensure!(second == 2, "the second append begins at {second}");
    let entries = store.read(session, 0, 100).await.map_err(failed)?;
    let numbers: Vec<_> = entries.iter().filter_map(AgentEvent::seq).collect();
    ensure!(numbers == [1, 2, 3], "the numbers are {numbers:?}");
    ensure!(
        entries.first().map(|entry| &entry.kind) == Some(&admission_entry(run, "ä\u{0}🦀").kind),
        "an entry does not read back as it was written: {:?}",
        entries.first()
    );
    ensure!(store.last_seq(session).await.map_err(failed)? == 3, "the last number is not 3");
    Ok(())
}

async fn writers_do_not_collide(store: &Shared) -> Verdict {
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
    let numbers: Vec<_> = entries.iter().filter_map(AgentEvent::seq).collect();
    let expected: Vec<u64> = (1..=u64::from(WRITERS * ENTRIES)).collect();
    ensure!(numbers == expected, "concurrent writers left the numbers {numbers:?}");
    Ok(())
}

async fn reads_are_bounded(store: &Shared) -> Verdict {
    let (session, run) = (SessionId::generate(), RunId::generate());
    let batch = (0..10).map(|number| turn(run, number)).collect();
    store.append(Append::new(session, batch)).await.map_err(failed)?;
    let middle = store.read(session, 4, 3).await.map_err(failed)?;
    let numbers: Vec<_> = middle.iter().filter_map(AgentEvent::seq).collect();
    ensure!(numbers == [5, 6, 7], "reading 3 after 4 gave {numbers:?}");
    ensure!(
        store.read(session, 10, 3).await.map_err(failed)?.is_empty(),
        "there is something after the end"
    );
    Ok(())
}

async fn runs_are_projected(store: &Shared) -> Verdict {
    let (session, run) = (SessionId::generate(), RunId::generate());
    store
        .append(Append::new(session, vec![admission_entry(run, "hello")]))
        .await
        .map_err(failed)?;
    let queued = store.run(run).await.map_err(failed)?.ok_or("an admitted run is not found")?;
    ensure!(queued.state == RunState::Queued, "an admitted run is {:?}", queued.state);
    let started = EventKind::RunStarted { model: "m".into(), provider: "p".into(), attempt: 1 };
    let at = at(5);
    let entries = vec![NewEntry { run_id: run, at, kind: started }, turn(run, 1)];
    store.append(Append::new(session, entries)).await.map_err(failed)?;
    let running = store.run(run).await.map_err(failed)?.ok_or("a started run is not found")?;
    ensure!(
        (running.state, running.turns) == (RunState::Running, 1),
        "a started run is {running:?}"
    );
    let filter = RunFilter {
        session_id: Some(session),
        state: Some(RunState::Running),
        ..RunFilter::default()
    };
    let listed = store.runs(filter.clone(), 10).await.map_err(failed)?;
    ensure!(listed.items == [running], "a running run is listed as {:?}", listed.items);
    let none = store.runs(RunFilter { before: Some(run), ..filter }, 10).await.map_err(failed)?;
    ensure!(none.items.is_empty(), "a run is listed before itself");
    Ok(())
}
