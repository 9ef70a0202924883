//! What is remembered is one user's, once, and forgotten wholly.

use super::Shared;
use super::Verdict;
use super::at;
use super::failed;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::Embedding;
use crate::store::FactChange;
use crate::store::FactFilter;
use crate::store::FactKind;
use crate::store::FactRecord;
use crate::store::FactSource;
use crate::store::FactVersions;
use crate::store::FactsWritten;
use crate::store::StoreError;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_fact_is_kept(&empty().await).await?;
    a_key_is_kept_once(&empty().await).await?;
    the_old_stays_behind_the_new(&empty().await).await?;
    a_change_is_whole(&empty().await).await?;
    nobody_sees_anothers(&empty().await).await?;
    changes_are_told_in_order(&empty().await).await?;
    recalls_are_counted(&empty().await).await
}

fn user() -> UserId {
    // A name may look like a key of the store's own.
    UserId::from("keys:ann")
}

fn fact(user: &UserId, text: &str) -> FactRecord {
    FactRecord {
        id: FactId::generate(),
        user: user.clone(),
        version: 1,
        text: text.to_owned(),
        key: text.to_lowercase(),
        kind: FactKind::Preference,
        confidence: 80,
        source: FactSource::Told,
        session_id: None,
        run_id: None,
        embedding: Some(Embedding { model: "tiny".into(), values: [0.6, -0.8].into() }),
        supersedes: None,
        superseded_by: None,
        expires_at: Some(at(900)),
        created_at: at(1),
        updated_at: at(2),
        recalled_at: None,
        recalls: 0,
    }
}

async fn change(
    store: &Shared,
    user: &UserId,
    puts: &[&FactRecord],
    removes: &[FactId],
) -> Result<FactsWritten, StoreError> {
    let puts = puts.iter().map(|fact| (*fact).clone()).collect();
    store.change_facts(FactChange { user: user.clone(), puts, removes: removes.to_vec() }).await
}

async fn add(store: &Shared, user: &UserId, text: &str) -> Result<FactRecord, String> {
    let fact = fact(user, text);
    let written = change(store, user, &[&fact], &[]).await.map_err(failed)?;
    ensure!(written == FactsWritten::Done { removed: 0 }, "adding a fact gives {written:?}");
    Ok(fact)
}

async fn named(store: &Shared, user: &UserId, id: FactId) -> Result<Option<FactRecord>, String> {
    Ok(store.facts_named(user, vec![id]).await.map_err(failed)?.pop())
}

async fn a_fact_is_kept(store: &Shared) -> Verdict {
    let user = user();
    let first = add(store, &user, "likes tea").await?;
    let second = add(store, &user, "lives in Porto").await?;
    let found = named(store, &user, first.id).await?;
    ensure!(found.as_ref() == Some(&first), "a fact reads back as {found:?}");
    let page = store.facts(FactFilter::current(user.clone()), 1).await.map_err(failed)?;
    let bare = FactRecord { embedding: None, ..second };
    ensure!(
        page.has_more && page.items == [bare],
        "the newest fact must be listed first, without its embedding: {page:?}"
    );
    let filter = FactFilter { kind: Some(FactKind::Event), ..FactFilter::current(user) };
    let none = store.facts(filter, 10).await.map_err(failed)?;
    ensure!(none.items.is_empty(), "facts of another kind are listed: {none:?}");
    Ok(())
}

async fn a_key_is_kept_once(store: &Shared) -> Verdict {
    let user = user();
    let known = add(store, &user, "likes tea").await?;
    let again = fact(&user, "Likes tea");
    let written = change(store, &user, &[&again], &[]).await.map_err(failed)?;
    ensure!(written == FactsWritten::Known(known.id), "a key that is known gives {written:?}");
    let other = UserId::from("bob");
    add(store, &other, "likes tea").await?;
    // A key that was given up is free.
    let written = change(store, &user, &[&again], &[known.id]).await.map_err(failed)?;
    ensure!(written == FactsWritten::Done { removed: 1 }, "a free key gives {written:?}");
    Ok(())
}

async fn the_old_stays_behind_the_new(store: &Shared) -> Verdict {
    let user = user();
    let mut old = add(store, &user, "lives in Porto").await?;
    let new = FactRecord { supersedes: Some(old.id), ..fact(&user, "lives in Faro") };
    (old.version, old.superseded_by) = (2, Some(new.id));
    change(store, &user, &[&old, &new], &[]).await.map_err(failed)?;
    let current = store.facts(FactFilter::current(user.clone()), 10).await.map_err(failed)?;
    let ids: Vec<FactId> = current.items.iter().map(|fact| fact.id).collect();
    ensure!(ids == [new.id], "the current facts are {ids:?}");
    let filter = FactFilter { versions: FactVersions::All, ..FactFilter::current(user.clone()) };
    let all = store.facts(filter, 10).await.map_err(failed)?;
    ensure!(all.items.len() == 2, "of all versions there are {}", all.items.len());
    // What was true once may become true again.
    add(store, &user, "lives in Porto").await?;
    Ok(())
}

