//! How a user's memory is made up.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::Inner;
use super::error::MemoryError;
use super::words::terms;
use crate::id::UserId;
use crate::store::FactRecord;

/// How a user's memory is made up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MemoryReport {
    /// How many facts are current.
    pub facts: usize,
    /// How many of them are of each kind.
    pub by_kind: BTreeMap<&'static str, usize>,
    /// How many were confirmed last within a day, a week, a month, a year, or before.
    pub by_age: Vec<AgeGroup>,
    /// How many were never recalled.
    pub never_recalled: usize,
    /// How many are true no more, and are found no more.
    pub expired: usize,
    /// How many are found by their words only; none where there is no embedding model.
    pub without_embedding: usize,
    /// How many say in the same words, whatever their order, what another says.
    pub duplicates: usize,
    /// The model that tells what facts mean.
    pub embedding_model: Option<String>,
}

/// Facts of an age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AgeGroup {
    /// Up to which age: `day`, `week`, `month`, `year`, `older`.
    pub within: &'static str,
    /// How many facts.
    pub facts: usize,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AGES: [(&str, u32); 5] =
    [("day", 1), ("week", 7), ("month", 30), ("year", 365), ("older", u32::MAX)];

impl Inner {
    pub(super) async fn report(&self, user: &UserId) -> Result<MemoryReport, MemoryError> {
        let facts = self.all(user).await?;
        let shelf = self.shelves.fresh(self.store.as_ref(), user).await?;
        let now = self.clock.now();
        let mut by_kind = BTreeMap::new();
        let mut by_age: Vec<AgeGroup> =
            AGES.iter().map(|(within, _)| AgeGroup { within, facts: 0 }).collect();
        for fact in &facts {
            *by_kind.entry(fact.kind.name()).or_default() += 1;
            let age = now.since(fact.updated_at);
            let place = AGES.iter().position(|(_, days)| age <= DAY.saturating_mul(*days));
            if let Some(group) = place.and_then(|place| by_age.get_mut(place)) {
                group.facts += 1;
            }
        }
        Ok(MemoryReport {
            facts: facts.len(),
            by_kind,
            by_age,
            never_recalled: facts.iter().filter(|fact| fact.recalls == 0).count(),
            expired: facts.iter().filter(|fact| fact.is_expired(now)).count(),
            without_embedding: shelf.read(super::shelf::Shelf::bare_count),
            duplicates: duplicates(&facts),
            embedding_model: self.meaning.as_ref().map(|meaning| meaning.model().to_string()),
        })
    }
}

fn duplicates(facts: &[FactRecord]) -> usize {
    let mut same: HashMap<BTreeSet<String>, usize> = HashMap::new();
    for fact in facts {
        *same.entry(terms(&fact.text).into_iter().collect()).or_default() += 1;
    }
    same.iter().filter(|(words, _)| !words.is_empty()).map(|(_, count)| count - 1).sum()
}
