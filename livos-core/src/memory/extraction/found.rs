//! Remembers what a model found in a user's words, as far as it was said and is worth it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use super::FOUND;
use super::Parts;
use super::answer::Found;
use super::answer::read;
use super::answer::said_of;
use super::grounds::is_said;
use super::grounds::says_again;
use super::grounds::share_a_subject;
use super::own_words::input_of;
use crate::crash_point::CrashPoint;
use crate::delivery::DeliveryAttempt;
use crate::delivery::Repetition;
use crate::delivery::ReplySink;
use crate::delivery::SinkAnswer;
use crate::event::RunStatus;
use crate::id::FactId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::memory::MemoryError;
use crate::memory::NewFact;
use crate::memory::worth::judge;
use crate::store::FactRecord;
use crate::store::FactSource;

/// How sure a fact is that a model found.
const CONFIDENCE: u8 = 80;

/// Takes answers in of runs that looked through a user's words.
///
/// What is told twice is known: a fact that is brought again is the one that is there.
#[derive(Debug)]
pub(super) struct FactsFound(pub(super) Arc<Parts>);

/// Whose words were looked through, where they were said, and which known facts the model was shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) user: UserId,
    pub(super) session_id: SessionId,
    pub(super) run_id: RunId,
    pub(super) shown: Vec<FactId>,
}

#[async_trait]
impl ReplySink for FactsFound {
    fn kind(&self) -> &str {
        FOUND
    }

    fn repetition(&self) -> Repetition {
        Repetition::Harmless
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        let address: Address = match serde_json::from_value(attempt.address.clone()) {
            Ok(address) => address,
            Err(error) => return SinkAnswer::Rejected { error: error.to_string() },
        };
        let answer = &attempt.reply;
        // An answer is one, whether or not it was the last that could be had.
        if !matches!(answer.status, RunStatus::Completed | RunStatus::Exhausted) {
            let why = answer.error.as_ref().map_or_else(String::new, ToString::to_string);
            tracing::warn!(run_id = %attempt.run_id, why, "no memories were extracted");
            return SinkAnswer::Receipt("nothing: the run did not complete".to_owned());
        }
        let Some(found) = read(&answer.text) else {
            tracing::warn!(run_id = %attempt.run_id, "the model that extracts memories gave no list of them");
            return SinkAnswer::Receipt("nothing: the answer is no list of facts".to_owned());
        };
        match self.keep(attempt, &address, found).await {
            Ok(receipt) => {
                CrashPoint::FactsKept.pass();
                SinkAnswer::Receipt(receipt)
            }
            Err(error) => SinkAnswer::Retry { after: None, error: error.to_string() },
        }
    }
}

impl FactsFound {
    async fn keep(
        &self,
        attempt: &DeliveryAttempt,
        address: &Address,
        found: Vec<Found>,
    ) -> Result<String, MemoryError> {
        let Parts { store, memory, .. } = &*self.0;
        let input = input_of(store.as_ref(), attempt.session_id, attempt.run_id).await?;
        let Some(input) = input else { return Ok("nothing: the run was deleted".to_owned()) };
        let said = said_of(&input);
        let shown = memory.0.store.facts_named(&address.user, address.shown.clone()).await?;
        let (all, mut kept) = (found.len(), 0);
        for fact in found {
            let text = fact.text.trim();
            if let Err(junk) = judge(text, &memory.0.redactor) {
                tracing::debug!(?junk, "a fact that a model found is not worth remembering");
                continue;
            }
            if !is_said(text, said) {
                tracing::debug!("a fact that a model found was not said");
                continue;
            }
            kept += usize::from(self.remember(address, &shown, fact).await?);
        }
        Ok(format!("kept {kept} of {all}"))
    }

    /// Remembers a fact, and tells whether it could be kept.
    async fn remember(
        &self,
        address: &Address,
        shown: &[FactRecord],
        fact: Found,
    ) -> Result<bool, MemoryError> {
        let replaced = fact.replaces.and_then(|number| {
            let id = address.shown.get(number.checked_sub(1)?)?;
            shown.iter().find(|known| known.id == *id)
        });
        let mut new = NewFact::told(address.user.clone(), fact.text.trim());
        new.kind = fact.kind.kind();
        new.confidence = CONFIDENCE;
        new.source = FactSource::Extracted;
        new.session_id = Some(address.session_id);
        new.run_id = Some(address.run_id);
        let known =
            shown.iter().find(|known| known.is_current() && says_again(&new.text, &known.text));
        if let Some(known) = known {
            // Told again: it counts as new.
            new.text.clone_from(&known.text);
        } else {
            new.replaces = replaced
                .filter(|old| old.is_current() && share_a_subject(&new.text, &old.text))
                .map(|old| old.id);
        }
        let memory = &self.0.memory;
        let added = match memory.add(new.clone()).await {
            // What it takes the place of is gone meanwhile.
            Err(MemoryError::Unknown(_)) => {
                new.replaces = None;
                memory.add(new).await
            }
            added => added,
        };
        match added {
            Ok(_) => Ok(true),
            Err(MemoryError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, "a fact that a model found is not kept");
                Ok(false)
            }
        }
    }
}
