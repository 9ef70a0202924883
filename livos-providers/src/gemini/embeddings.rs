//! Embeddings of Google's Gemini.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingFault;
use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::ModelName;
use livos_core::ProviderError;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::Gemini;
use crate::catalog::Vendor;
use crate::catalog::embeddings::Answered;
use crate::catalog::embeddings::counted;
use crate::failure::embed_error;
use crate::transport::RequestBody;

/// How many texts are sent at once; the service takes 100.
const BATCH: usize = 64;

/// An embedding model of Google's Gemini.
///
/// ```no_run
/// # fn make() -> Result<(), livos_providers::ConfigError> {
/// use livos_providers::{Gemini, GeminiEmbedder};
///
/// let gemini = Gemini::with_key("a-key")?;
/// let embedder = GeminiEmbedder::new(gemini, "gemini-embedding-001");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GeminiEmbedder {
    service: Gemini,
    /// The model as the service calls it, with or without `models/`.
    model: ModelName,
    name: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    embeddings: Vec<Item>,
    #[serde(default)]
    usage_metadata: Option<Taken>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

impl GeminiEmbedder {
    /// A model of the service, by the name that it gives it.
    pub fn new(service: Gemini, model: impl Into<ModelName>) -> Self {
        let model = model.into();
        let name = format!("{}/{model}", service.transport.provider()).into();
        Self { service, model, name }
    }

    async fn ask(
        &self,
        texts: &[String],
        purpose: EmbeddingPurpose,
    ) -> Result<Answer, ProviderError> {
        let path = self.service.model_path(&self.model, "batchEmbedContents")?;
        let requests: Vec<Value> = texts.iter().map(|text| self.request(text, purpose)).collect();
        let body = Bytes::from(json!({ "requests": requests }).to_string());
        let body = RequestBody::new(body, Bytes::new(), Bytes::new());
        let transport = &self.service.transport;
        let timeout = transport.config().header_timeout();
        let ready = transport.ready().await?;
        let response = ready.post(&path, self.service.headers()?, body, timeout).await?;
        transport.read_json(response).await
    }

    fn request(&self, text: &str, purpose: EmbeddingPurpose) -> Value {
        let name = self.model.as_str();
        let collection = if name.contains('/') { "" } else { "models/" };
        let mut request = json!({
            "model": format!("{collection}{name}"),
            "content": { "parts": [{ "text": text }] },
        });
        // Later models tell by the text itself, and refuse the field.
        let tells_apart = ["gemini-embedding-001", "text-embedding-004"];
        if let Some(request) = request.as_object_mut()
            && tells_apart.iter().any(|model| name.ends_with(model))
        {
            let task = match purpose {
                EmbeddingPurpose::Document => "RETRIEVAL_DOCUMENT",
                EmbeddingPurpose::Query => "RETRIEVAL_QUERY",
            };
            request.insert("taskType".to_owned(), task.into());
        }
        request
    }
}

#[async_trait]
impl Embedder for GeminiEmbedder {
    fn model(&self) -> &Arc<str> {
        &self.name
    }

    async fn embed(
        &self,
        texts: &[String],
        purpose: EmbeddingPurpose,
    ) -> Result<Embeddings, EmbedError> {
        let mut answered = Answered::of(texts.len());
        for batch in texts.chunks(BATCH) {
            let asked = self.ask(batch, purpose).await;
            let answer = asked.map_err(|error| embed_error(&self.name, &error))?;
            let (found, expected) = (answer.embeddings.len(), batch.len());
            if found != expected {
                let fault = EmbeddingFault::Count { found, expected };
                return Err(EmbedError::Faulty { model: self.name.to_string(), fault });
            }
            let told = answer.usage_metadata.and_then(|taken| taken.prompt_token_count);
            answered.add(answer.embeddings.into_iter().map(|item| item.values), told);
        }
        let model = self.model.as_str().trim_start_matches("models/");
        Ok(counted((Some(Vendor::Gemini), model), answered, texts))
    }
}
