//! Embeddings of services that speak as OpenAI does.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingFault;
use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::ProviderError;
use serde::Deserialize;
use serde_json::json;

use super::OpenAiCompatible;
use crate::catalog::embeddings::Answered;
use crate::catalog::embeddings::counted;
use crate::catalog::embeddings::prefix;
use crate::failure::embed_error;
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
    #[serde(default)]
    usage: Option<Taken>,
}

#[derive(Deserialize)]
struct Taken {
    #[serde(default)]
    prompt_tokens: Option<u64>,
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

    async fn batch(&self, texts: &[String]) -> Result<(Vec<Vec<f32>>, Option<u64>), EmbedError> {
        let answer = self.ask(texts).await.map_err(|error| embed_error(&self.name, &error))?;
        let found = answer.data.len();
        let mut items: Vec<(usize, Vec<f32>)> = answer
            .data
            .into_iter()
            .enumerate()
            .map(|(place, item)| (item.index.unwrap_or(place), item.embedding))
            .collect();
        items.sort_by_key(|(index, _)| *index);
        // One that comes twice stands in another's place.
        let in_place = (0..).zip(&items).take_while(|(place, (index, _))| place == index).count();
        if found != texts.len() || in_place != found {
            let fault = EmbeddingFault::Count { found: in_place, expected: texts.len() };
            return Err(EmbedError::Faulty { model: self.name.to_string(), fault });
        }
        let tokens = answer.usage.and_then(|taken| taken.prompt_tokens);
        Ok((items.into_iter().map(|(_, values)| values).collect(), tokens))
    }

    async fn ask(&self, texts: &[String]) -> Result<Answer, ProviderError> {
        let body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        let body = RequestBody::new(Bytes::from(body.to_string()), Bytes::new(), Bytes::new());
        let transport = &self.service.transport;
        let timeout = transport.config().header_timeout();
        let headers = self.service.headers();
        let ready = transport.ready().await?;
        let response = ready.post("/embeddings", headers, body, timeout).await?;
        transport.read_json(response).await
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
        purpose: EmbeddingPurpose,
    ) -> Result<Embeddings, EmbedError> {
        let mut answered = Answered::of(texts.len());
        let prefix = prefix(&self.model, purpose);
        for batch in texts.chunks(BATCH) {
            let batch: Vec<String> = batch.iter().map(|text| format!("{prefix}{text}")).collect();
            let (values, told) = self.batch(&batch).await?;
            answered.add(values, told);
        }
        let model = (self.service.dialect.vendor, self.model.as_str());
        Ok(counted(model, answered, texts))
    }
}
