//! Embeddings that are missing, or of another model, made up for beside what goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Inner;
use super::embedder::EmbedError;
use super::error::MemoryError;
use super::shelf::Shelf;
use crate::id::UserId;
use crate::store::FactChange;
use crate::store::FactRecord;
use crate::store::StoreError;

/// How many texts are embedded at a time.
const BATCH: usize = 64;
/// How often a model that does not answer is asked again, until somebody looks for something.
const TRIES: u32 = 5;
/// The first wait between two tries; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Whose embeddings are being made up for; ends with the memory.
#[derive(Debug, Default)]
pub(super) struct Filling(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    task: JoinSet<()>,
    is_running: bool,
    users: BTreeSet<UserId>,
}

/// What came of a batch.
enum Batch {
    Filled(usize),
    /// Nothing is missing.
    Complete,
    /// The model does not answer, or refuses.
    Failed(EmbedError),
}

impl Filling {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next user, or the end of the task.
    fn next(&self) -> Option<UserId> {
        let mut state = self.state();
        let user = state.users.first().cloned();
        state.is_running = user.is_some();
        user
    }
}

impl Inner {
    /// Makes up for missing embeddings beside what goes on, one user after the other.
    pub(super) fn fill_in_later(self: &Arc<Self>, user: &UserId) {
        let mut state = self.filling.state();
        while let Some(ended) = state.task.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "what makes up for missing embeddings broke off");
                state.is_running = false;
            }
        }
        state.users.insert(user.clone());
        if std::mem::replace(&mut state.is_running, true) {
            return;
        }
        let inner = Arc::downgrade(self);
        state.task.spawn(async move {
            // Held for a batch at a time, so that it ends with the memory.
            let (mut left, mut wait) = (TRIES, FIRST_WAIT);
            while let Some(inner) = inner.upgrade() {
                let Some(user) = inner.filling.next() else { break };
                match inner.fill_in_batch(&user).await {
                    Ok(Batch::Filled(_)) => (left, wait) = (TRIES, FIRST_WAIT),
                    Ok(Batch::Failed(error @ EmbedError::Unavailable { .. })) if left > 1 => {
                        tracing::warn!(%error, "embeddings of facts are made up for later");
                        drop(inner);
                        tokio::time::sleep(wait).await;
                        (left, wait) = (left - 1, wait * 2);
                    }
                    ended => {
                        inner.filling.state().users.remove(&user);
                        log_end(ended);
                    }
                }
            }
        });
    }

    /// Makes up for what is missing within a time, and tells whether nothing is missing then.
    pub(super) async fn fill_in_within(&self, user: &UserId, limit: Duration) -> bool {
        let filled = async { while let Ok(Batch::Filled(_)) = self.fill_in_batch(user).await {} };
        tokio::time::timeout(limit, filled).await.is_ok()
    }

    pub(super) async fn fill_in(&self, user: &UserId) -> Result<usize, MemoryError> {
        match self.fill_in_batch(user).await? {
            Batch::Filled(count) => Ok(count),
            Batch::Complete => Ok(0),
            Batch::Failed(error) => {
                tracing::warn!(%error, "embeddings of facts are made up for later");
                Ok(0)
            }
        }
    }

    async fn fill_in_batch(&self, user: &UserId) -> Result<Batch, MemoryError> {
        let Some(meaning) = &self.meaning else { return Ok(Batch::Complete) };
        // Two at once would pay for the same texts twice.
        let turn = self.filling_turn.lock().await;
        let shelf = self.shelves.fresh(self.store.as_ref(), user).await?;
        let (ids, before) = shelf.read(|shelf| (shelf.bare(BATCH), shelf.bare_count()));
        let mut facts = self.store.facts_named(user, ids).await?;
        if facts.is_empty() {
            return Ok(Batch::Complete);
        }
        let texts: Vec<String> = facts.iter().map(|fact| fact.text.clone()).collect();
        let embeddings = match meaning.of_all((user, &self.notes), &texts).await {
            Ok(embeddings) => embeddings,
            Err(error) => return Ok(Batch::Failed(error)),
        };
        if let Some(first) = embeddings.first() {
            shelf.fit(first.values.len());
        }
        for (fact, embedding) in facts.iter_mut().zip(embeddings) {
            fact.version += 1;
            fact.embedding = Some(embedding);
        }
        let filled = self.write_filled(user, facts).await?;
        let shelf = self.shelves.fresh(self.store.as_ref(), user).await?;
        drop(turn);
        // A model whose answers never fit would be paid for ever.
        if filled == 0 || shelf.read(Shelf::bare_count) >= before {
            return Ok(Batch::Complete);
        }
        Ok(Batch::Filled(filled))
    }

    /// Writes facts with their embeddings: all at once, or one by one when others changed some meanwhile.
    async fn write_filled(
        &self,
        user: &UserId,
        facts: Vec<FactRecord>,
    ) -> Result<usize, StoreError> {
        let change = |puts: Vec<FactRecord>| {
            self.store.change_facts(FactChange { user: user.clone(), puts, removes: Vec::new() })
        };
        let count = facts.len();
        match change(facts.clone()).await {
            Ok(_) => return Ok(count),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut filled = 0;
        for fact in facts {
            match change(vec![fact]).await {
                Ok(_) => filled += 1,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

fn log_end(ended: Result<Batch, MemoryError>) {
    match ended {
        Ok(Batch::Filled(_) | Batch::Complete) => {}
        Ok(Batch::Failed(error)) => {
            tracing::warn!(%error, "embeddings of facts are made up for when memories are looked for");
        }
        Err(error) => tracing::warn!(%error, "embeddings of facts could not be made up for"),
    }
}
