//! What is known of a user's facts in this process: enough to find them by.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use super::best::best;
use super::lexicon::Lexicon;
use super::vectors::Vectors;
use crate::clock::Timestamp;
use crate::id::FactId;
use crate::store::ChangedFact;
use crate::store::Embedding;
use crate::store::FactKind;

/// The current facts of a user, as far as a revision.
#[derive(Debug)]
pub(super) struct Shelf {
    revision: u64,
    rows: Vec<Row>,
    places: HashMap<FactId, usize>,
    lexicon: Lexicon,
    vectors: Vectors,
    /// Those that have no embedding of the model.
    bare: BTreeSet<FactId>,
    has_model: bool,
}

/// What a row's fact is worth without its text.
#[derive(Debug)]
struct Row {
    id: FactId,
    kind: FactKind,
    expires_at: Option<Timestamp>,
    /// Whether the fact is still so; rows are not moved.
    stands: bool,
}

/// A fact that may be what is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: FactId,
    /// How alike it is to the question, roughly; 0 when it does not compare.
    pub(super) similarity: f32,
    /// How well its words fit.
    pub(super) wording: f32,
}

/// What a candidate must reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) kind: Option<FactKind>,
    pub(super) now: Timestamp,
    pub(super) least_similarity: f32,
    pub(super) least_wording: f32,
    /// How many of each list.
    pub(super) most: usize,
}

impl Shelf {
    /// Nothing yet. The model is the one whose embeddings are compared.
    pub(super) fn empty(model: Option<Arc<str>>) -> Self {
        Self {
            revision: 0,
            rows: Vec::new(),
            places: HashMap::new(),
            lexicon: Lexicon::default(),
            has_model: model.is_some(),
            vectors: Vectors::of(model),
            bare: BTreeSet::new(),
        }
    }

    /// Up to where it has seen changes.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// How many facts there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Some of those without an embedding of the model.
    pub(super) fn bare(&self, most: usize) -> Vec<FactId> {
        self.bare.iter().take(most).copied().collect()
    }

    /// How many have no embedding of the model.
    pub(super) fn bare_count(&self) -> usize {
        self.bare.len()
    }

    /// Whether so many rows are of facts that changed since that it is better made anew.
    pub(super) fn is_worn(&self) -> bool {
        let gone = self.rows.len().saturating_sub(self.places.len());
        gone > 1000 && gone > self.places.len()
    }

    pub(super) fn apply(&mut self, changes: Vec<ChangedFact>) {
        for ChangedFact { revision, id, fact } in changes {
            self.revision = self.revision.max(revision);
            if let Some(row) = self.places.remove(&id).and_then(|place| self.rows.get_mut(place)) {
                row.stands = false;
            }
            self.bare.remove(&id);
            let Some(fact) = fact.filter(crate::store::FactRecord::is_current) else { continue };
            self.places.insert(id, self.rows.len());
            self.rows.push(Row { id, kind: fact.kind, expires_at: fact.expires_at, stands: true });
            self.lexicon.push(&fact.text);
            if !self.vectors.push(fact.embedding.as_ref()) && self.has_model {
                self.bare.insert(id);
            }
        }
    }

    /// How many dimensions the embeddings on it have; 0 while there are none.
    pub(super) fn dimensions(&self) -> usize {
        self.vectors.dimensions()
    }

    /// The model makes embeddings of another size now: those on the shelf are as good as none.
    pub(super) fn start_over(&mut self, dimensions: usize) {
        self.vectors.start_over(dimensions);
        self.bare = self.places.keys().copied().collect();
    }

    /// How much memory it takes, in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        // With its place, a row takes about 32 bytes more than itself.
        let rows = self.rows.len() * (size_of::<Row>() + 32);
        rows + self.lexicon.bytes() + self.vectors.bytes()
    }

    /// The facts whose words fit best and those that are most alike, each at most once.
    pub(super) fn candidates(
        &self,
        question: &str,
        embedding: Option<&Embedding>,
        wanted: Wanted,
    ) -> Vec<Candidate> {
        let fits = |place: usize| {
            self.rows.get(place).is_some_and(|row| {
                row.stands
                    && row.expires_at.is_none_or(|end| end > wanted.now)
                    && wanted.kind.is_none_or(|kind| kind == row.kind)
            })
        };
        let worded = self.lexicon.wording(question);
        // A long question has many words that no fact has: they do not hide the facts that have the others.
        let least_wording = (wanted.least_wording * worded.known).max(f32::MIN_POSITIVE);
        let by_words = worded.scores.iter().copied().enumerate();
        let by_words = best(
            by_words.filter(|(place, score)| *score >= least_wording && fits(*place)),
            wanted.most,
        );
        let by_meaning = embedding.map(|embedding| {
            self.vectors.nearest(embedding, (wanted.least_similarity, wanted.most), fits)
        });
        let mut found: HashMap<usize, f32> = by_meaning.unwrap_or_default().into_iter().collect();
        for (place, _) in by_words {
            found.entry(place).or_default();
        }
        let candidate = |(place, similarity): (usize, f32)| {
            let wording = worded.scores.get(place).copied().unwrap_or_default();
            Some(Candidate { id: self.rows.get(place)?.id, similarity, wording })
        };
        found.into_iter().filter_map(candidate).collect()
    }
}
