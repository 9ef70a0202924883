use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::store::FactKind;
use crate::store::FactVersions;
use crate::store::MemoryStore;
use crate::testing::ManualClock;

/// Texts of these words are alike; a letter each is a dimension.
#[derive(Debug)]
struct Letters {
    model: Arc<str>,
    fails: Mutex<bool>,
}

impl Letters {
    fn new(model: &str) -> Arc<Self> {
        Arc::new(Self { model: model.into(), fails: Mutex::new(false) })
    }
}

#[async_trait]
impl Embedder for Letters {
    fn model(&self) -> &Arc<str> {
        &self.model
    }

    async fn embed(
        &self,
        texts: &[String],
        _: EmbeddingPurpose,
    ) -> Result<Embeddings, EmbedError> {
        if *self.fails.lock().unwrap() {
            let (model, message) = (self.model.to_string(), "it is away".to_owned());
            return Err(EmbedError::Unavailable { model, message });
        }
        let letters = |text: &String| {
            let count = |letter| text.to_lowercase().matches(letter).count();
            ('a'..='z').map(|letter| f32::from(u16::try_from(count(letter)).unwrap())).collect()
        };
        Ok(texts.iter().map(letters).collect::<Vec<_>>().into())
    }
}

fn ann() -> UserId {
    UserId::from("ann")
}

fn told(text: &str) -> NewFact {
    NewFact::told(ann(), text)
}

fn plain() -> Memory {
    Memory::builder(Arc::new(MemoryStore::new())).build()
}

async fn texts(memory: &Memory, question: &str) -> Vec<String> {
    let found = memory.search(&FactQuery::new(ann(), question)).await.unwrap();
    found.hits.into_iter().map(|hit| hit.fact.text).collect()
}

#[tokio::test]
async fn words_find_without_an_embedding_model_and_it_is_said() {
    let memory = plain();
    memory.add(told("The user is allergic to peanuts.")).await.unwrap();
    memory.add(told("The user lives in Lisbon.")).await.unwrap();
    let found = memory.search(&FactQuery::new(ann(), "Any allergies? PEANUT?")).await.unwrap();
    assert_eq!(found.method, SearchMethod::Lexical);
    assert_eq!(found.hits.len(), 1);
    assert!(found.note.unwrap().contains("no embedding model"));
    assert!(texts(&memory, "What is the user's shoe size?").await.is_empty());
}

#[tokio::test]
async fn nothing_of_another_user_is_found_changed_or_forgotten() {
    let memory = plain();
    let fact = memory.add(told("likes tea")).await.unwrap().fact().clone();
    let bob = UserId::from("bob");
    let found = memory.search(&FactQuery::new(bob.clone(), "tea")).await.unwrap();
    assert!(found.hits.is_empty());
    assert!(matches!(memory.get(&bob, fact.id).await, Err(MemoryError::Unknown(_))));
    assert!(matches!(memory.forget(&bob, fact.id).await, Err(MemoryError::Unknown(_))));
    let update = FactUpdate { confidence: Some(1), ..FactUpdate::default() };
    assert!(matches!(memory.update(&bob, fact.id, update).await, Err(MemoryError::Unknown(_))));
    assert_eq!(texts(&memory, "tea").await, ["likes tea"]);
}

#[tokio::test]
async fn told_twice_is_stored_once_and_counts_as_new_again() {
    let clock = Arc::new(ManualClock::default());
    let memory =
        Memory::builder(Arc::new(MemoryStore::new())).clock(Arc::clone(&clock) as _).build();
    let first = memory.add(told("Likes green tea.")).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let again = memory.add(told("likes GREEN tea")).await.unwrap();
    assert!(matches!(again, Remembered::Known(_)));
    assert_eq!(again.fact().id, first.fact().id);
    assert!(again.fact().updated_at > first.fact().updated_at);
    assert_eq!(memory.report(&ann()).await.unwrap().facts, 1);
}

#[tokio::test]
async fn told_at_once_by_many_is_stored_once() {
    let memory = plain();
    let adds = (0..20).map(|_| memory.add(told("likes tea")));
    let outcomes = futures::future::join_all(adds).await;
    let added = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Remembered::Added(_))));
    assert_eq!(added.count(), 1);
    assert!(outcomes.iter().all(Result::is_ok));
}

