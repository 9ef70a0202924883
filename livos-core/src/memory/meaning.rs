//! Texts as embeddings: known ones are not asked for again, nobody waits for long, what comes is checked,
//! and what it took is counted.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::embedder::EmbedError;
use super::embedder::Embedder;
use super::embedder::EmbeddingPurpose;
use super::embedder::Embeddings;
use super::error::EmbeddingFault;
use super::known_texts::KnownTexts;
use super::notes::Notes;
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::store::CallStatus;
use crate::store::Embedding;
use crate::store::UsagePurpose;
use crate::store::UsageRow;

/// How long somebody waits for the embedding of one text. A local model may have to be loaded first.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long many may take.
const PATIENCE_FOR_MANY: Duration = Duration::from_secs(300);
/// After a time-out nobody waits again for so long.
const REST: Duration = Duration::from_secs(30);

/// For whom a model is asked, and where that is written down.
pub(super) type By<'a> = (&'a UserId, &'a Notes);

/// An embedding model, as memory uses it.
#[derive(Debug)]
pub(super) struct Meaning {
    embedder: Arc<dyn Embedder>,
    clock: Arc<dyn Clock>,
    known: KnownTexts,
    rests_until: Mutex<Option<Timestamp>>,
}

impl Meaning {
    pub(super) fn new(embedder: Arc<dyn Embedder>, clock: Arc<dyn Clock>) -> Self {
        Self { embedder, clock, known: KnownTexts::default(), rests_until: Mutex::default() }
    }

    pub(super) fn model(&self) -> &Arc<str> {
        self.embedder.model()
    }

    /// The embedding of a text that is to be found, known or asked for.
    pub(super) async fn of(&self, by: By<'_>, text: &str) -> Result<Embedding, EmbedError> {
        self.one(by, text, EmbeddingPurpose::Document, PATIENCE).await
    }

    /// The embedding of a question, known or asked for, for which nobody waits longer than this.
    pub(super) async fn of_question(
        &self,
        by: By<'_>,
        text: &str,
        patience: Option<Duration>,
    ) -> Result<Embedding, EmbedError> {
        let patience = patience.map_or(PATIENCE, |patience| patience.min(PATIENCE));
        self.one(by, text, EmbeddingPurpose::Query, patience).await
    }

    async fn one(
        &self,
        by: By<'_>,
        text: &str,
        purpose: EmbeddingPurpose,
        patience: Duration,
    ) -> Result<Embedding, EmbedError> {
        if let Some(known) = self.known.get(text, purpose) {
            return Ok(known);
        }
        let texts = [text.to_owned()];
        let mut all = self.ask(by, &texts, purpose, patience).await?;
        let embedding = all.pop().ok_or_else(|| self.faulty(count(0, 1)))?;
        self.known.put(text, purpose, &embedding);
        Ok(embedding)
    }

    /// The embeddings of many texts that are to be found.
    pub(super) async fn of_all(
        &self,
        by: By<'_>,
        texts: &[String],
    ) -> Result<Vec<Embedding>, EmbedError> {
        self.ask(by, texts, EmbeddingPurpose::Document, PATIENCE_FOR_MANY).await
    }

    async fn ask(
        &self,
        (user, notes): By<'_>,
        texts: &[String],
        purpose: EmbeddingPurpose,
        patience: Duration,
    ) -> Result<Vec<Embedding>, EmbedError> {
        let asked_at = self.clock.now();
        self.refuse_while_resting(asked_at)?;
        let asked = tokio::time::timeout(patience, self.embedder.embed(texts, purpose));
        let answer = asked.await.unwrap_or_else(|_| {
            let rests_until = self.clock.now().saturating_add(REST);
            *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(rests_until);
            Err(self.unavailable(format!("no answer within {patience:?}")))
        });
        let (answer, taken) = match answer {
            Ok(answer) => {
                let checked = self.checked(&answer, texts.len());
                let status = match checked {
                    Ok(_) => CallStatus::Answered,
                    Err(_) => CallStatus::Discarded,
                };
                (checked, (status, Embeddings { values: Vec::new(), ..answer }))
            }
            Err(error) => (Err(error), (CallStatus::Failed, Embeddings::default())),
        };
        notes.called(self.row(user, asked_at, taken));
        answer
    }

    fn refuse_while_resting(&self, now: Timestamp) -> Result<(), EmbedError> {
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        match rests_until.is_some_and(|until| now < until) {
            true => Err(self.unavailable("it did not answer in time just now".to_owned())),
            false => Ok(()),
        }
    }

    fn checked(&self, answer: &Embeddings, expected: usize) -> Result<Vec<Embedding>, EmbedError> {
        let model = self.model();
        if answer.values.len() != expected {
            return Err(self.faulty(count(answer.values.len(), expected)));
        }
        let dimensions = answer.values.first().map_or(0, Vec::len);
        let check = |values: &Vec<f32>| {
            if values.len() != dimensions {
                let (model, found) = (model.to_string(), values.len());
                return Err(EmbeddingFault::Dimension { model, found, expected: dimensions });
            }
            Embedding::new(Arc::clone(model), values)
        };
        answer.values.iter().map(check).collect::<Result<_, _>>().map_err(|it| self.faulty(it))
    }

    fn row(
        &self,
        user: &UserId,
        asked_at: Timestamp,
        (status, taken): (CallStatus, Embeddings),
    ) -> UsageRow {
        let at = self.clock.now();
        let name = self.model();
        let (provider, model) = name.split_once('/').unwrap_or(("", name));
        UsageRow {
            at,
            provider: provider.into(),
            model: model.into(),
            purpose: UsagePurpose::Embedding,
            status,
            usage: taken.usage,
            cost_micro_usd: taken.cost,
            time_to_first_token_ms: None,
            duration_ms: u64::try_from(at.since(asked_at).as_millis()).unwrap_or(u64::MAX),
            run_id: None,
            session_id: None,
            user: user.clone(),
            channel: "memory".into(),
        }
    }

    fn faulty(&self, fault: EmbeddingFault) -> EmbedError {
        EmbedError::Faulty { model: self.model().to_string(), fault }
    }

    fn unavailable(&self, message: String) -> EmbedError {
        EmbedError::Unavailable { model: self.model().to_string(), message }
    }
}

fn count(found: usize, expected: usize) -> EmbeddingFault {
    EmbeddingFault::Count { found, expected }
}
