//! What turns texts into numbers that can be compared.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::error::EmbeddingFault;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::Embedding;

/// The most dimensions that an embedding may have.
pub const MAX_DIMENSIONS: usize = 4096;

/// What turns texts into numbers that can be compared.
///
/// # For implementors
/// - The answer has an embedding for each text, in their order, all of as many dimensions.
/// - The name of the model says everything that makes embeddings comparable: with another prefix it is
///   another name.
/// - Dropping a returned future stops the work.
#[async_trait]
pub trait Embedder: fmt::Debug + Send + Sync + 'static {
    /// The model, as `provider/model`.
    fn model(&self) -> &Arc<str>;

    /// Embeds texts.
    ///
    /// # Errors
    /// When it could not be done, or not now.
    async fn embed(
        &self,
        texts: &[String],
        purpose: EmbeddingPurpose,
    ) -> Result<Embeddings, EmbedError>;
}

/// What an embedder answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embeddings {
    /// The numbers of each text, in their order.
    pub values: Vec<Vec<f32>>,
    /// The tokens that it took, where they are known; they are the input's.
    pub usage: Usage,
    /// What it cost, where the price is known.
    pub cost: Option<MicroUsd>,
}

impl From<Vec<Vec<f32>>> for Embeddings {
    /// Embeddings that took nothing one would count.
    fn from(values: Vec<Vec<f32>>) -> Self {
        Self { values, ..Self::default() }
    }
}

/// What an embedding is for; some models tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmbeddingPurpose {
    /// To be found.
    Document,
    /// To find by.
    Query,
}

/// Why there is no embedding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The service does not answer, or not now.
    #[error("the embedding model '{model}' does not answer: {message}")]
    Unavailable {
        /// The model.
        model: String,
        /// What went wrong.
        message: String,
    },
    /// The service refuses; the settings must change.
    #[error("the embedding model '{model}' refuses: {message}")]
    Refused {
        /// The model.
        model: String,
        /// What it says.
        message: String,
    },
    /// What came is no embedding.
    #[error("the embedding model '{model}' gave something else: {fault}")]
    Faulty {
        /// The model.
        model: String,
        /// What is wrong with it.
        fault: EmbeddingFault,
    },
}

impl Embedding {
    /// An embedding, scaled to length 1.
    ///
    /// # Errors
    /// When it has no or too many dimensions, or one of its numbers is no finite one.
    pub fn new(model: impl Into<Arc<str>>, values: &[f32]) -> Result<Self, EmbeddingFault> {
        if values.is_empty() || values.len() > MAX_DIMENSIONS {
            return Err(EmbeddingFault::Size { found: values.len(), limit: MAX_DIMENSIONS });
        }
        if let Some(dimension) = values.iter().position(|value| !value.is_finite()) {
            return Err(EmbeddingFault::NotFinite { dimension });
        }
        let length = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "a quotient of at most 1")]
        let scaled = values.iter().map(|value| (f64::from(*value) / length) as f32);
        if length == 0.0 {
            return Err(EmbeddingFault::NotFinite { dimension: 0 });
        }
        Ok(Self { model: model.into(), values: scaled.collect() })
    }

    /// How alike two are: 1 for the same, 0 for nothing in common, and for those that do not compare.
    pub fn similarity(&self, other: &Self) -> f32 {
        if self.model != other.model || self.values.len() != other.values.len() {
            return 0.0;
        }
        self.values.iter().zip(&*other.values).map(|(left, right)| left * right).sum()
    }
}
