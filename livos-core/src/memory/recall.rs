//! What of a user's memory a run is given.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::MAX_QUERY_BYTES;
use super::Memory;
use super::search::FactHit;
use super::search::FactQuery;
use super::search::FoundFacts;
use super::search::SearchMethod;
use crate::context::EstimatedTokens;
use crate::context::TokenCounter;
use crate::event::RecalledFact;
use crate::event::RecalledMemories;
use crate::origin::Company;
use crate::origin::Origin;
use crate::origin::Trust;

/// What the model reads before the facts.
const PREFACE: &str = include_str!("recall/preface.md");
/// Where they end.
const END: &str = "</memories>";
/// Tokens of what stands around the facts, by estimate.
const FRAME: u64 = 96;
/// Of a window, memories take at most this part.
const WINDOW_PART: u64 = 16;
/// How long the store may take beyond the embedding model.
const STORE_TIME: Duration = Duration::from_millis(500);

/// How much is recalled, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecallSettings {
    /// How many tokens the facts may take in a prompt, by estimate; 600 unless told otherwise, and at most a
    /// sixteenth of the model's window.
    pub tokens: u64,
    /// How many facts at most; 12 unless told otherwise.
    pub facts: usize,
    /// How long the embedding model may take; 1 second unless told otherwise. After that, words must match.
    pub patience: Duration,
    /// Whether conversations in which others take part are given memories.
    pub groups: GroupRecall,
}

/// Whether memories are given to runs of conversations in which others take part, who read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupRecall {
    /// They are not.
    #[default]
    Never,
    /// They are, if the owner or somebody they let in asked.
    Allowed,
}

impl Default for RecallSettings {
    fn default() -> Self {
        Self {
            tokens: 600,
            facts: 12,
            patience: Duration::from_secs(1),
            groups: GroupRecall::default(),
        }
    }
}

impl RecallSettings {
    /// Sets how many tokens the facts may take.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets how long the embedding model may take.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets whether conversations in which others take part are given memories.
    #[must_use]
    pub fn with_groups(mut self, groups: GroupRecall) -> Self {
        self.groups = groups;
        self
    }
}

/// Looks into users' memories for runs; for
/// [`AgentLoopBuilder::recall`](crate::AgentLoopBuilder::recall).
#[derive(Debug, Clone)]
pub struct Recall {
    memory: Memory,
    settings: RecallSettings,
}

impl Recall {
    /// Recalls from this memory.
    pub fn new(memory: Memory, settings: RecallSettings) -> Self {
        Self { memory, settings }
    }

    /// How many tokens memories may take in a prompt of a model with this window.
    pub(crate) fn tokens(&self, window: Option<u64>) -> u64 {
        let part = window.map_or(u64::MAX, |window| window / WINDOW_PART);
        self.settings.tokens.min(part)
    }

    /// What of a user's memory fits what they said; none when nothing does. When the memory does not answer in
    /// time, it says so instead.
    pub(crate) async fn memories_for(
        &self,
        (origin, company): (&Origin, Company),
        said: &str,
        window: Option<u64>,
    ) -> Option<RecalledMemories> {
        let is_private = company == Company::Private;
        if origin.trust <= Trust::Group || !is_private && self.settings.groups == GroupRecall::Never
        {
            return None;
        }
        let text = beginning(said, MAX_QUERY_BYTES);
        if !text.chars().any(char::is_alphanumeric) {
            return None;
        }
        let mut query = FactQuery::new(origin.user.clone(), text);
        query.limit = self.settings.facts;
        query.patience = Some(self.settings.patience);
        let limit = self.settings.patience + STORE_TIME;
        let FoundFacts { hits, method, note } =
            match tokio::time::timeout(limit, self.memory.0.search(&query)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a run is given no memories");
                    return Some(failed("the memory could not be read"));
                }
                Err(_) => {
                    tracing::warn!("a run is given no memories: they were not found in time");
                    return Some(failed("the memory did not answer in time"));
                }
            };
        let (facts, tokens) = within(hits, self.tokens(window));
        if facts.is_empty() {
            return None;
        }
        let ids = facts.iter().map(|fact| fact.id).collect();
        self.memory.0.notes.recalled(&origin.user, ids, self.memory.0.clock.now());
        // That there is no embedding model is a setting, and no news.
        let note = note.filter(|_| self.memory.embedding_model().is_some());
        Some(RecalledMemories { facts, method, tokens, note })
    }

    /// What was found now, and of what the run was given before as much as still has room. None when it
    /// has all of it.
    pub(crate) fn beside(
        &self,
        mut found: RecalledMemories,
        earlier: Option<&RecalledMemories>,
        window: Option<u64>,
    ) -> Option<RecalledMemories> {
        let Some(earlier) = earlier else { return Some(found) };
        let is_in = |facts: &[RecalledFact], fact: &RecalledFact| {
            facts.iter().any(|known| known.id == fact.id && known.as_of == fact.as_of)
        };
        if found.note.is_none() && found.facts.iter().all(|fact| is_in(&earlier.facts, fact)) {
            return None;
        }
        // Of a fact that was changed meanwhile, what it says now.
        let is_old = |fact: &&RecalledFact| found.facts.iter().all(|new| new.id != fact.id);
        let rest: Vec<RecalledFact> = earlier.facts.iter().filter(is_old).cloned().collect();
        let facts = found.facts.into_iter().chain(rest).take(self.settings.facts);
        (found.facts, found.tokens) = fitting(facts, self.tokens(window));
        Some(found)
    }
}

fn failed(note: &str) -> RecalledMemories {
    RecalledMemories {
        facts: Vec::new(),
        method: SearchMethod::Lexical,
        tokens: 0,
        note: Some(note.to_owned()),
    }
}

/// The beginning of a text.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// The facts that fit into so many tokens. One that is too long is passed over, those after it are not.
fn within(hits: Vec<FactHit>, budget: u64) -> (Vec<RecalledFact>, u64) {
    let recalled = |FactHit { fact, .. }| RecalledFact {
        id: fact.id,
        text: fact.text,
        as_of: fact.updated_at,
    };
    fitting(hits.into_iter().map(recalled), budget)
}

fn fitting(
    candidates: impl Iterator<Item = RecalledFact>,
    budget: u64,
) -> (Vec<RecalledFact>, u64) {
    let mut taken = FRAME;
    let mut facts = Vec::new();
    for recalled in candidates {
        let tokens = EstimatedTokens.count(&line(&recalled));
        if taken + tokens <= budget {
            taken += tokens;
            facts.push(recalled);
        }
    }
    let taken = if facts.is_empty() { 0 } else { taken };
    (facts, taken)
}

/// A fact as the model reads it: one line, in which nothing ends the list before its end.
fn line(fact: &RecalledFact) -> String {
    let day: String = fact.as_of.to_string().chars().take(10).collect();
    let words: Vec<&str> = fact.text.split_whitespace().collect();
    format!("- ({day}) {}\n", words.join(" ").replace('<', "‹"))
}

/// The facts as the model reads them; none if there are none.
pub(crate) fn in_words(facts: &[RecalledFact]) -> Option<Arc<str>> {
    if facts.is_empty() {
        return None;
    }
    let mut words = PREFACE.to_owned();
    for fact in facts {
        words.push_str(&line(fact));
    }
    let _ = write!(words, "{END}");
    Some(words.into())
}

#[cfg(test)]
mod tests;
