//! Anthropic's Messages API.

mod message;
mod model;
mod request;
mod response;
mod schema;
mod stream;
mod wire;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::Capabilities;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::ContentBlock;
use livos_core::Delivery;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use reqwest::Response;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use self::response::Answer;
use crate::catalog;
use crate::config::ConfigError;
use crate::config::ProviderConfig;
use crate::transport::HttpClients;
use crate::transport::Transport;
use crate::transport::arrives_in_pieces;
use crate::transport::secret_header;

pub(crate) use self::stream::AnthropicMachine;

/// The wire's name on signatures and native blocks.
pub(crate) const ISSUER: &str = "anthropic";

/// The version of the wire that this module speaks.
const API_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The window of a model that the catalogue does not know: the smallest of the current ones.
const USUAL_CONTEXT_WINDOW: u64 = 200_000;

/// Claude, through Anthropic's Messages API or a service that speaks it.
///
/// ```no_run
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// use livos_core::{AIProvider, ChatRequest, Message};
/// use livos_providers::Anthropic;
///
/// let claude = Anthropic::with_key(std::env::var("ANTHROPIC_API_KEY")?)?;
/// let answer = claude.chat(ChatRequest::new("claude-sonnet-4-6", [Message::user("Hi!")])).await?;
/// println!("{}", answer.message.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Anthropic {
    transport: Transport,
}

impl Anthropic {
    /// Anthropic's own address.
    pub const BASE_URL: &str = "https://api.anthropic.com";

    /// Anthropic's own service under the id `anthropic`.
    ///
    /// # Errors
    /// When the key holds characters that no header can carry.
    pub fn with_key(key: impl Into<livos_core::Secret>) -> Result<Self, ConfigError> {
        Ok(Self::new(ProviderConfig::new(ISSUER, Self::BASE_URL)?.with_api_key(key)?))
    }

    /// Any service that speaks the Messages API.
    pub fn new(config: ProviderConfig) -> Self {
        Self::with_clients(config, HttpClients::default())
    }

    pub(crate) fn with_clients(config: ProviderConfig, clients: HttpClients) -> Self {
        Self { transport: Transport::new(config, clients) }
    }

    async fn post(&self, request: &ChatRequest) -> Result<Response, ProviderError> {
        let ready = self.transport.ready().await?;
        let mut headers = self.headers();
        for beta in request::betas(request) {
            headers
                .append(HeaderName::from_static("anthropic-beta"), HeaderValue::from_static(beta));
        }
        let timeout = self.transport.head_timeout(request.delivery);
        let body = request::encode(request);
        ready.post(&self.path("messages"), headers, body, timeout).await
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), API_VERSION);
        let key = self.transport.config().api_key();
        if let Some(key) = key.and_then(|key| secret_header(key.expose())) {
            headers.insert(HeaderName::from_static("x-api-key"), key);
        }
        headers
    }

    /// Below `/v1`, which some people write into the base URL and some do not.
    fn path(&self, resource: &str) -> String {
        if self.transport.config().base_url().ends_with("/v1") {
            format!("/{resource}")
        } else {
            format!("/v1/{resource}")
        }
    }

    async fn read_whole(
        &self,
        model: &ModelName,
        response: Response,
    ) -> Result<ChatResponse, ProviderError> {
        let provider = self.transport.provider().clone();
        let read = |body: &[u8]| Answer::whole(provider, model.as_str(), body);
        Ok(self.transport.read_whole(response, read).await?.finish())
    }

    fn stream(&self, model: &ModelName, response: Response) -> ChatStream {
        let machine = AnthropicMachine::new(self.transport.provider().clone(), model.as_str());
        self.transport.stream(response, machine)
    }
}

#[async_trait]
impl AIProvider for Anthropic {
    fn id(&self) -> &ProviderId {
        self.transport.provider()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let response = self.post(&request).await?;
        self.transport.refuse_html(&response)?;
        if arrives_in_pieces(&response, request.delivery) {
            return Ok(self.stream(&request.model, response));
        }
        let whole = self.read_whole(&request.model, response).await?;
        Ok(futures::stream::iter(pieces(whole, request.delivery).map(Ok)).boxed())
    }

    async fn verify(&self) -> Result<(), ProviderError> {
        let path = self.path("models?limit=1");
        let response = self.transport.get(&path, self.headers()).await?;
        self.transport.refuse_html(&response)
    }

    fn capabilities(&self, model: &ModelName) -> Capabilities {
        let mut usual = Capabilities::default();
        usual.images = true;
        usual.documents = true;
        usual.structured_output = true;
        usual.context_window = Some(USUAL_CONTEXT_WINDOW);
        catalog::capabilities(catalog::Vendor::Anthropic, model.as_str(), usual)
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let path = self.path("models?limit=1000");
        let response = self.transport.get(&path, self.headers()).await?;
        let list: WireModels = self.transport.read_json(response).await?;
        let names = list.data.into_iter().map(|model| ModelName::from(model.id));
        Ok(names
            .map(|name| {
                let capabilities = self.capabilities(&name);
                ModelInfo::new(self.id().clone(), name, capabilities)
            })
            .collect())
    }
}

#[derive(Deserialize)]
struct WireModels {
    data: Vec<WireModel>,
}

#[derive(Deserialize)]
struct WireModel {
    id: String,
}

/// A whole answer as the pieces it would have come in.
fn pieces(answer: ChatResponse, delivery: Delivery) -> impl Iterator<Item = ChatChunk> {
    let shown = match delivery {
        Delivery::Streamed => answer.message.content.as_slice(),
        Delivery::Whole => &[],
    };
    let deltas: Vec<_> = shown
        .iter()
        .filter_map(|block| match block {
            ContentBlock::Text(text) => Some(ChatChunk::Text(text.text.clone())),
            ContentBlock::Thinking(thinking) => Some(ChatChunk::Thinking(thinking.text.clone())),
            ContentBlock::ToolUse(call) => Some(ChatChunk::ToolCall {
                call_id: call.call_id.clone(),
                name: call.name.clone(),
                partial_json: call.input.to_json(),
            }),
            _ => None,
        })
        .collect();
    deltas.into_iter().chain(std::iter::once(ChatChunk::Finished(Box::new(answer))))
}
