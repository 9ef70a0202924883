//! Google's Gemini, by its own API (`v1beta`).
//!
//! What the API wants back unchanged travels in the conversation: thought
//! signatures as [`Signature`](livos_core::Signature)s of the issuer `gemini`,
//! parts of its own (code execution and the like) as
//! [`NativeBlock`](livos_core::NativeBlock)s. The key is sent in a header and
//! never in a URL.

mod body;
mod embeddings;
mod model;
mod request;
mod response;
mod stream;
mod wire;

use std::collections::VecDeque;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::Capabilities;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatStream;
use livos_core::Delivery;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use reqwest::header::HeaderMap;

#[cfg(feature = "fuzzing")]
pub(crate) use self::stream::fuzz;

pub use self::embeddings::GeminiEmbedder;

use self::stream::GeminiStream;
use self::wire::ListedModel;
use self::wire::ModelPage;
use crate::config::ConfigError;
use crate::config::ProviderConfig;
use crate::transport::HttpClients;
use crate::transport::Transport;
use crate::transport::arrives_in_pieces;
use crate::transport::secret_header;

/// The wire format's name in signatures and native blocks.
const ISSUER: &str = "gemini";

/// How many pages of models are read, of up to 1,000 models each.
const MAX_MODEL_PAGES: usize = 5;

/// Google's Gemini models, through the Gemini API or a service that speaks it.
///
/// ```no_run
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// use livos_core::{AIProvider, ChatRequest, Message};
/// use livos_providers::Gemini;
///
/// let gemini = Gemini::with_key(std::env::var("GEMINI_API_KEY")?)?;
/// let answer = gemini.chat(ChatRequest::new("gemini-3-flash-preview", [Message::user("Hi!")])).await?;
/// println!("{}", answer.message.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Gemini {
    transport: Transport,
}

impl Gemini {
    /// Where the public service is.
    pub const BASE_URL: &str = "https://generativelanguage.googleapis.com";

    /// Google's own service under the id `gemini`.
    ///
    /// # Errors
    /// When the key holds characters that no header can carry.
    pub fn with_key(key: impl Into<livos_core::Secret>) -> Result<Self, ConfigError> {
        Ok(Self::new(ProviderConfig::new(ISSUER, Self::BASE_URL)?.with_api_key(key)?))
    }

    /// The service that `config` describes. Its base URL may end in a version; without one it is `v1beta`.
    pub fn new(config: ProviderConfig) -> Self {
        Self::with_clients(config, HttpClients::default())
    }

    /// Shares connection pools with other providers.
    pub(crate) fn with_clients(config: ProviderConfig, clients: HttpClients) -> Self {
        Self { transport: Transport::new(config, clients) }
    }

    async fn ask(&self, request: &ChatRequest) -> Result<reqwest::Response, ProviderError> {
        let method = match request.delivery {
            Delivery::Streamed => "streamGenerateContent?alt=sse",
            Delivery::Whole => "generateContent",
        };
        let path = self.model_path(&request.model, method)?;
        let timeout = self.transport.head_timeout(request.delivery);
        let ready = self.transport.ready().await?;
        let body = request::encode(request);
        ready.post(&path, self.headers()?, body, timeout).await
    }

    fn read_pieces(
        &self,
        model: ModelName,
        body: &[u8],
    ) -> Result<VecDeque<ChatChunk>, ProviderError> {
        let body = str::from_utf8(body).map_err(|error| {
            let failure = self.failure("the answer is not UTF-8").with_source(error);
            ProviderError::MalformedResponse(failure)
        })?;
        stream::pieces(self.transport.provider().clone(), model, body)
    }

    fn headers(&self) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        let key = self.transport.config().api_key();
        if let Some(key) = key.and_then(|key| secret_header(key.expose())) {
            headers.insert(API_KEY_HEADER, key);
            return Ok(headers);
        }
        // A local stand-in may need no key; Google would only answer with a riddle.
        if self.transport.config().base_url() == Self::BASE_URL {
            let message = "no API key is set; set GEMINI_API_KEY or add one in the settings";
            return Err(ProviderError::Authentication(self.failure(message)));
        }
        Ok(headers)
    }

    /// The path of a model's method, for names that cannot lead elsewhere.
    fn model_path(&self, model: &ModelName, method: &str) -> Result<String, ProviderError> {
        let name = model.as_str();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/@".contains(c);
        if name.is_empty() || name.contains("..") || !name.chars().all(is_plain) {
            let failure = self.failure(&format!("'{name}' is no name of a model"));
            return Err(ProviderError::UnknownModel(failure));
        }
        let collection = if name.contains('/') { "" } else { "models/" };
        Ok(format!("{}/{collection}{name}:{method}", self.version()))
    }

    fn version(&self) -> &'static str {
        let base = self.transport.config().base_url();
        let has_version = ["/v1", "/v1beta", "/v1alpha"].iter().any(|end| base.ends_with(end));
        if has_version { "" } else { "/v1beta" }
    }

    fn failure(&self, message: &str) -> ProviderFailure {
        ProviderFailure::new(self.transport.provider().clone(), message)
    }

    async fn model_page(&self, size: u32, token: &str) -> Result<ModelPage, ProviderError> {
        let version = self.version();
        let path = format!("{version}/models?pageSize={size}&pageToken={token}");
        let response = self.transport.get(&path, self.headers()?).await?;
        self.transport.read_json(response).await
    }

    fn describe(&self, listed: &ListedModel) -> Option<ModelInfo> {
        let chats = listed.supported_generation_methods.iter().any(|it| it == "generateContent");
        let name = listed.name.strip_prefix("models/").unwrap_or(&listed.name);
        if !chats || name.is_empty() {
            return None;
        }
        let mut known = model::capabilities(name);
        known.context_window = listed.input_token_limit.or(known.context_window);
        known.max_output_tokens = listed.output_token_limit.or(known.max_output_tokens);
        known.thinking = listed.thinking.unwrap_or(known.thinking);
        Some(ModelInfo::new(self.transport.provider().clone(), ModelName::from(name), known))
    }
}

const API_KEY_HEADER: reqwest::header::HeaderName =
    reqwest::header::HeaderName::from_static("x-goog-api-key");

#[async_trait]
impl AIProvider for Gemini {
    fn id(&self) -> &ProviderId {
        self.transport.provider()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let response = self.ask(&request).await?;
        self.transport.refuse_html(&response)?;
        if arrives_in_pieces(&response, request.delivery) {
            let machine = GeminiStream::new(self.id().clone(), request.model);
            return Ok(self.transport.stream(response, machine));
        }
        let read = |body: &[u8]| self.read_pieces(request.model, body);
        let mut pieces = self.transport.read_whole(response, read).await?;
        if request.delivery == Delivery::Whole {
            pieces.retain(|piece| matches!(piece, ChatChunk::Finished(_)));
        }
        Ok(futures::stream::iter(pieces.into_iter().map(Ok)).boxed())
    }

    /// Lists one model: it costs nothing and fails where the key does.
    async fn verify(&self) -> Result<(), ProviderError> {
        self.model_page(1, "").await.map(|_| ())
    }

    fn capabilities(&self, model: &ModelName) -> Capabilities {
        model::capabilities(model.as_str())
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let mut models = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_MODEL_PAGES {
            let page = self.model_page(1_000, &token).await?;
            models.extend(page.models.iter().filter_map(|listed| self.describe(listed)));
            token = page.next_page_token;
            // A token goes into the next URL: only what needs no escape is followed.
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._=".contains(c);
            if token.is_empty() || !token.chars().all(is_plain) {
                break;
            }
        }
        Ok(models)
    }
}
