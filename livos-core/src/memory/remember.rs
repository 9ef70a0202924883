//! Keeping facts, each once, and forgetting them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Inner;
use super::MAX_FACT_BYTES;
use super::MAX_FACTS;
use super::error::MemoryError;
use super::error::MemoryFault;
use super::search::look;
use super::secrecy::has_secret;
use super::shelf::Wanted;
use super::words::denies;
use super::words::key;
use super::words::terms;
use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::redaction::Redactor;
use crate::store::Embedding;
use crate::store::FactChange;
use crate::store::FactKind;
use crate::store::FactRecord;
use crate::store::FactSource;
use crate::store::FactsWritten;
use crate::store::StoreError;

/// How often a change is tried that others come before.
const TRIES: usize = 8;
/// How many facts that are alike are compared with a new one.
const ALIKE: usize = 8;

/// A fact to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFact {
    /// Whose it is.
    pub user: UserId,
    /// What is to be remembered; up to [`MAX_FACT_BYTES`].
    pub text: String,
    /// What it is about.
    pub kind: FactKind,
    /// How sure it is, in percent.
    pub confidence: u8,
    /// How it came here.
    pub source: FactSource,
    /// The session it was said in.
    pub session_id: Option<SessionId>,
    /// The run it was said in.
    pub run_id: Option<RunId>,
    /// When it is true no more.
    pub expires_at: Option<Timestamp>,
    /// The fact that is true no more because of it.
    pub replaces: Option<FactId>,
}

impl NewFact {
    /// A fact that a user asked to be kept.
    pub fn told(user: UserId, text: impl Into<String>) -> Self {
        Self {
            user,
            text: text.into(),
            kind: FactKind::Other,
            confidence: 100,
            source: FactSource::Told,
            session_id: None,
            run_id: None,
            expires_at: None,
            replaces: None,
        }
    }
}

/// What became of a fact that was to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub enum Remembered {
    /// It is kept.
    Added(FactRecord),
    /// It is kept, in the place of one that it contradicts or says better; that one stays, superseded.
    Replaced {
        /// The fact.
        fact: FactRecord,
        /// The one before it.
        old: Box<FactRecord>,
    },
    /// It was known. The known one counts as new again.
    Known(FactRecord),
}

impl Remembered {
    /// The fact as it is known now.
    pub fn fact(&self) -> &FactRecord {
        match self {
            Self::Added(fact) | Self::Known(fact) | Self::Replaced { fact, .. } => fact,
        }
    }
}

/// How a fact is to be changed. What is none stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FactUpdate {
    /// What is to be remembered instead.
    pub text: Option<String>,
    /// What it is about.
    pub kind: Option<FactKind>,
    /// How sure it is, in percent.
    pub confidence: Option<u8>,
    /// When it is true no more; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
}

fn check_text(text: &str, redactor: &Redactor) -> Result<String, MemoryFault> {
    if text.len() > MAX_FACT_BYTES {
        let length = text.len();
        return Err(MemoryFault::TooLong { field: "text", length, limit: MAX_FACT_BYTES });
    }
    let key = key(text);
    if key.is_empty() {
        return Err(MemoryFault::Empty { field: "text" });
    }
    if has_secret(text, redactor) {
        return Err(MemoryFault::Secret);
    }
    Ok(key)
}

fn check_numbers(
    confidence: u8,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), MemoryFault> {
    if confidence > 100 {
        let expected = "must be from 0 to 100".to_owned();
        return Err(MemoryFault::OutOfBounds { field: "confidence", expected });
    }
    match expires_at.is_some_and(|end| end <= now) {
        true => Err(MemoryFault::Expired),
        false => Ok(()),
    }
}

/// A fact as it begins.
pub(super) fn record(
    new: NewFact,
    now: Timestamp,
    redactor: &Redactor,
) -> Result<FactRecord, MemoryFault> {
    let key = check_text(&new.text, redactor)?;
    check_numbers(new.confidence, new.expires_at, now)?;
    Ok(FactRecord {
        id: FactId::generate(),
        user: new.user,
        version: 1,
        text: new.text.trim().to_owned(),
        key,
        kind: new.kind,
        confidence: new.confidence,
        source: new.source,
        session_id: new.session_id,
        run_id: new.run_id,
        embedding: None,
        supersedes: None,
        superseded_by: None,
        expires_at: new.expires_at,
        created_at: now,
        updated_at: now,
        recalled_at: None,
        recalls: 0,
    })
}

