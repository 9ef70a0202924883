//! Memory: what is known of a user from one conversation to the next.
//!
//! The store keeps the facts ([`FactStore`]); each process keeps, of the users who searched last, what it
//! takes to find them: their words and their embeddings, a byte for a number. It asks the store before each
//! search what changed, so that another process's fact is found as soon as one's own. Without an
//! [`Embedder`], or while a fact has no embedding of its model, words are what it is found by, and
//! [`FoundFacts::note`] says so.

mod archive;
mod best;
mod embedder;
mod error;
mod extraction;
mod fill_in;
mod known_texts;
mod lexicon;
mod meaning;
mod notes;
mod recall;
mod remember;
mod report;
mod search;
mod secrecy;
mod shelf;
mod shelves;
mod sketches;
mod vectors;
mod words;
mod worth;

use std::fmt;
use std::sync::Arc;

use self::fill_in::Filling;
use self::meaning::Meaning;
use self::notes::Notes;
use self::shelves::Shelves;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::id::FactId;
use crate::id::UserId;
use crate::redaction::Redactor;
use crate::store::FactFilter;
use crate::store::FactRecord;
use crate::store::FactStore;
use crate::store::Page;
use crate::store::UsageLog;

pub use self::archive::FactImport;
pub use self::embedder::EmbedError;
pub use self::embedder::Embedder;
pub use self::embedder::EmbeddingPurpose;
pub use self::embedder::Embeddings;
pub use self::embedder::MAX_DIMENSIONS;
pub use self::error::EmbeddingFault;
pub use self::error::MemoryError;
pub use self::error::MemoryFault;
pub use self::extraction::ExtractionSettings;
pub use self::extraction::MemoryExtraction;
pub use self::recall::GroupRecall;
pub use self::recall::Recall;
pub use self::recall::RecallSettings;
pub use self::remember::FactUpdate;
pub use self::remember::NewFact;
pub use self::remember::Remembered;
pub use self::report::AgeGroup;
pub use self::report::MemoryReport;
pub use self::search::FactHit;
pub use self::search::FactQuery;
pub use self::search::FoundFacts;
pub use self::search::MAX_HITS;
pub use self::search::SearchMethod;

pub(crate) use self::extraction::ask_for_facts;
pub(crate) use self::recall::in_words;

/// How long the text of a fact may be, in bytes.
pub const MAX_FACT_BYTES: usize = 2000;
/// How long the text of a search may be, in bytes.
pub const MAX_QUERY_BYTES: usize = 2000;
/// How many current facts of a user are kept.
pub const MAX_FACTS: usize = 200_000;

/// What is known of users.
///
/// Cheap to clone; all clones are one. Dropping a returned future may leave its whole effect or none of it.
///
/// ```
/// use std::sync::Arc;
/// use livos_core::{FactQuery, Memory, MemoryStore, NewFact, UserId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), livos_core::MemoryError> {
/// let memory = Memory::builder(Arc::new(MemoryStore::new())).build();
/// memory.add(NewFact::told(UserId::owner(), "The user is allergic to peanuts.")).await?;
/// let found = memory.search(&FactQuery::new(UserId::owner(), "peanuts in the cake?")).await?;
/// assert_eq!(found.hits[0].fact.text, "The user is allergic to peanuts.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn FactStore>,
    meaning: Option<Meaning>,
    clock: Arc<dyn Clock>,
    settings: MemorySettings,
    redactor: Redactor,
    shelves: Shelves,
    notes: Notes,
    filling: Filling,
    /// Who holds it makes up for missing embeddings.
    filling_turn: tokio::sync::Mutex<()>,
}

/// From where on facts are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MemorySettings {
    /// From this similarity of embeddings on, two facts are one; 0.92 unless told otherwise.
    pub same: f32,
    /// What is less alike to a question is not found by what it means; 0.25 unless told otherwise.
    pub least_similarity: f32,
    /// What has less of those words of a question that any fact has, from 0 to 1, is not found by its words; 0.05
    /// unless told otherwise.
    pub least_wording: f32,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { same: 0.92, least_similarity: 0.25, least_wording: 0.05 }
    }
}

/// Makes a [`Memory`].
#[derive(Debug)]
pub struct MemoryBuilder {
    store: Arc<dyn FactStore>,
    embedder: Option<Arc<dyn Embedder>>,
    usage: Option<Arc<dyn UsageLog>>,
    clock: Arc<dyn Clock>,
    settings: MemorySettings,
    redactor: Redactor,
}

impl MemoryBuilder {
    /// Finds facts by what they mean as well. Without it, words must match.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Counts what embeddings take. Without it, nobody does.
    #[must_use]
    pub fn usage(mut self, log: Arc<dyn UsageLog>) -> Self {
        self.usage = Some(log);
        self
    }