#[tokio::test]
async fn what_contradicts_takes_the_place_and_the_old_is_kept() {
    let memory = Memory::builder(Arc::new(MemoryStore::new())).embedder(Letters::new("l")).build();
    let old = memory.add(told("the database listens on port 3000")).await.unwrap();
    let new = memory.add(told("the database listens on port 3001")).await.unwrap();
    let Remembered::Replaced { fact, old: before } = new else { panic!("{new:?}") };
    assert_eq!(before.id, old.fact().id);
    assert_eq!(fact.supersedes, Some(before.id));
    assert_eq!(texts(&memory, "which port?").await, ["the database listens on port 3001"]);
    let filter = FactFilter { versions: FactVersions::All, ..FactFilter::current(ann()) };
    assert_eq!(memory.list(filter.clone(), 10).await.unwrap().items.len(), 2);
    // What was denied is not said again by what affirms it.
    memory.add(told("does not like strawberry marmalade")).await.unwrap();
    let affirmed = memory.add(told("does like strawberry marmalade")).await.unwrap();
    assert!(matches!(affirmed, Remembered::Replaced { .. }), "{affirmed:?}");
    // Forgetting leaves nothing behind.
    memory.forget(&ann(), fact.id).await.unwrap();
    assert_eq!(memory.list(filter, 10).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_name_and_nothing_stays() {
    let memory = plain();
    let long = "x".repeat(1_000_000);
    let cases = [
        (told(&long), "text: has 1000000 bytes; 2000 are the most"),
        (told(" ?! "), "text: must say something"),
        (told("my password is hunter2"), "text: has what looks like a password"),
        (NewFact { confidence: 101, ..told("a") }, "confidence: must be from 0 to 100"),
        (
            NewFact { expires_at: Some(crate::Timestamp::from_unix_micros(1)), ..told("a") },
            "expires_at: has passed",
        ),
    ];
    for (fact, expected) in cases {
        let refused = memory.add(fact).await.unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }
    let question = FactQuery::new(ann(), "x".repeat(10_000));
    let refused = memory.search(&question).await.unwrap_err().to_string();
    assert_eq!(refused, "query: has 10000 bytes; 2000 are the most");
    assert_eq!(memory.report(&ann()).await.unwrap().facts, 0);
}

#[test]
fn an_embedding_of_no_numbers_is_refused() {
    use crate::store::Embedding;
    let dimension = 1;
    let faults = [
        (vec![1.0, f32::NAN], EmbeddingFault::NotFinite { dimension }),
        (vec![0.0, 0.0], EmbeddingFault::NotFinite { dimension: 0 }),
        (vec![], EmbeddingFault::Size { found: 0, limit: MAX_DIMENSIONS }),
    ];
    for (values, fault) in faults {
        assert_eq!(Embedding::new("m", &values), Err(fault));
    }
}

#[tokio::test]
async fn another_model_finds_by_words_until_it_has_caught_up() {
    let store = Arc::new(MemoryStore::new());
    let old = Memory::builder(Arc::clone(&store) as _).embedder(Letters::new("old")).build();
    old.add(told("plays the violin")).await.unwrap();
    let memory = Memory::builder(store).embedder(Letters::new("new")).build();
    let found = memory.search(&FactQuery::new(ann(), "violin")).await.unwrap();
    assert_eq!(found.hits.len(), 1);
    assert!(found.note.unwrap().starts_with("1 of 1 facts are still found by their words"));
    while memory.report(&ann()).await.unwrap().without_embedding > 0 {
        tokio::task::yield_now().await;
    }
    let found = memory.search(&FactQuery::new(ann(), "violins played")).await.unwrap();
    assert_eq!((found.note, found.hits.len()), (None, 1));
}

#[tokio::test]
async fn an_embedder_that_is_away_costs_nothing_but_meaning() {
    let embedder = Letters::new("l");
    *embedder.fails.lock().unwrap() = true;
    let memory =
        Memory::builder(Arc::new(MemoryStore::new())).embedder(Arc::clone(&embedder) as _).build();
    memory.add(told("likes tea")).await.unwrap();
    let found = memory.search(&FactQuery::new(ann(), "tea")).await.unwrap();
    assert_eq!((found.method, found.hits.len()), (SearchMethod::Lexical, 1));
    assert!(found.note.unwrap().contains("it is away"));
}

#[tokio::test]
async fn of_two_that_fit_the_newer_comes_first_and_what_expired_not_at_all() {
    let clock = Arc::new(ManualClock::default());
    let memory =
        Memory::builder(Arc::new(MemoryStore::new())).clock(Arc::clone(&clock) as _).build();
    let day = Duration::from_secs(24 * 60 * 60);
    memory.add(told("meeting about violets on Monday")).await.unwrap();
    clock.advance(day * 90);
    let soon = Some(clock.now().saturating_add(day));
    memory
        .add(NewFact { expires_at: soon, ..told("meeting about tulips on Friday") })
        .await
        .unwrap();
    assert_eq!(texts(&memory, "meeting").await.first().unwrap(), "meeting about tulips on Friday");
    clock.advance(day * 2);
    assert_eq!(texts(&memory, "meeting").await, ["meeting about violets on Monday"]);
}

#[tokio::test]
async fn an_export_is_taken_back_once_and_another_file_not_at_all() {
    let memory = plain();
    memory.add(NewFact { kind: FactKind::Preference, ..told("likes tea") }).await.unwrap();
    memory.add(told("lives in Porto")).await.unwrap();
    let file = memory.export(&ann()).await.unwrap();
    let bob = UserId::from("bob");
    let first = memory.import(&bob, &file).await.unwrap();
    assert_eq!((first.added, first.known), (2, 0));
    let again = memory.import(&bob, &file).await.unwrap();
    assert_eq!((again.added, again.known), (0, 2));
    assert_eq!(memory.export(&bob).await.unwrap(), file);
    let carol = UserId::from("carol");
    let cases = [
        ("", "archive: line 1: is not"),
        ("{\"livos_memory\":2}\n", "archive: line 1: has version 2; this program reads version 1"),
        ("{\"livos_memory\":1}\n{\"text\":\"a\"}\n{\"text\":7}\n", "archive: line 3: invalid type"),
        (
            "{\"livos_memory\":1}\n{\"text\":\"a\"}\n{\"text\":\"\"}\n",
            "archive: line 3: text: must",
        ),
    ];
    for (file, expected) in cases {
        let refused = memory.import(&carol, file).await.unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }
    assert_eq!(memory.report(&carol).await.unwrap().facts, 0);
}
