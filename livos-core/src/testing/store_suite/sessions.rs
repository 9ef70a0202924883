//! Sessions are kept, found, copied and forgotten.

use std::sync::Arc;

use super::Shared;
use super::Verdict;
use super::admission_entry;
use super::at;
use super::failed;
use super::finished;
use super::message;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::message::Usage;
use crate::provider::StopReason;
use crate::store::Admission;
use crate::store::Append;
use crate::store::Fork;
use crate::store::IdempotencyKey;
use crate::store::ImportedSession;
use crate::store::NewEntry;
use crate::store::RunFilter;
use crate::store::SessionCursor;
use crate::store::SessionPatch;
use crate::store::SessionQuery;
use crate::store::SessionRecord;
use crate::store::StoreError;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    the_last_used_comes_first(&empty().await).await?;
    deleting_leaves_nothing(&empty().await).await?;
    children_are_listed_and_deleted_with_their_parent(&empty().await).await?;
    words_are_found(&empty().await).await?;
    forks_begin_alike(&empty().await).await?;
    imports_are_taken_over(&empty().await).await
}

async fn listed(store: &Shared, query: SessionQuery) -> Result<Vec<SessionId>, String> {
    let page = store.sessions(query, 100).await.map_err(failed)?;
    Ok(page.items.iter().map(|session| session.id).collect())
}

async fn the_last_used_comes_first(store: &Shared) -> Verdict {
    let [first, second, third] = [(); 3].map(|()| SessionId::generate());
    for id in [first, second, third] {
        store.create_session(SessionRecord::new(id, at(-10))).await.map_err(failed)?;
    }
    let order = listed(store, SessionQuery::default()).await?;
    ensure!(order == [third, second, first], "sessions of one moment are listed as {order:?}");
    let entry = admission_entry(RunId::generate(), "hello");
    store.append(Append::new(second, vec![entry])).await.map_err(failed)?;
    let patch =
        SessionPatch { title: Some("new".to_owned()), at: Some(at(9)), ..SessionPatch::default() };
    let renamed = store.update_session(first, patch.clone()).await.map_err(failed)?;
    ensure!(renamed.title.as_deref() == Some("new"), "a renamed session is {renamed:?}");
    let page = store.sessions(SessionQuery::default(), 2).await.map_err(failed)?;
    let order: Vec<_> = page.items.iter().map(|session| session.id).collect();
    ensure!(order == [first, second], "the last used two sessions are {order:?}");
    ensure!(page.has_more, "a cut list does not say that there is more");
    let last = page.items.last().map(SessionCursor::from);
    let rest = listed(store, SessionQuery { after: last, ..SessionQuery::default() }).await?;
    ensure!(rest == [third], "after the first two come {rest:?}");
    let missing = store.update_session(SessionId::generate(), patch).await;
    ensure!(
        matches!(missing, Err(StoreError::NotFound { .. })),
        "renaming no session gave {missing:?}"
    );
    Ok(())
}

async fn deleting_leaves_nothing(store: &Shared) -> Verdict {
    let session = SessionId::generate();
    let mut run = message(session, "hello").replying_to(1);
    run.key = Some(IdempotencyKey::new("suite", "delete"));
    store.admit(run.clone()).await.map_err(failed)?;
    ensure!(store.delete_session(session).await.map_err(failed)?, "a session was not deleted");
    ensure!(!store.delete_session(session).await.map_err(failed)?, "it was deleted twice");
    ensure!(store.session(session).await.map_err(failed)?.is_none(), "it is still there");
    ensure!(store.last_seq(session).await.map_err(failed)? == 0, "its journal is still there");
    ensure!(store.run(run.run_id).await.map_err(failed)?.is_none(), "its run is still there");
    super::nothing_to_claim(store, 0).await?;
    let again = store.admit(run.clone()).await.map_err(failed)?;
    ensure!(
        again == Admission::Known { run_id: run.run_id, seq: 1 },
        "a message of a deleted session that comes again is {again:?}"
    );
    let text = Some("hello".to_owned());
    let found = listed(store, SessionQuery { text, ..SessionQuery::default() }).await?;
    ensure!(found.is_empty(), "a deleted session is found by its words");
    Ok(())
}