/// Whether a fact says nothing that a known one does not say.
fn repeats(new: &FactRecord, known: &FactRecord) -> bool {
    let words = |text| terms(text).into_iter().collect::<BTreeSet<String>>();
    denies(&new.text) == denies(&known.text) && words(&new.text).is_subset(&words(&known.text))
}

impl Inner {
    pub(super) async fn add(self: &Arc<Self>, new: NewFact) -> Result<Remembered, MemoryError> {
        let (replaces, now) = (new.replaces, self.clock.now());
        let mut fact = record(new, now, &self.redactor)?;
        fact.embedding = self.embedded(&fact.user, &fact.text).await;
        let shelf = self.shelves.fresh(self.store.as_ref(), &fact.user).await?;
        if shelf.read(super::shelf::Shelf::len) >= MAX_FACTS {
            return Err(MemoryFault::Full { limit: MAX_FACTS }.into());
        }
        for _ in 0..TRIES {
            let old = match replaces {
                Some(id) => Some(self.current(&fact.user, id).await?),
                None => self.alike(&fact).await?,
            };
            let written = match old {
                None => self.write(&fact, Vec::new()).await,
                Some(old) if replaces.is_none() && repeats(&fact, &old) => {
                    return self.confirm(old, &fact).await.map(Remembered::Known);
                }
                Some(old) => self.supersede(&fact, old).await,
            };
            match written {
                Ok(Written::Kept(remembered)) => return Ok(*remembered),
                Ok(Written::Known(id)) => {
                    // It may have been forgotten meanwhile.
                    if let Some(known) = self.find(&fact.user, id).await? {
                        return self.confirm(known, &fact).await.map(Remembered::Known);
                    }
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::conflict("fact", &fact.id, "others change its like all the time").into())
    }

    async fn write(
        &self,
        fact: &FactRecord,
        superseded: Vec<FactRecord>,
    ) -> Result<Written, StoreError> {
        let old = superseded.first().cloned();
        let mut puts = superseded;
        puts.push(fact.clone());
        let change = FactChange { user: fact.user.clone(), puts, removes: Vec::new() };
        Ok(match self.store.change_facts(change).await? {
            FactsWritten::Known(id) => Written::Known(id),
            FactsWritten::Done { .. } => Written::Kept(Box::new(match old {
                None => Remembered::Added(fact.clone()),
                Some(old) => Remembered::Replaced { fact: fact.clone(), old: Box::new(old) },
            })),
        })
    }

    async fn supersede(
        &self,
        fact: &FactRecord,
        mut old: FactRecord,
    ) -> Result<Written, StoreError> {
        let mut new = fact.clone();
        new.supersedes = Some(old.id);
        old.version += 1;
        old.superseded_by = Some(new.id);
        self.write(&new, vec![old]).await
    }

    /// The known fact that a new one says again or contradicts: that of its key, or the most alike.
    async fn alike(&self, fact: &FactRecord) -> Result<Option<FactRecord>, MemoryError> {
        let Some(embedding) = fact.embedding.clone() else { return Ok(None) };
        let shelf = self.shelves.fresh(self.store.as_ref(), &fact.user).await?;
        shelf.fit(embedding.values.len());
        let wanted = Wanted {
            kind: None,
            now: self.clock.now(),
            // A byte for a number is a little off.
            least_similarity: self.settings.same - 0.02,
            least_wording: f32::INFINITY,
            most: ALIKE,
        };
        let found = look(shelf, String::new(), Some(embedding), wanted).await?;
        let ids = found.into_iter().map(|candidate| candidate.id).collect();
        let known = self.store.facts_named(&fact.user, ids).await?;
        let similarity = |known: &FactRecord| match (&fact.embedding, &known.embedding) {
            (Some(own), Some(other)) => own.similarity(other),
            _ => 0.0,
        };
        let same = known
            .into_iter()
            .filter(|known| known.is_current() && similarity(known) >= self.settings.same);
        Ok(same.max_by(|left, right| similarity(left).total_cmp(&similarity(right))))
    }

    async fn current(&self, user: &UserId, id: FactId) -> Result<FactRecord, MemoryError> {
        let found = self.find(user, id).await?.filter(FactRecord::is_current);
        found.ok_or(MemoryError::Unknown(id))
    }

    async fn find(&self, user: &UserId, id: FactId) -> Result<Option<FactRecord>, StoreError> {
        Ok(self.store.facts_named(user, vec![id]).await?.pop())
    }

    /// A known fact was said again: it counts as new, and as sure as either.
    async fn confirm(
        &self,
        known: FactRecord,
        again: &FactRecord,
    ) -> Result<FactRecord, MemoryError> {
        let mut confirmed = known.clone();
        confirmed.version += 1;
        confirmed.updated_at = again.updated_at;
        confirmed.confidence = known.confidence.max(again.confidence);
        confirmed.expires_at = match (known.expires_at, again.expires_at) {
            (Some(known), Some(again)) => Some(known.max(again)),
            _ => None,
        };
        if confirmed.embedding.is_none() && confirmed.text == again.text {
            confirmed.embedding.clone_from(&again.embedding);
        }
        let (user, puts) = (known.user.clone(), vec![confirmed.clone()]);
        match self.store.change_facts(FactChange { user, puts, removes: Vec::new() }).await {
            Ok(_) => Ok(confirmed),
            // Somebody else confirmed, changed or forgot it: as good.
            Err(StoreError::Conflict { .. }) => Ok(known),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn update(
        &self,
        user: &UserId,
        id: FactId,
        update: FactUpdate,
    ) -> Result<FactRecord, MemoryError> {
        for _ in 0..TRIES {
            let mut fact = self.find(user, id).await?.ok_or(MemoryError::Unknown(id))?;
            fact.version += 1;
            fact.updated_at = self.clock.now();
            if let Some(text) = &update.text {
                fact.key = check_text(text, &self.redactor)?;
                text.trim().clone_into(&mut fact.text);
                fact.embedding = self.embedded(user, &fact.text).await;
            }
            fact.kind = update.kind.unwrap_or(fact.kind);
            fact.confidence = update.confidence.unwrap_or(fact.confidence);
            fact.expires_at = update.expires_at.unwrap_or(fact.expires_at);
            check_numbers(fact.confidence, update.expires_at.flatten(), fact.updated_at)?;
            let puts = vec![fact.clone()];
            let change = FactChange { user: user.clone(), puts, removes: Vec::new() };
            match self.store.change_facts(change).await {
                Ok(FactsWritten::Done { .. }) => return Ok(fact),
                Ok(FactsWritten::Known(known)) => {
                    let found = format!("fact {known} says that already");
                    return Err(StoreError::conflict("fact", &id, found).into());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::conflict("fact", &id, "it changes all the time").into())
    }

    pub(super) async fn forget(
        &self,
        user: &UserId,
        id: FactId,
    ) -> Result<FactRecord, MemoryError> {
        let fact = self.find(user, id).await?.ok_or(MemoryError::Unknown(id))?;
        let mut removes = vec![id];
        let mut before = fact.supersedes;
        while let Some(old) = before.filter(|old| !removes.contains(old)) {
            removes.push(old);
            before = self.find(user, old).await?.and_then(|old| old.supersedes);
        }
        let change = FactChange { user: user.clone(), puts: Vec::new(), removes };
        match self.store.change_facts(change).await? {
            FactsWritten::Done { removed: 0 } => Err(MemoryError::Unknown(id)),
            _ => Ok(fact),
        }
    }

    /// The embedding of a text, if it can be had now; it is made up for later otherwise.
    async fn embedded(&self, user: &UserId, text: &str) -> Option<Embedding> {
        let meaning = self.meaning.as_ref()?;
        match meaning.of((user, &self.notes), text).await {
            Ok(embedding) => Some(embedding),
            Err(error) => {
                tracing::warn!(%error, "a fact is kept without an embedding for now");
                None
            }
        }
    }
}

enum Written {
    Kept(Box<Remembered>),
    Known(FactId),
}
