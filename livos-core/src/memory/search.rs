//! Finding facts: by their words, by what they mean, and by how new they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::MAX_QUERY_BYTES;
use super::error::MemoryError;
use super::error::MemoryFault;
use super::shelf::Candidate;
use super::shelf::Shelf;
use super::shelf::Wanted;
use super::shelves::UserShelf;
use super::shelves::aside;
use super::words::denies;
use super::words::numbers;
use super::words::terms;
use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::Embedding;
use crate::store::FactKind;
use crate::store::FactRecord;
use crate::store::StoreError;

/// After this time a fact counts half as new.
const HALF_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How much it counts that a fact fits.
const RELEVANCE: f64 = 0.7;
/// How much it counts that a fact is new.
const RECENCY: f64 = 0.3;
/// What is added to a rank before ranks are put together: how little the first places stand out.
const RANK_OFFSET: f64 = 10.0;
/// How much a place among those that fit by words counts beside one by meaning, if all words fit; by the
/// square of their part, so that a common word in passing counts for nothing.
const WORDING: f64 = 2.0;
/// How many candidates of each list are looked at more closely.
const CANDIDATES: usize = 64;
/// The most hits of one search.
pub const MAX_HITS: usize = 50;
/// From here on two facts say the same to a reader.
const SAME: f32 = 0.95;
/// How long a search that would find nothing waits for missing embeddings to be made up for.
const PATIENCE: Duration = Duration::from_secs(5);
/// From this many facts on, looking through them is no work for a thread that serves others.
const MANY: usize = 2000;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactQuery {
    /// Whose facts.
    pub user: UserId,
    /// What they are to be about.
    pub text: String,
    /// Only those of this kind.
    pub kind: Option<FactKind>,
    /// How many at most; 1 to [`MAX_HITS`].
    pub limit: usize,
    /// How long the embedding model may take for the text; after that, words must match. As long as it likes,
    /// where absent.
    pub patience: Option<Duration>,
}

impl FactQuery {
    /// The five facts of a user that fit best.
    pub fn new(user: UserId, text: impl Into<String>) -> Self {
        Self { user, text: text.into(), kind: None, limit: 5, patience: None }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFacts {
    /// The facts, the best first.
    pub hits: Vec<FactHit>,
    /// How they were looked for.
    pub method: SearchMethod,
    /// Why not everything was looked at in every way, in words.
    pub note: Option<String>,
}

/// A fact that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FactHit {
    /// The fact.
    pub fact: FactRecord,
    /// How well it fits and how new it is, from 0 to 1.
    pub score: f64,
    /// How alike in meaning it is to what was looked for, a cosine; 0 where that was not told.
    pub similarity: f32,
    /// How well its words fit, from 0 to 1; 0 where none do.
    pub wording: f32,
}

/// How facts were looked for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SearchMethod {
    /// By their words and by what they mean.
    Hybrid,
    /// By their words.
    Lexical,
}

impl Inner {
    pub(super) async fn search(
        self: &Arc<Self>,
        query: &FactQuery,
    ) -> Result<FoundFacts, MemoryError> {
        check(query)?;
        let shelf = self.shelves.fresh(self.store.as_ref(), &query.user).await?;
        if shelf.read(Shelf::len) == 0 {
            let method = SearchMethod::Lexical;
            return Ok(FoundFacts { hits: Vec::new(), method, note: None });
        }
        let (embedding, mut note) = self.embedded_query(query).await;
        let method = match embedding {
            Some(_) => SearchMethod::Hybrid,
            None => SearchMethod::Lexical,
        };
        if let Some(embedding) = &embedding {
            shelf.fit(embedding.values.len());
        }
        let mut hits = self.hits(&shelf, query, embedding.as_ref()).await?;
        if embedding.is_some() && shelf.read(Shelf::bare_count) > 0 {
            // Of what cannot be compared yet, nobody can say that it does not fit.
            let patience = query.patience.unwrap_or(PATIENCE);
            if hits.is_empty() && self.fill_in_within(&query.user, patience).await {
                let shelf = self.shelves.fresh(self.store.as_ref(), &query.user).await?;
                hits = self.hits(&shelf, query, embedding.as_ref()).await?;
            }
            note = self.remark_on_bare(&query.user, &shelf);
        }
        Ok(FoundFacts { hits, method, note })
    }

    async fn hits(
        &self,
        shelf: &Arc<UserShelf>,
        query: &FactQuery,
        embedding: Option<&Embedding>,
    ) -> Result<Vec<FactHit>, MemoryError> {
        let now = self.clock.now();
        let wanted = Wanted {
            kind: query.kind,
            now,
            least_similarity: self.settings.least_similarity,
            least_wording: self.settings.least_wording,
            most: CANDIDATES,
        };
        let (shelf, text) = (Arc::clone(shelf), query.text.clone());
        let candidates = look(shelf, text, embedding.cloned(), wanted).await?;
        let ids = candidates.iter().map(|candidate| candidate.id).collect();
        let facts = self.store.facts_named(&query.user, ids).await?;
        Ok(different(rank(candidates, facts, embedding, now), query.limit))
    }