fn answer(run_id: RunId, text: &str) -> NewEntry {
    let kind = EventKind::AssistantMessage {
        turn: 1,
        message: Arc::new(Message::assistant(text)),
        usage: Usage::default(),
        cost_micro_usd: None,
        provider: "p".into(),
        model: "m".into(),
        stop_reason: StopReason::EndTurn,
        time_to_first_token_ms: 1,
        duration_ms: 2,
    };
    NewEntry { run_id, at: at(2), kind }
}

async fn children_are_listed_and_deleted_with_their_parent(store: &Shared) -> Verdict {
    let [parent, child, grandchild, other] = [(); 4].map(|()| SessionId::generate());
    let started_by =
        [(parent, None), (child, Some(parent)), (grandchild, Some(child)), (other, None)];
    for (id, parent) in started_by {
        let record = SessionRecord { parent, ..SessionRecord::new(id, at(-10)) };
        store.create_session(record).await.map_err(failed)?;
        let found = store.session(id).await.map_err(failed)?;
        ensure!(
            found.as_ref().is_some_and(|found| found.parent == parent),
            "a session started by {parent:?} reads back as {found:?}"
        );
        store.admit(message(id, "hello")).await.map_err(failed)?;
    }
    for (parent, expected) in
        [(None, vec![other, parent]), (Some(parent), vec![child]), (Some(other), Vec::new())]
    {
        let found = listed(store, SessionQuery { parent, ..SessionQuery::default() }).await?;
        ensure!(found == expected, "{parent:?} is said to have started {found:?}");
    }
    store.delete_session(parent).await.map_err(failed)?;
    for gone in [parent, child, grandchild] {
        ensure!(
            store.session(gone).await.map_err(failed)?.is_none(),
            "a child outlives its parent"
        );
        let runs = RunFilter { session_id: Some(gone), ..RunFilter::default() };
        let runs = store.runs(runs, 9).await.map_err(failed)?;
        ensure!(runs.items.is_empty(), "the runs of a deleted child stay: {runs:?}");
    }
    let claim = super::claimed(store, 0).await?;
    ensure!(claim.session_id == other, "a run of a deleted child was claimed: {claim:?}");
    super::nothing_to_claim(store, 0).await?;
    let left = listed(store, SessionQuery::default()).await?;
    ensure!(left == [other], "deleting one left {left:?}");
    Ok(())
}

async fn words_are_found(store: &Shared) -> Verdict {
    let (asked, answered, titled) =
        (SessionId::generate(), SessionId::generate(), SessionId::generate());
    let run = RunId::generate();
    let question = admission_entry(run, "Où est la Größe of the naïve 日本語 crab-cake?");
    store.append(Append::new(asked, vec![question])).await.map_err(failed)?;
    let entries = vec![admission_entry(RunId::generate(), "-"), answer(run, "A CRAB walks.")];
    store.append(Append::new(answered, entries)).await.map_err(failed)?;
    let mut session = SessionRecord::new(titled, at(-5));
    session.title = Some("Crab soup".to_owned());
    store.create_session(session).await.map_err(failed)?;
    for (text, expected) in [
        ("crab", vec![answered, asked, titled]),
        ("cra", vec![answered, asked, titled]),
        ("rab", vec![]),
        ("crab WALKS", vec![answered]),
        ("crab größe", vec![asked]),
        ("naïve", vec![asked]),
        ("日本", vec![asked]),
        ("soup crab", vec![titled]),
        ("walks soup", vec![]),
        ("\"crab' OR * (soup)", vec![]),
        ("  ", vec![answered, asked, titled]),
    ] {
        let query = SessionQuery { text: Some(text.to_owned()), ..SessionQuery::default() };
        let found = listed(store, query).await?;
        ensure!(found == expected, "a search for '{text}' found {found:?}, not {expected:?}");
    }
    let patch = SessionPatch { title: Some("Lobster".to_owned()), ..SessionPatch::default() };
    store.update_session(titled, patch).await.map_err(failed)?;
    let soup = SessionQuery { text: Some("soup".to_owned()), ..SessionQuery::default() };
    ensure!(listed(store, soup).await?.is_empty(), "a session is found by its old title");
    let lobster = SessionQuery { text: Some("lobster".to_owned()), ..SessionQuery::default() };
    ensure!(listed(store, lobster).await? == [titled], "a session is not found by its new title");
    Ok(())
}

