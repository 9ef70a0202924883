//! A user's facts as a file.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use super::Inner;
use super::MAX_FACTS;
use super::NewFact;
use super::error::MemoryError;
use super::error::MemoryFault;
use super::remember::record;
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::redaction::Redactor;
use crate::store::FactChange;
use crate::store::FactFilter;
use crate::store::FactKind;
use crate::store::FactRecord;
use crate::store::FactSource;
use crate::store::FactsWritten;
use crate::store::StoreError;

/// The version of the file.
const VERSION: u32 = 1;
/// How many facts are read or written at a time.
const CHUNK: usize = 500;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Heading {
    livos_memory: u32,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    #[serde(default)]
    kind: FactKind,
    #[serde(default = "sure")]
    confidence: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

fn sure() -> u8 {
    100
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FactImport {
    /// How many facts are new.
    pub added: usize,
    /// How many were known, or came twice.
    pub known: usize,
    /// How many were true no more.
    pub expired: usize,
}

impl Inner {
    pub(super) async fn export(&self, user: &UserId) -> Result<String, MemoryError> {
        let mut file = line(&Heading { livos_memory: VERSION })?;
        let mut facts = self.all(user).await?;
        facts.reverse();
        for fact in facts {
            file.push_str(&line(&Line {
                text: fact.text,
                kind: fact.kind,
                confidence: fact.confidence,
                expires_at: fact.expires_at,
                created_at: Some(fact.created_at),
                updated_at: Some(fact.updated_at),
            })?);
        }
        Ok(file)
    }

    /// All current facts of a user, newest first.
    pub(super) async fn all(&self, user: &UserId) -> Result<Vec<FactRecord>, StoreError> {
        let mut filter = FactFilter::current(user.clone());
        let mut all = Vec::new();
        loop {
            let page = self.store.facts(filter.clone(), CHUNK).await?;
            filter.before = page.items.last().map(|fact| fact.id);
            all.extend(page.items);
            if !page.has_more {
                return Ok(all);
            }
        }
    }

    pub(super) async fn import(
        self: &Arc<Self>,
        user: &UserId,
        file: &str,
    ) -> Result<FactImport, MemoryError> {
        let now = self.clock.now();
        let lines = read(file)?;
        let total = lines.len();
        let lines: Vec<(usize, Line)> = lines
            .into_iter()
            .filter(|(_, line)| line.expires_at.is_none_or(|end| end > now))
            .collect();
        let expired = total - lines.len();
        let known = self.all(user).await?;
        let room = MAX_FACTS.saturating_sub(known.len());
        let mut keys: HashSet<String> = known.into_iter().map(|fact| fact.key).collect();
        let mut new = Vec::new();
        for (number, line) in lines {
            let fact = fact(user, line, now, &self.redactor)
                .map_err(|fault| problem(number, format!("{}: {fault}", fault.field())))?;
            if keys.insert(fact.key.clone()) {
                new.push(fact);
            }
        }
        if new.len() > room {
            return Err(MemoryFault::Full { limit: MAX_FACTS }.into());
        }
        let mut added = 0;
        for chunk in new.chunks(CHUNK) {
            added += self.write_all(user, chunk).await?;
        }
        if added > 0 && self.meaning.is_some() {
            self.fill_in_later(user);
        }
        Ok(FactImport { added, known: total - expired - added, expired })
    }

    /// Writes new facts, and tells how many of them were not known.
    async fn write_all(&self, user: &UserId, facts: &[FactRecord]) -> Result<usize, StoreError> {
        let change = |puts: &[FactRecord]| {
            let puts = puts.to_vec();
            self.store.change_facts(FactChange { user: user.clone(), puts, removes: Vec::new() })
        };
        if let FactsWritten::Done { .. } = change(facts).await? {
            return Ok(facts.len());
        }
        // Somebody told one of them meanwhile.
        let mut added = 0;
        for fact in facts {
            let written = change(std::slice::from_ref(fact)).await?;
            added += usize::from(matches!(written, FactsWritten::Done { .. }));
        }
        Ok(added)
    }
}

fn line(value: &impl Serialize) -> Result<String, StoreError> {
    let line = serde_json::to_string(value);
    let line = line.map_err(|error| StoreError::Corrupt { message: error.to_string() })?;
    Ok(line + "\n")
}

fn problem(line: usize, what: impl std::fmt::Display) -> MemoryFault {
    MemoryFault::Archive { problem: format!("line {line}: {what}") }
}

fn read(file: &str) -> Result<Vec<(usize, Line)>, MemoryFault> {
    let mut lines = (1..).zip(file.lines()).filter(|(_, line)| !line.trim().is_empty());
    let heading = lines.next().and_then(|(_, line)| serde_json::from_str::<Heading>(line).ok());
    let Some(Heading { livos_memory }) = heading else {
        return Err(problem(1, "is not {\"livos_memory\":1}, the first line of an export"));
    };
    if livos_memory != VERSION {
        let found = format!("has version {livos_memory}; this program reads version {VERSION}");
        return Err(problem(1, found));
    }
    let read = |(number, line): (usize, &str)| {
        let line = serde_json::from_str(line).map_err(|error| problem(number, error))?;
        Ok((number, line))
    };
    lines.map(read).collect()
}

fn fact(
    user: &UserId,
    line: Line,
    now: Timestamp,
    redactor: &Redactor,
) -> Result<FactRecord, MemoryFault> {
    let mut fact = record(
        NewFact {
            kind: line.kind,
            confidence: line.confidence,
            source: FactSource::Imported,
            expires_at: line.expires_at,
            ..NewFact::told(user.clone(), line.text)
        },
        now,
        redactor,
    )?;
    // What is to come was not learned yet.
    fact.created_at = line.created_at.map_or(now, |at| at.min(now));
    fact.updated_at = line.updated_at.map_or(fact.created_at, |at| at.min(now));
    Ok(fact)
}

#[cfg(test)]
mod tests;