async fn a_change_is_whole(store: &Shared) -> Verdict {
    let user = user();
    let mut known = add(store, &user, "likes tea").await?;
    let new = fact(&user, "likes coffee");
    let stale = FactRecord { version: 5, ..known.clone() };
    let refused = change(store, &user, &[&new, &stale], &[]).await;
    ensure!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "a version that does not follow gives {refused:?}"
    );
    ensure!(named(store, &user, new.id).await?.is_none(), "a refused change left a fact behind");
    known.version = 2;
    let again = fact(&user, "likes tea");
    (known.key, known.text) = ("likes milk".to_owned(), "likes milk".to_owned());
    let written = change(store, &user, &[&again, &known], &[]).await.map_err(failed)?;
    ensure!(
        written == FactsWritten::Done { removed: 0 },
        "a key that the same change gives up is free, but: {written:?}"
    );
    Ok(())
}

async fn nobody_sees_anothers(store: &Shared) -> Verdict {
    let (ann, bob) = (user(), UserId::from("bob"));
    let hers = add(store, &ann, "likes tea").await?;
    ensure!(named(store, &bob, hers.id).await?.is_none(), "another user's fact is given by its id");
    let removed = change(store, &bob, &[], &[hers.id]).await.map_err(failed)?;
    ensure!(
        removed == FactsWritten::Done { removed: 0 },
        "another user's fact is removed: {removed:?}"
    );
    store.recall_facts(&bob, vec![hers.id], at(3)).await.map_err(failed)?;
    let found = named(store, &ann, hers.id).await?;
    ensure!(found == Some(hers), "another user changed a fact: {found:?}");
    let listed = store.facts(FactFilter::current(bob.clone()), 10).await.map_err(failed)?;
    let changes = store.fact_changes(&bob, 0, 10).await.map_err(failed)?;
    ensure!(listed.items.is_empty() && changes.is_empty(), "another user's facts are listed");
    Ok(())
}

async fn changes_are_told_in_order(store: &Shared) -> Verdict {
    let user = user();
    let first = add(store, &user, "one").await?;
    let second = add(store, &user, "two").await?;
    let (third, fourth) = (fact(&user, "three"), fact(&user, "four"));
    change(store, &user, &[&third, &fourth], &[first.id]).await.map_err(failed)?;
    let changes = store.fact_changes(&user, 0, 1).await.map_err(failed)?;
    let ids: Vec<FactId> = changes.iter().map(|change| change.id).collect();
    ensure!(ids == [second.id], "the first change is of {ids:?}");
    let after = changes.last().map_or(0, |change| change.revision);
    let changes = store.fact_changes(&user, after, 1).await.map_err(failed)?;
    ensure!(changes.len() == 3, "a revision of 3 facts gives {}", changes.len());
    let gone = changes.iter().find(|change| change.id == first.id);
    ensure!(gone.is_some_and(|change| change.fact.is_none()), "a removed fact is told as {gone:?}");
    let there = changes.iter().find(|change| change.id == third.id);
    ensure!(
        there.is_some_and(|change| change.fact.as_ref() == Some(&third)),
        "a new fact is told as {there:?}"
    );
    let after = changes.last().map_or(0, |change| change.revision);
    let none = store.fact_changes(&user, after, 9).await.map_err(failed)?;
    ensure!(none.is_empty(), "what is known is told again: {none:?}");
    Ok(())
}

async fn recalls_are_counted(store: &Shared) -> Verdict {
    let user = user();
    let mut known = add(store, &user, "likes tea").await?;
    let before = store.fact_changes(&user, 0, 9).await.map_err(failed)?;
    for second in [5, 6] {
        let ids = vec![known.id, FactId::generate(), known.id];
        store.recall_facts(&user, ids, at(second)).await.map_err(failed)?;
    }
    let after = store.fact_changes(&user, 0, 9).await.map_err(failed)?;
    let revisions = |changes: &[crate::store::ChangedFact]| {
        changes.iter().map(|change| change.revision).collect::<Vec<_>>()
    };
    ensure!(revisions(&before) == revisions(&after), "a recall is no change of a fact");
    known.version = 2;
    change(store, &user, &[&known], &[]).await.map_err(failed)?;
    let found = named(store, &user, known.id).await?;
    let found = found.map(|fact| (fact.recalls, fact.recalled_at));
    ensure!(found == Some((4, Some(at(6)))), "of four recalls there is {found:?}");
    Ok(())
}