async fn forks_begin_alike(store: &Shared) -> Verdict {
    let (from, run) = (SessionId::generate(), RunId::generate());
    let entries =
        vec![admission_entry(run, "first"), finished(run, "one"), admission_entry(run, "second")];
    store.append(Append::new(from, entries)).await.map_err(failed)?;
    let patch = SessionPatch { title: Some("origin".to_owned()), ..SessionPatch::default() };
    store.update_session(from, patch).await.map_err(failed)?;
    let into = SessionRecord::new(SessionId::generate(), at(50));
    let fork = Fork { from, up_to: 2, into: into.clone() };
    let forked = store.fork(fork.clone()).await.map_err(failed)?;
    ensure!(forked.title.as_deref() == Some("origin"), "a fork is called {:?}", forked.title);
    let copied = store.read(into.id, 0, 10).await.map_err(failed)?;
    let original = store.read(from, 0, 2).await.map_err(failed)?;
    ensure!(copied.iter().all(|entry| entry.session_id == into.id), "copies are of the other");
    ensure!(
        copied.iter().map(|entry| &entry.kind).eq(original.iter().map(|entry| &entry.kind)),
        "a fork begins with {copied:?}"
    );
    let next = Append::new(into.id, vec![admission_entry(RunId::generate(), "other")]);
    ensure!(store.append(next).await.map_err(failed)? == 3, "a fork does not go on at 3");
    ensure!(store.last_seq(from).await.map_err(failed)? == 3, "forking changed the original");
    let home = store.run(run).await.map_err(failed)?.map(|run| run.session_id);
    ensure!(home == Some(from), "a run moved to the fork: {home:?}");
    let again = store.fork(fork.clone()).await;
    ensure!(matches!(again, Err(StoreError::Conflict { .. })), "forking twice gave {again:?}");
    let beyond = Fork { up_to: 4, into: SessionRecord::new(SessionId::generate(), at(0)), ..fork };
    let beyond = store.fork(beyond).await;
    ensure!(matches!(beyond, Err(StoreError::NotFound { .. })), "forking beyond gave {beyond:?}");
    Ok(())
}

async fn imports_are_taken_over(store: &Shared) -> Verdict {
    let (ended, cut) = (RunId::generate(), RunId::generate());
    let session = SessionRecord::new(SessionId::generate(), at(20));
    let entries =
        vec![admission_entry(ended, "walrus"), finished(ended, "one"), admission_entry(cut, "two")];
    let imported = ImportedSession { session: session.clone(), entries };
    store.import(imported.clone()).await.map_err(failed)?;
    super::gapless(store, session.id).await?;
    ensure!(store.last_seq(session.id).await.map_err(failed)? == 3, "an import is not whole");
    let found = store.session(session.id).await.map_err(failed)?;
    ensure!(found.as_ref() == Some(&session), "an imported session is {found:?}");
    let filter = RunFilter { session_id: Some(session.id), ..RunFilter::default() };
    let runs = store.runs(filter, 10).await.map_err(failed)?.items;
    let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
    ensure!(ids == [ended], "the runs of an imported session are {ids:?}");
    let walrus = SessionQuery { text: Some("walrus".to_owned()), ..SessionQuery::default() };
    ensure!(listed(store, walrus).await? == [session.id], "an import is not found by its words");
    let again = store.import(imported).await;
    ensure!(matches!(again, Err(StoreError::Conflict { .. })), "importing twice gave {again:?}");
    Ok(())
}
