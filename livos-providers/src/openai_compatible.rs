//! OpenAI's chat completions, and everything else that speaks them.
//!
//! What differs between services is data: see [`Dialect`].

mod answer;
mod dialect;
mod embeddings;
mod failure;
mod history;
mod ids;
mod models;
mod parts;
mod reasoning;
mod request;
mod response;
mod sizes;
mod stream;
#[cfg(feature = "tokens")]
mod tokens;
mod tool_calls;
mod usage;
mod wire;

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::Capabilities;
use livos_core::ChatRequest;
use livos_core::ChatStream;
use livos_core::ModelInfo;
use livos_core::ModelLookup;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Secret;
use reqwest::Response;
use reqwest::header::AUTHORIZATION;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;

use self::answer::Asked;
use self::sizes::Sizes;
use crate::config::ConfigError;
use crate::config::ProviderConfig;
use crate::transport::HttpClients;
use crate::transport::Transport;
use crate::transport::arrives_in_pieces;
use crate::transport::secret_header;

pub(crate) use self::dialect::authority;
#[cfg(feature = "fuzzing")]
pub(crate) use self::stream::fuzz_machine;

pub use self::dialect::AuthHeader;
pub use self::dialect::CostReport;
pub use self::dialect::Dialect;
pub use self::dialect::DocumentInput;
pub use self::dialect::EmptyContent;
pub use self::dialect::ForcedTool;
pub use self::dialect::ImageInput;
pub use self::dialect::KeyRule;
pub use self::dialect::LateInstructions;
pub use self::dialect::NamedTool;
pub use self::dialect::OutputLimit;
pub use self::dialect::ParallelCalls;
pub use self::dialect::ReasoningReplay;
pub use self::dialect::ReasoningSampling;
pub use self::dialect::ReasoningSwitch;
pub use self::dialect::StreamEnd;
pub use self::dialect::StreamUsage;
pub use self::dialect::StructuredOutput;
pub use self::dialect::SystemRole;
pub use self::dialect::ToldSizes;
pub use self::dialect::ToolCallIds;
pub use self::dialect::ToolMedia;
pub use self::embeddings::OpenAiEmbedder;

/// A service that speaks OpenAI's chat completions.
///
/// ```no_run
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// use livos_core::{AIProvider, ChatRequest, Message};
/// use livos_providers::OpenAiCompatible;
/// use livos_providers::openai_compatible::Dialect;
///
/// let groq = OpenAiCompatible::with_key(&Dialect::GROQ, std::env::var("GROQ_API_KEY")?)?;
/// let request = ChatRequest::new("openai/gpt-oss-20b", [Message::user("Hi!")]);
/// println!("{}", groq.chat(request).await?.message.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OpenAiCompatible {
    transport: Transport,
    dialect: &'static Dialect,
    /// What each request carries, the key among them.
    headers: HeaderMap,
    /// What tells encodings of this dialect from all others.
    format: u64,
    /// What the service told of models that are in no catalogue.
    sizes: Sizes,
}

impl OpenAiCompatible {
    /// A known service at its own address, under its own name.
    ///
    /// # Errors
    /// When the key holds characters that no header can carry.
    pub fn with_key(
        dialect: &'static Dialect,
        key: impl Into<Secret>,
    ) -> Result<Self, ConfigError> {
        let config = ProviderConfig::new(dialect.name, dialect.base_url)?.with_api_key(key)?;
        Ok(Self::new(dialect, config))
    }

    /// A service at any address. The base URL includes the version, as in `http://127.0.0.1:11434/v1`.
    pub fn new(dialect: &'static Dialect, config: ProviderConfig) -> Self {
        Self::with_clients(dialect, config, HttpClients::default())
    }

    pub(crate) fn with_clients(
        dialect: &'static Dialect,
        config: ProviderConfig,
        clients: HttpClients,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("openai_compatible {dialect:?}").hash(&mut hasher);
        let headers = headers(dialect, &config);
        let transport = Transport::new(config, clients);
        Self { transport, dialect, headers, format: hasher.finish(), sizes: Sizes::default() }
    }

    /// How this service speaks.
    pub fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    async fn post(&self, request: &ChatRequest) -> Result<Response, ProviderError> {
        let timeout = self.transport.head_timeout(request.delivery);
        let ready = self.transport.ready().await?;
        let body = request::encode(self.dialect, self.format, request);
        ready.post("/chat/completions", self.headers(), body, timeout).await
    }

    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn asked(&self, model: &ModelName) -> Asked {
        Asked {
            provider: self.transport.provider().clone(),
            model: model.clone(),
            dialect: self.dialect,
        }
    }

    fn stream(&self, model: &ModelName, response: Response) -> ChatStream {
        self.transport.stream(response, stream::ChatMachine::new(self.asked(model)))
    }
}

fn headers(dialect: &Dialect, config: &ProviderConfig) -> HeaderMap {
    let fixed = dialect.headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(*name).ok()?, HeaderValue::from_str(value).ok()?))
    });
    let mut headers: HeaderMap = fixed.collect();
    if let Some(key) = config.api_key() {
        let (name, value) = match dialect.auth {
            AuthHeader::Bearer => {
                (Ok(AUTHORIZATION), secret_header(&format!("Bearer {}", key.expose())))
            }
            AuthHeader::Named(name) => (HeaderName::try_from(name), secret_header(key.expose())),
        };
        if let (Ok(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    headers
}

#[async_trait]
impl AIProvider for OpenAiCompatible {
    fn id(&self) -> &ProviderId {
        self.transport.provider()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let response = self.post(&request).await?;
        self.transport.refuse_html(&response)?;
        if arrives_in_pieces(&response, request.delivery) {
            return Ok(self.stream(&request.model, response));
        }
        // Whole as asked, or a gateway that does not stream, or a failure reported with status 200.
        let asked = self.asked(&request.model);
        let read = |body: &[u8]| response::pieces(asked, body, request.delivery);
        let pieces = Box::pin(self.transport.read_whole(response, read)).await?;
        Ok(futures::stream::iter(pieces.into_iter().map(Ok)).boxed())
    }

    async fn verify(&self) -> Result<(), ProviderError> {
        let response = self.transport.get(self.dialect.verify_path, self.headers()).await?;
        self.transport.refuse_html(&response)
    }

    fn capabilities(&self, model: &ModelName) -> Capabilities {
        let mut capabilities = models::capabilities(self.dialect, model);
        if capabilities.context_window.is_none()
            && let Some(told) = self.sizes.of(model)
        {
            capabilities.context_window = told.window;
            capabilities.max_output_tokens = told.most;
        }
        capabilities
    }

    fn model_lookup(&self) -> Option<&dyn ModelLookup> {
        (self.dialect.sizes != ToldSizes::Nowhere).then_some(self)
    }

    #[cfg(feature = "tokens")]
    fn token_counter(
        &self,
        model: &ModelName,
    ) -> Option<std::sync::Arc<dyn livos_core::TokenCounter>> {
        tokens::counter(self.dialect, model)
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let response = self.transport.get(self.dialect.models_path, self.headers()).await?;
        let list = self.transport.read_json(response).await?;
        Ok(models::listed(self.dialect, self.id(), list))
    }
}
