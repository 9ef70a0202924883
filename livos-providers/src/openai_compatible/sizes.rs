//! How large the windows of models are that are in no catalogue, as their service tells.
//!
//! It is asked before a run, about the model of the run, and its answer is kept. So nothing is asked
//! while nothing happens, nor while a run is under way.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use livos_core::ModelLookup;
use livos_core::ModelName;
use livos_core::ProviderError;
use serde_json::json;
use tokio::time::Instant;

use super::OpenAiCompatible;
use super::dialect::ToldSizes;
use super::wire::LlamaProps;
use super::wire::ModelList;
use super::wire::OllamaModel;
use super::wire::OllamaRunning;
use crate::transport::RequestBody;

/// How long a run waits for the answer. Who serves models tells it in milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer holds: servers are restarted with another window.
const FRESH: Duration = Duration::from_mins(10);

/// How long a service is left alone that did not tell.
const RETRY: Duration = Duration::from_mins(1);

/// How many models are remembered; names come from outside.
const CAPACITY: usize = 256;

/// What Ollama gives a model that nobody set a window for, unless the machine has much memory for it.
/// Once the model is loaded, Ollama tells what it really gave it.
const OLLAMA_USUAL_WINDOW: u64 = 4_096;

/// How large a model is, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// What it takes, prompt and answer together.
    pub(super) window: Option<u64>,
    /// How long an answer may be.
    pub(super) most: Option<u64>,
}

/// What a service told, and until when that holds.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    told: Mutex<BTreeMap<ModelName, Told>>,
    /// One asks, and the others wait for the same answer.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Told {
    size: Option<Size>,
    until: Instant,
}

/// How long an answer is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    Fresh,
    /// Until the next run.
    Once,
}

impl Sizes {
    pub(super) fn of(&self, model: &ModelName) -> Option<Size> {
        self.told().get(model).and_then(|told| told.size)
    }

    fn is_fresh(&self, model: &ModelName) -> bool {
        self.told().get(model).is_some_and(|told| Instant::now() < told.until)
    }

    /// Keeps an answer. Without one, what was told before still holds.
    fn keep(&self, model: &ModelName, answer: Option<(Size, Lasting)>) {
        let now = Instant::now();
        let mut told = self.told();
        if told.len() >= CAPACITY && !told.contains_key(model) {
            told.clear();
        }
        let before = told.get(model).and_then(|told| told.size);
        let (size, until) = match answer {
            Some((size, Lasting::Fresh)) => (Some(size), now + FRESH),
            Some((size, Lasting::Once)) => (Some(size), now),
            None => (before, now + RETRY),
        };
        told.insert(model.clone(), Told { size, until });
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<ModelName, Told>> {
        // Every change leaves a whole map behind.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ModelLookup for OpenAiCompatible {
    async fn look_up(&self, model: &ModelName) {
        if self.dialect.known(model.as_str()).is_some() || self.sizes.is_fresh(model) {
            return;
        }
        let asking = async {
            let _turn = self.sizes.turn.lock().await;
            if self.sizes.is_fresh(model) {
                return;
            }
            let answer = self.size(model).await.unwrap_or_else(|error| {
                tracing::debug!(%model, %error, "the service does not tell how large its model is");
                None
            });
            self.sizes.keep(model, answer);
        };
        if tokio::time::timeout(PATIENCE, asking).await.is_err() {
            tracing::debug!(%model, "the service did not tell in time how large its model is");
            self.sizes.keep(model, None);
        }
    }
}

impl OpenAiCompatible {
    async fn size(&self, model: &ModelName) -> Result<Option<(Size, Lasting)>, ProviderError> {
        let fresh = |size: Option<Size>| size.map(|size| (size, Lasting::Fresh));
        match self.dialect.sizes {
            ToldSizes::Nowhere => Ok(None),
            ToldSizes::ModelList | ToldSizes::LlamaProps => Ok(fresh(self.listed(model).await?)),
            ToldSizes::OllamaApi => self.ollama(model).await,
        }
    }

    /// What the list of models says. A server of one model takes any name for it.
    async fn listed(&self, model: &ModelName) -> Result<Option<Size>, ProviderError> {
        let response = self.transport.get(self.dialect.models_path, self.headers()).await?;
        let mut list: ModelList = self.transport.read_json(response).await?;
        let place = list.data.iter().position(|listed| listed.id == model.as_str());
        let listed = match (place, list.data.len()) {
            (Some(place), _) => list.data.swap_remove(place),
            (None, 1) => list.data.swap_remove(0),
            (None, _) => return Ok(None),
        };
        let mut size = Size { window: listed.window(), most: listed.max_completion_tokens };
        if self.dialect.sizes == ToldSizes::LlamaProps && listed.tells_only_training() {
            let props: LlamaProps = self.beside("/props").await?;
            let window = props.default_generation_settings.n_ctx.filter(|window| *window > 0);
            size.window = window.or(size.window);
        }
        Ok(size.window.is_some().then_some(size))
    }

    /// A loaded model has the window that Ollama gave it. Another will get the one in its file, or
    /// else the usual one, but no larger than what the model was made for.
    async fn ollama(&self, model: &ModelName) -> Result<Option<(Size, Lasting)>, ProviderError> {
        let running: OllamaRunning = self.beside("/api/ps").await?;
        let loaded = running.models.iter().find(|running| running.is(model.as_str()));
        if let Some(window) = loaded.and_then(|loaded| loaded.context_length) {
            return Ok(Some((Size { window: Some(window), most: None }, Lasting::Fresh)));
        }
        let question = json!({ "model": model }).to_string();
        let body = RequestBody::new(Bytes::from(question), Bytes::new(), Bytes::new());
        let path = beside("/api/show");
        let ready = self.transport.ready().await?;
        let response = ready.post(&path, self.headers(), body, PATIENCE).await?;
        let shown: OllamaModel = self.transport.read_json(response).await?;
        let window = shown.window_set().unwrap_or(OLLAMA_USUAL_WINDOW);
        let window = shown.window_made_for().map_or(window, |most| window.min(most));
        Ok(Some((Size { window: Some(window), most: None }, Lasting::Once)))
    }

    async fn beside<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ProviderError> {
        let response = self.transport.get(&beside(path), self.headers()).await?;
        self.transport.read_json(response).await
    }
}

/// A path beside the version that ends the base URL (`/v1`), as URLs are read.
fn beside(path: &str) -> String {
    format!("/..{path}")
}
