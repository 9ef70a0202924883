//! Finding facts: by their words, by what they mean, and by how new they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::MAX_QUERY_BYTES;
use super::embedder::EmbedError;
use super::embedder::EmbeddingPurpose;
use super::embedder::embed;
use super::error::MemoryError;
use super::error::MemoryFault;
use super::shelf::Candidate;
use super::shelf::Wanted;
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
const RANK_OFFSET: f64 = 20.0;
/// How many candidates of each list are looked at more closely.
const CANDIDATES: usize = 64;
/// The most hits of one search.
pub const MAX_HITS: usize = 50;
/// From here on two facts say the same to a reader.
const SAME: f32 = 0.95;
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
        let (known, bare) = shelf.read(|shelf| (shelf.len(), shelf.bare_count()));
        let empty = FoundFacts { hits: Vec::new(), method: SearchMethod::Lexical, note: None };
        if known == 0 {
            return Ok(empty);
        }
        let (embedding, mut note) = self.embedded_query(&query.text, query.patience).await;
        if bare > 0 && embedding.is_some() {
            note = Some(format!("{bare} of {known} facts are still found by their words only"));
            self.fill_in_later(&query.user);
        }
        let now = self.clock.now();
        let wanted = Wanted {
            kind: query.kind,
            now,
            least_similarity: self.settings.least_similarity,
            least_wording: self.settings.least_wording,
            most: CANDIDATES,
        };
        let (text, question) = (query.text.clone(), embedding.clone());
        let look = move || shelf.read(|shelf| shelf.candidates(&text, question.as_ref(), wanted));
        let candidates = match known > MANY {
            true => match tokio::task::spawn_blocking(look).await {
                Ok(candidates) => candidates,
                // Nothing found is another thing than a search that broke off.
                Err(broken) => match broken.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return Err(StoreError::unavailable("the program stops").into()),
                },
            },
            false => look(),
        };
        let ids = candidates.iter().map(|candidate| candidate.id).collect();
        let facts = self.store.facts_named(&query.user, ids).await?;
        let method = match embedding {
            Some(_) => SearchMethod::Hybrid,
            None => SearchMethod::Lexical,
        };
        let ranked = rank(candidates, facts, embedding.as_ref(), now);
        Ok(FoundFacts { hits: different(ranked, query.limit), method, note })
    }

    /// The query's embedding, or why there is none.
    async fn embedded_query(
        &self,
        text: &str,
        patience: Option<Duration>,
    ) -> (Option<Embedding>, Option<String>) {
        let Some(embedder) = &self.embedder else {
            return (None, Some("no embedding model is set, so words must match".to_owned()));
        };
        if let Some(known) = self.queries.get(text) {
            return (Some(known), None);
        }
        let texts = [text.to_owned()];
        let embedding = embed(embedder.as_ref(), &texts, EmbeddingPurpose::Query);
        let embedded = match patience {
            None => embedding.await,
            Some(patience) => match tokio::time::timeout(patience, embedding).await {
                Ok(embedded) => embedded,
                Err(_) => {
                    let model = embedder.model().to_string();
                    let message = format!("not within {} ms", patience.as_millis());
                    Err(EmbedError::Unavailable { model, message })
                }
            },
        };
        match embedded {
            Ok(mut embeddings) => {
                let embedding = embeddings.pop();
                if let Some(embedding) = &embedding {
                    self.queries.put(text, embedding);
                }
                (embedding, None)
            }
            Err(error) => {
                tracing::warn!(%error, "memories are looked for by their words only");
                (None, Some(format!("words must match, because {error}")))
            }
        }
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

/// Puts both lists together (reciprocal rank fusion), and new before old.
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
    for part in [|of: &Candidate| of.similarity, |of: &Candidate| of.wording] {
        exact
            .sort_by(|left, right| part(right).total_cmp(&part(left)).then(left.id.cmp(&right.id)));
        let mut place = RANK_OFFSET;
        for candidate in exact.iter().filter(|candidate| part(candidate) > 0.0) {
            place += 1.0;
            *fused.entry(candidate.id).or_default() += 1.0 / place;
        }
    }
    let best = fused.values().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut hits: Vec<FactHit> = fused
        .into_iter()
        .filter_map(|(id, fused)| {
            let fact = facts.remove(&id)?;
            let age = now.since(fact.updated_at).as_secs_f64() / HALF_LIFE.as_secs_f64();
            let score = RELEVANCE * fused / best + RECENCY * 0.5_f64.powf(age);
            Some(FactHit { fact, score })
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
            let alike = match (&hit.fact.embedding, &other.fact.embedding) {
                (Some(own), Some(other)) => own.similarity(other) >= SAME,
                _ => false,
            };
            alike || (!words.is_empty() && words == *others)
        });
        if !is_known {
            chosen.push((hit, words));
        }
    }
    chosen.into_iter().map(|(hit, _)| hit).collect()
}
