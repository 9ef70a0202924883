//! Embeddings of services that speak as OpenAI does.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingFault;
use livos_core::EmbeddingPurpose;
use livos_core::ProviderError;
use serde::Deserialize;
use serde_json::json;

use super::OpenAiCompatible;
use crate::transport::RequestBody;

/// How many texts are sent at once.
const BATCH: usize = 64;

/// An embedding model of a service that speaks as OpenAI does: OpenAI, Mistral, Ollama, vLLM and others.
///
/// ```no_run
/// # fn make() -> Result<(), livos_providers::ConfigError> {
/// use livos_providers::openai_compatible::Dialect;
/// use livos_providers::{OpenAiCompatible, OpenAiEmbedder, ProviderConfig};
///
/// let ollama = ProviderConfig::new("ollama", "http://127.0.0.1:11434/v1")?;
/// let ollama = OpenAiCompatible::new(&Dialect::OLLAMA, ollama);
/// let embedder = OpenAiEmbedder::new(ollama, "nomic-embed-text");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OpenAiEmbedder {
    service: OpenAiCompatible,
    /// The model as the service calls it.
    model: String,
    name: Arc<str>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl OpenAiEmbedder {
    /// A model of a service, by the name that the service gives it.
    pub fn new(service: OpenAiCompatible, model: impl Into<String>) -> Self {
        let model = model.into();
        let name = format!("{}/{model}", service.transport.provider()).into();
        Self { service, model, name }
    }

    async fn batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let answer = self.ask(texts).await.map_err(|error| self.failed(&error))?;
        let found = answer.data.len();
        if found != texts.len() {
            let fault = EmbeddingFault::Count { found, expected: texts.len() };
            return Err(EmbedError::Faulty { model: self.name.to_string(), fault });
        }
        let mut items: Vec<(usize, Vec<f32>)> = answer
            .data
            .into_iter()
            .enumerate()
            .map(|(place, item)| (item.index.unwrap_or(place), item.embedding))
            .collect();
        items.sort_by_key(|(index, _)| *index);
        Ok(items.into_iter().map(|(_, values)| values).collect())
    }

    async fn ask(&self, texts: &[String]) -> Result<Answer, ProviderError> {
        let body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        let body = RequestBody::new(Bytes::from(body.to_string()), Bytes::new(), Bytes::new());
        let transport = &self.service.transport;
        let timeout = transport.config().header_timeout();
        let headers = self.service.headers();
        let response = transport.post("/embeddings", headers, body, timeout).await?;
        transport.read_json(response).await
    }

    fn failed(&self, error: &ProviderError) -> EmbedError {
        let (model, message) = (self.name.to_string(), error.to_string());
        match error {
            ProviderError::Authentication(_)
            | ProviderError::QuotaExhausted(_)
            | ProviderError::UnknownModel(_)
            | ProviderError::InvalidRequest(_) => EmbedError::Refused { model, message },
            _ => EmbedError::Unavailable { model, message },
        }
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &Arc<str> {
        &self.name
    }

    async fn embed(
        &self,
        texts: &[String],
        _: EmbeddingPurpose,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut all = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            all.extend(self.batch(batch).await?);
        }
        Ok(all)
    }
}
