//! What any model backend must do, and the pieces it does it with.
//!
//! Implement [`AIProvider`] to add a backend; two methods are required. Retry,
//! fallback and health are not a provider's business: the
//! [`ProviderManager`](crate::ProviderManager) owns them, and is an
//! `AIProvider` itself.

mod capabilities;
mod chain;
mod chunk;
mod error;
mod request;
mod response;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::context::TokenCounter;
use crate::id::ModelName;
use crate::id::ProviderId;

pub use self::capabilities::Capabilities;
pub use self::capabilities::ModelInfo;
pub use self::capabilities::ToolSupport;
pub use self::chain::CircuitState;
pub use self::chain::ProviderHealth;
pub use self::chain::ProviderManager;
pub use self::chain::ProviderManagerBuilder;
pub use self::chain::RetryPolicy;
pub use self::chain::Tiers;
pub use self::chunk::ChatChunk;
pub use self::error::ProviderError;
pub use self::error::ProviderFailure;
pub use self::request::ChatRequest;
pub use self::request::Delivery;
pub use self::request::OutputFormat;
pub use self::request::ThinkingEffort;
pub use self::request::ToolChoice;
pub use self::response::ChatResponse;
pub use self::response::StopReason;

/// The pieces of one answer as they arrive. The last item is [`ChatChunk::Finished`] or an error.
pub type ChatStream = BoxStream<'static, Result<ChatChunk, ProviderError>>;

/// Asks a service about its models, so that [`AIProvider::capabilities`] knows more of them afterwards.
#[async_trait]
pub trait ModelLookup: Send + Sync {
    /// Finds out how large the window of a model is, unless that is known. Called before each run.
    ///
    /// # For implementors
    /// - Wait for seconds at most: a run waits for it.
    /// - Remember the answer, and also that there was none, so that most calls ask nobody.
    /// - What cannot be found out stays unknown; that is no error.
    async fn look_up(&self, model: &ModelName);
}

/// A service that answers (PROV-01).
///
/// # For implementors
/// - One call is one attempt: no retries, no fallback.
/// - A stream that ends without its protocol's final event is
///   [`ProviderError::InterruptedStream`], never a short answer.
/// - Dropping a returned future or stream must close the connection; that is
///   how a call is cancelled.
/// - Calls may come concurrently.
#[async_trait]
pub trait AIProvider: fmt::Debug + Send + Sync + 'static {
    /// The name this provider goes by in `provider/model`.
    fn id(&self) -> &ProviderId;

    /// Asks the model and gives its answer piece by piece, or in the one piece
    /// [`ChatChunk::Finished`] if the request's [`Delivery`] is `Whole` and the service can.
    ///
    /// # Errors
    /// When no answer was begun. Failures after that come in the stream.
    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError>;

    /// Asks the model and gives its answer whole.
    async fn chat(&self, mut request: ChatRequest) -> Result<ChatResponse, ProviderError> {
        request.delivery = Delivery::Whole;
        let mut pieces = self.chat_stream(request).await?;
        while let Some(piece) = pieces.next().await {
            if let ChatChunk::Finished(response) = piece? {
                return Ok(*response);
            }
        }
        Err(ProviderError::InterruptedStream(ProviderFailure::new(
            self.id().clone(),
            "the stream ended before the answer did",
        )))
    }

    /// One question, one text: for small chores such as a title or a summary.
    async fn think(&self, model: ModelName, prompt: &str) -> Result<String, ProviderError> {
        let request = ChatRequest::new(model, [crate::Message::user(prompt)]);
        Ok(self.chat(request).await?.message.text())
    }

    /// Checks, by the lightest call there is, that the service answers and takes our key.
    async fn verify(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Whether the service could be asked now.
    async fn is_available(&self) -> bool {
        self.verify().await.is_ok()
    }

    /// Whether a request for this model would be asked of anybody. Whether they serve it, they say when they
    /// are asked, so a provider of its own says yes to all.
    fn has_model(&self, model: &ModelName) -> bool {
        let _ = model;
        true
    }

    /// What a model can do. Unknown models get the provider's usual abilities.
    fn capabilities(&self, model: &ModelName) -> Capabilities {
        let _ = model;
        Capabilities::default()
    }

    /// What finds out about models of which [`capabilities`](Self::capabilities) knows too little,
    /// where the service tells such things. Absent, there is nothing to find out.
    fn model_lookup(&self) -> Option<&dyn ModelLookup> {
        None
    }

    /// What counts the tokens of a model's prompts exactly, where its vocabulary is known.
    /// Absent, they are [estimated](crate::EstimatedTokens).
    fn token_counter(&self, model: &ModelName) -> Option<Arc<dyn TokenCounter>> {
        let _ = model;
        None
    }

    /// The models that are known to be served, for people to choose from.
    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(Vec::new())
    }
}