    /// What is to be said of facts that have no embedding of the model, for which it is made up now.
    fn remark_on_bare(self: &Arc<Self>, user: &UserId, shelf: &UserShelf) -> Option<String> {
        let (known, bare) = shelf.read(|shelf| (shelf.len(), shelf.bare_count()));
        if bare == 0 {
            return None;
        }
        self.fill_in_later(user);
        Some(format!(
            "{bare} of {known} facts are still found by their words only; ask again in a moment"
        ))
    }

    /// The query's embedding, or why there is none.
    async fn embedded_query(&self, query: &FactQuery) -> (Option<Embedding>, Option<String>) {
        let Some(meaning) = &self.meaning else {
            return (None, Some("no embedding model is set, so words must match".to_owned()));
        };
        let asked = meaning.of_question((&query.user, &self.notes), &query.text, query.patience);
        match asked.await {
            Ok(embedding) => (Some(embedding), None),
            Err(error) => {
                tracing::warn!(%error, "memories are looked for by their words only");
                (None, Some(format!("words must match, because {error}")))
            }
        }
    }
}

/// Looks through a shelf, where it holds nobody up.
pub(super) async fn look(
    shelf: Arc<UserShelf>,
    question: String,
    embedding: Option<Embedding>,
    wanted: Wanted,
) -> Result<Vec<Candidate>, StoreError> {
    let is_work = shelf.read(Shelf::len) > MANY;
    let look = move || shelf.read(|shelf| shelf.candidates(&question, embedding.as_ref(), wanted));
    match is_work {
        true => aside(look).await,
        false => Ok(look()),
    }
}

fn check(query: &FactQuery) -> Result<(), MemoryFault> {
    let length = query.text.len();
    if length > MAX_QUERY_BYTES {
        return Err(MemoryFault::TooLong { field: "query", length, limit: MAX_QUERY_BYTES });
    }
    if !query.text.chars().any(char::is_alphanumeric) {
        return Err(MemoryFault::Empty { field: "query" });
    }
    if query.limit == 0 || query.limit > MAX_HITS {
        let expected = format!("must be from 1 to {MAX_HITS}");
        return Err(MemoryFault::OutOfBounds { field: "limit", expected });
    }
    Ok(())
}

/// Puts both lists together (reciprocal rank fusion, weighted by how much of the question the words are), and
/// new before old.
fn rank(
    candidates: Vec<Candidate>,
    facts: Vec<FactRecord>,
    question: Option<&Embedding>,
    now: Timestamp,
) -> Vec<FactHit> {
    let mut facts: HashMap<FactId, FactRecord> =
        facts.into_iter().filter(FactRecord::is_current).map(|fact| (fact.id, fact)).collect();
    let mut exact: Vec<Candidate> = candidates;
    exact.retain(|candidate| facts.contains_key(&candidate.id));
    for candidate in &mut exact {
        let own = facts.get(&candidate.id).and_then(|fact| fact.embedding.as_ref());
        if let (Some(own), Some(question)) = (own, question) {
            candidate.similarity = own.similarity(question);
        }
    }
    let mut fused: HashMap<FactId, f64> = HashMap::new();
    let by_meaning = |of: &Candidate| (of.similarity, 1.0);
    let by_words = |of: &Candidate| (of.wording, WORDING * f64::from(of.wording).powi(2));
    for part in [by_meaning as fn(&Candidate) -> (f32, f64), by_words] {
        exact.sort_by(|left, right| {
            part(right).0.total_cmp(&part(left).0).then(left.id.cmp(&right.id))
        });
        let mut place = RANK_OFFSET;
        for candidate in exact.iter().filter(|candidate| part(candidate).0 > 0.0) {
            place += 1.0;
            *fused.entry(candidate.id).or_default() += part(candidate).1 / place;
        }
    }
    let best = fused.values().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut hits: Vec<FactHit> = exact
        .into_iter()
        .filter_map(|Candidate { id, similarity, wording }| {
            let (fact, fused) = (facts.remove(&id)?, fused.get(&id)?);
            let age = now.since(fact.updated_at).as_secs_f64() / HALF_LIFE.as_secs_f64();
            let score = RELEVANCE * fused / best + RECENCY * 0.5_f64.powf(age);
            Some(FactHit { fact, score, similarity, wording })
        })
        .collect();
    hits.sort_by(|left, right| {
        right.score.total_cmp(&left.score).then(right.fact.id.cmp(&left.fact.id))
    });
    hits
}

/// The first of them that do not say again what one before says.
fn different(hits: Vec<FactHit>, limit: usize) -> Vec<FactHit> {
    let mut chosen: Vec<(FactHit, Vec<String>)> = Vec::with_capacity(limit);
    for hit in hits {
        if chosen.len() == limit {
            break;
        }
        let mut words = terms(&hit.fact.text);
        words.sort_unstable();
        words.dedup();
        let is_known = chosen.iter().any(|(other, others)| {
            (!words.is_empty() && words == *others) || say_the_same(&hit.fact, &other.fact)
        });
        if !is_known {
            chosen.push((hit, words));
        }
    }
    chosen.into_iter().map(|(hit, _)| hit).collect()
}

/// Whether two facts mean the same. Models find texts alike that differ in a number or a "not".
fn say_the_same(left: &FactRecord, right: &FactRecord) -> bool {
    let (Some(one), Some(other)) = (&left.embedding, &right.embedding) else { return false };
    one.similarity(other) >= SAME
        && numbers(&left.text) == numbers(&right.text)
        && denies(&left.text) == denies(&right.text)
}
