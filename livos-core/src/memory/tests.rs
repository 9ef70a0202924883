use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::FactKind;
use crate::store::FactVersions;
use crate::store::MemoryStore;
use crate::store::UsageGroup;
use crate::store::UsageQuery;
use crate::testing::ManualClock;

/// Texts of these words are alike; a letter each is a dimension.
#[derive(Debug)]
struct Letters {
    model: Arc<str>,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Away,
    /// Never.
    Silent,
    /// With so many dimensions.
    Wide(usize),
    /// With one dimension more each time.
    Wider,
}

impl Letters {
    fn new(model: &str) -> Arc<Self> {
        let mood = Mutex::new(Mood::Well);
        Arc::new(Self { model: model.into(), mood, asked: AtomicUsize::new(0) })
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Embedder for Letters {
    fn model(&self) -> &Arc<str> {
        &self.model
    }

    async fn embed(&self, texts: &[String], _: EmbeddingPurpose) -> Result<Embeddings, EmbedError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().unwrap();
        let dimensions = match mood {
            Mood::Well => 26,
            Mood::Wide(dimensions) => dimensions,
            Mood::Wider => 26 + asked,
            Mood::Silent => std::future::pending().await,
            Mood::Away => {
                let (model, message) = (self.model.to_string(), "it is away".to_owned());
                return Err(EmbedError::Unavailable { model, message });
            }
        };
        let letters = |text: &String| {
            let count = |letter| text.to_lowercase().matches(letter).count();
            let letters =
                ('a'..='z').map(|letter| f32::from(u16::try_from(count(letter)).unwrap()));
            letters.chain(std::iter::repeat(0.0)).take(dimensions).collect()
        };
        let values = texts.iter().map(letters).collect();
        let usage = Usage { input_tokens: 7, ..Usage::default() };
        Ok(Embeddings { values, usage, cost: Some(MicroUsd(3)) })
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
    embedder.becomes(Mood::Away);
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

/// The same letters as `plays the violin`, and no word of it.
const ANAGRAM: &str = "vinoil sylpa eht";

#[tokio::test]
async fn another_model_finds_by_meaning_at_once_what_no_word_leads_to() {
    let store = Arc::new(MemoryStore::new());
    let old = Memory::builder(Arc::clone(&store) as _).embedder(Letters::new("old")).build();
    old.add(told("plays the violin")).await.unwrap();
    let memory = Memory::builder(store).embedder(Letters::new("new")).build();
    assert_eq!(texts(&memory, ANAGRAM).await, ["plays the violin"]);
}

#[tokio::test]
async fn nothing_is_never_said_of_what_could_not_be_compared() {
    let store = Arc::new(MemoryStore::new());
    Memory::builder(Arc::clone(&store) as _).build().add(told("plays the violin")).await.unwrap();
    let embedder = Letters::new("l");
    let memory = Memory::builder(store).embedder(Arc::clone(&embedder) as _).build();
    // Known from before, so that the question has an embedding while the facts get none.
    memory.search(&FactQuery::new(ann(), "zzz")).await.unwrap();
    let fact = memory.list(FactFilter::current(ann()), 1).await.unwrap().items.remove(0);
    let text = Some("plays the violin well".to_owned());
    embedder.becomes(Mood::Away);
    memory.update(&ann(), fact.id, FactUpdate { text, ..FactUpdate::default() }).await.unwrap();
    let found = memory.search(&FactQuery::new(ann(), "zzz")).await.unwrap();
    assert!(found.hits.is_empty());
    let note = found.note.unwrap();
    assert!(
        note.starts_with("1 of 1 facts are still found by their words only; ask again"),
        "{note}"
    );
}

#[tokio::test]
async fn a_model_that_changes_its_size_starts_over_once() {
    let store = Arc::new(MemoryStore::new());
    let embedder = Letters::new("l");
    let memory = Memory::builder(store).embedder(Arc::clone(&embedder) as _).build();
    for text in ["plays the violin", "likes tea", "lives in Faro"] {
        memory.add(told(text)).await.unwrap();
    }
    embedder.becomes(Mood::Wide(40));
    assert_eq!(texts(&memory, ANAGRAM).await[0], "plays the violin");
    let asked = embedder.asked();
    assert_eq!(memory.fill_in(&ann()).await.unwrap(), 0);
    assert_eq!(
        (embedder.asked(), memory.report(&ann()).await.unwrap().without_embedding),
        (asked, 0)
    );
    // One that never fits is not asked for ever.
    embedder.becomes(Mood::Wider);
    memory.search(&FactQuery::new(ann(), "qqq")).await.unwrap();
    while memory.fill_in(&ann()).await.unwrap() > 0 {}
    assert!(embedder.asked() < asked + 10, "{}", embedder.asked());
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_silent_is_not_waited_for_twice() {
    let embedder = Letters::new("l");
    let clock = Arc::new(ManualClock::default());
    let memory = Memory::builder(Arc::new(MemoryStore::new()))
        .embedder(Arc::clone(&embedder) as _)
        .clock(Arc::clone(&clock) as _)
        .build();
    memory.add(told("likes tea")).await.unwrap();
    embedder.becomes(Mood::Silent);
    let began = tokio::time::Instant::now();
    for question in ["tea", "any tea"] {
        let found = memory.search(&FactQuery::new(ann(), question)).await.unwrap();
        assert_eq!((found.method, found.hits.len()), (SearchMethod::Lexical, 1));
        assert!(found.note.unwrap().contains("does not answer"));
    }
    assert!(began.elapsed() < Duration::from_secs(15));
    embedder.becomes(Mood::Well);
    clock.advance(Duration::from_secs(60));
    let found = memory.search(&FactQuery::new(ann(), "some tea")).await.unwrap();
    assert_eq!(found.method, SearchMethod::Hybrid);
}

#[tokio::test(start_paused = true)]
async fn recalls_and_what_embeddings_took_are_written_beside_and_once() {
    let store = Arc::new(MemoryStore::new());
    let embedder = Letters::new("acme/letters");
    let memory = Memory::builder(Arc::clone(&store) as _)
        .embedder(Arc::clone(&embedder) as _)
        .usage(Arc::clone(&store) as _)
        .build();
    let id = memory.add(told("likes tea")).await.unwrap().fact().id;
    memory.add(told("likes tea")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(texts(&memory, "tea").await.len(), 1);
    }
    // Once for the fact, once for the question.
    assert_eq!(embedder.asked(), 2);
    let recalls = async || store.facts_named(&ann(), vec![id]).await.unwrap()[0].recalls;
    assert_eq!(recalls().await, 0);
    // They are written together, and nobody has to ask for it.
    let written = async {
        while recalls().await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written).await.expect("written in the end");
    assert_eq!(recalls().await, 3);
    let query =
        UsageQuery { group_by: vec![UsageGroup::Purpose], limit: 9, ..UsageQuery::default() };
    let totals = store.usage(query).await.unwrap();
    let of = |total: &crate::store::UsageTotal| {
        (total.group.clone(), total.answered, total.usage.input_tokens, total.cost_micro_usd)
    };
    let expected = (vec!["embedding".to_owned()], 2, 14, MicroUsd(6));
    assert_eq!(totals.iter().map(of).collect::<Vec<_>>(), [expected]);
    // Who asks is told the newest.
    texts(&memory, "tea").await;
    assert_eq!(memory.get(&ann(), id).await.unwrap().recalls, 4);
}

#[tokio::test]
async fn a_failed_call_is_counted_and_so_is_one_that_gave_something_else() {
    #[derive(Debug)]
    struct Broken(Arc<str>);
    #[async_trait]
    impl Embedder for Broken {
        fn model(&self) -> &Arc<str> {
            &self.0
        }

        async fn embed(
            &self,
            texts: &[String],
            _: EmbeddingPurpose,
        ) -> Result<Embeddings, EmbedError> {
            Ok(texts.iter().map(|_| vec![1.0, f32::NAN]).collect::<Vec<_>>().into())
        }
    }
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _)
        .embedder(Arc::new(Broken("acme/broken".into())))
        .usage(Arc::clone(&store) as _)
        .build();
    memory.add(told("likes tea")).await.unwrap();
    let found = memory.search(&FactQuery::new(ann(), "tea")).await.unwrap();
    assert_eq!(found.hits.len(), 1);
    assert!(found.note.unwrap().contains("dimension 1 is no finite number"));
    memory.flush().await;
    let totals = store.usage(UsageQuery { limit: 9, ..UsageQuery::default() }).await.unwrap();
    assert_eq!((totals[0].discarded, totals[0].answered), (2, 0));
}

#[tokio::test]
async fn what_differs_in_a_number_is_not_left_out_as_the_same() {
    let memory = Memory::builder(Arc::new(MemoryStore::new())).embedder(Letters::new("l")).build();
    let file = r#"{"livos_memory":1}
{"text":"the flight to Geneva is TP 928"}
{"text":"the flight to Geneva is TP 932"}"#;
    memory.import(&ann(), file).await.unwrap();
    while memory.fill_in(&ann()).await.unwrap() > 0 {}
    assert_eq!(texts(&memory, "flights to Geneva").await.len(), 2);
}