    /// Uses another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Uses other thresholds than the usual.
    #[must_use]
    pub fn settings(mut self, settings: MemorySettings) -> Self {
        self.settings = settings;
        self
    }

    /// Refuses facts that have one of these secrets in them. Without it, only what looks like one is refused.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// The memory.
    pub fn build(self) -> Memory {
        let model = self.embedder.as_ref().map(|embedder| Arc::clone(embedder.model()));
        let meaning = |embedder| Meaning::new(embedder, Arc::clone(&self.clock));
        Memory(Arc::new(Inner {
            notes: Notes::new(Arc::clone(&self.store), self.usage),
            meaning: self.embedder.map(meaning),
            store: self.store,
            clock: self.clock,
            settings: self.settings,
            redactor: self.redactor,
            shelves: Shelves::new(model),
            filling: Filling::default(),
            filling_turn: tokio::sync::Mutex::default(),
        }))
    }
}

impl Memory {
    /// A memory in a store.
    pub fn builder(store: Arc<dyn FactStore>) -> MemoryBuilder {
        MemoryBuilder {
            store,
            embedder: None,
            usage: None,
            clock: Arc::new(SystemClock),
            settings: MemorySettings::default(),
            redactor: Redactor::new(),
        }
    }

    /// The embedding model, if there is one.
    pub fn embedding_model(&self) -> Option<&str> {
        self.0.meaning.as_ref().map(|meaning| &**meaning.model())
    }

    /// Remembers a fact, once: what says the same as a known one takes its place or changes nothing.
    ///
    /// # Errors
    /// When the fact cannot be kept as it is, or could not be written.
    pub async fn add(&self, new: NewFact) -> Result<Remembered, MemoryError> {
        self.0.add(new).await
    }

    /// Changes a fact.
    ///
    /// # Errors
    /// [`MemoryError::Unknown`] when the user has none of that id, or as [`add`](Self::add).
    pub async fn update(
        &self,
        user: &UserId,
        id: FactId,
        update: FactUpdate,
    ) -> Result<FactRecord, MemoryError> {
        self.flush().await;
        self.0.update(user, id, update).await
    }

    /// Finds facts, the best first, and notes that they were recalled; the note is written within a second,
    /// or by [`flush`](Self::flush).
    ///
    /// # Errors
    /// When the query is empty or too long, or the store cannot be read.
    pub async fn search(&self, query: &FactQuery) -> Result<FoundFacts, MemoryError> {
        let found = self.0.search(query).await?;
        let ids = found.hits.iter().map(|hit| hit.fact.id).collect();
        self.0.notes.recalled(&query.user, ids, self.0.clock.now());
        Ok(found)
    }

    /// Writes down what was recalled and what embeddings took, as far as it waits to be written. To be
    /// called before the program ends; who forgets loses the last second of these counts.
    pub async fn flush(&self) {
        self.0.notes.flush().await;
    }

    /// One fact of a user.
    ///
    /// # Errors
    /// [`MemoryError::Unknown`] when the user has none of that id, or when the store cannot be read.
    pub async fn get(&self, user: &UserId, id: FactId) -> Result<FactRecord, MemoryError> {
        self.flush().await;
        let found = self.0.store.facts_named(user, vec![id]).await?.pop();
        found.ok_or(MemoryError::Unknown(id))
    }

    /// Facts that fit the filter, newest first, without their embeddings.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        filter: FactFilter,
        limit: usize,
    ) -> Result<Page<FactRecord>, MemoryError> {
        self.flush().await;
        Ok(self.0.store.facts(filter, limit).await?)
    }

    /// Forgets a fact, with those it took the place of: nothing of their words is left in the store.
    ///
    /// # Errors
    /// [`MemoryError::Unknown`] when the user has none of that id, or when it could not be written.
    pub async fn forget(&self, user: &UserId, id: FactId) -> Result<FactRecord, MemoryError> {
        self.0.forget(user, id).await
    }

    /// How a user's memory is made up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn report(&self, user: &UserId) -> Result<MemoryReport, MemoryError> {
        self.flush().await;
        self.0.report(user).await
    }

    /// All current facts of a user as a file: JSON lines, the first of them says of what version. Embeddings
    /// are left out, as any model can make them again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn export(&self, user: &UserId) -> Result<String, MemoryError> {
        self.0.export(user).await
    }

    /// Takes over an exported file, as the user's own. What is known already is left as it is.
    ///
    /// # Errors
    /// When the file is not one that was exported here, or a fact in it cannot be kept; then none was.
    pub async fn import(&self, user: &UserId, file: &str) -> Result<FactImport, MemoryError> {
        self.0.import(user, file).await
    }

    /// Makes up for embeddings that are missing or of another model, some of them, and tells how many.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn fill_in(&self, user: &UserId) -> Result<usize, MemoryError> {
        self.0.fill_in(user).await
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("embedding_model", &self.embedding_model())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
