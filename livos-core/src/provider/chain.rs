//! Several providers as one: selection, retry, fallback, health.

mod attempt;
mod backoff;
mod breaker;
mod builder;
mod routing;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::breaker::Breaker;
pub use self::breaker::CircuitState;
pub use self::builder::ProviderManagerBuilder;
pub use self::builder::RetryPolicy;
use super::AIProvider;
use super::Capabilities;
use super::ChatRequest;
use super::ChatStream;
use super::ModelInfo;
use super::ModelLookup;
use super::ProviderError;
use super::ProviderFailure;
use super::ToolSupport;
use crate::clock::Clock;
use crate::context::TokenCounter;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::text_tools::TextTools;

/// The models a provider offers for `fast`, `balanced` and `best`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    /// Quick and cheap (`fast`, `flash`, `haiku`).
    pub fast: ModelName,
    /// The everyday one (`balanced`, `sonnet`).
    pub balanced: ModelName,
    /// The most able one (`best`, `opus`).
    pub best: ModelName,
}

impl Tiers {
    /// One model for all tiers.
    pub fn single(model: impl Into<ModelName>) -> Self {
        let model = model.into();
        Self { fast: model.clone(), balanced: model.clone(), best: model }
    }

    /// The model of a tier, by the tier's name or an alias of it.
    pub fn model(&self, tier: &str) -> Option<&ModelName> {
        match tier {
            "fast" | "flash" | "haiku" => Some(&self.fast),
            "balanced" | "sonnet" => Some(&self.balanced),
            "best" | "opus" => Some(&self.best),
            _ => None,
        }
    }
}

/// Several providers as one (PROV-02). The only place where calls are retried.
///
/// A request for `provider/model` goes to that provider; one for a tier
/// (`fast`, `balanced`, `best`) or without a model goes to the first provider.
/// The others follow in order as fallbacks, tier by tier. What fails for a
/// moment is repeated with back-off, then the next provider is asked; a wrong
/// key goes straight to the next; an invalid request is an error at once.
/// Fallback works at any moment, also in the middle of a stream: the piece
/// [`ChatChunk::Switched`](super::ChatChunk::Switched) says what is void.
///
/// ```
/// use livos_core::testing::{Script, ScriptedProvider};
/// use livos_core::{AIProvider, ChatRequest, Message, ProviderError, ProviderFailure, ProviderManager, Tiers};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ProviderError> {
/// let broken = Script::refused(ProviderError::Authentication(ProviderFailure::new("a", "wrong key")));
/// let manager = ProviderManager::builder()
///     .provider(ScriptedProvider::new("a", [broken]), Tiers::single("m1"))
///     .provider(ScriptedProvider::new("b", [Script::text("Hello.")]), Tiers::single("m2"))
///     .build();
///
/// let answer = manager.chat(ChatRequest::new("a/m1", [Message::user("Hi")])).await?;
/// assert_eq!(answer.provider.as_str(), "b");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ProviderManager {
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
struct Shared {
    id: ProviderId,
    members: Vec<Arc<Member>>,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    /// Windows that somebody set, by `provider/model` or for all models of a `provider`.
    windows: BTreeMap<ModelName, u64>,
}

impl Shared {
    /// The window that somebody set for a member's model.
    fn window_set(&self, member: &Member, model: &ModelName) -> Option<u64> {
        if self.windows.is_empty() {
            return None;
        }
        let provider = member.provider.id();
        let exact = self.windows.get(&ModelName::from(format!("{provider}/{model}")));
        exact.or_else(|| self.windows.get(&ModelName::from(provider.as_str()))).copied()
    }
}

/// A provider in the chain.
#[derive(Debug)]
struct Member {
    provider: Arc<dyn AIProvider>,
    /// The same provider, for its models without tool calls.
    with_text_tools: TextTools,
    tiers: Tiers,
    breaker: Breaker,
}

impl Member {
    /// The provider in the form that fits the request and model.
    fn provider_for(&self, request: &ChatRequest) -> &dyn AIProvider {
        let needs_text_tools = !request.tools.is_empty()
            && self.provider.capabilities(&request.model).tools == ToolSupport::JsonInText;
        match needs_text_tools {
            true => &self.with_text_tools,
            false => &*self.provider,
        }
    }
}

/// How a provider of the chain is doing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ProviderHealth {
    /// The provider.
    pub id: ProviderId,
    /// Whether it is asked at all just now.
    pub circuit: CircuitState,
    /// How many calls failed since the last success.
    pub consecutive_failures: u32,
    /// What it said when it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The model of each tier.
    pub models: BTreeMap<&'static str, ModelName>,
}

impl ProviderManager {
    /// A manager to add providers to, the primary first.
    pub fn builder() -> ProviderManagerBuilder {
        ProviderManagerBuilder::new()
    }

    /// The same providers, with windows (in tokens) that somebody knows better than they do: of one
    /// `provider/model`, or of all models of a `provider`.
    #[must_use]
    pub fn with_windows(&self, windows: impl IntoIterator<Item = (ModelName, u64)>) -> Self {
        let mut shared = (*self.shared).clone();
        shared.windows.extend(windows);
        Self { shared: Arc::new(shared) }
    }

    /// How each provider is doing, in the order of the chain.
    pub fn health(&self) -> Vec<ProviderHealth> {
        let now = self.shared.clock.now();
        let health = self.shared.members.iter().map(|member| {
            let (circuit, consecutive_failures, last_error) = member.breaker.snapshot(now);
            let tiers = &member.tiers;
            let models =
                [("fast", &tiers.fast), ("balanced", &tiers.balanced), ("best", &tiers.best)];
            ProviderHealth {
                id: member.provider.id().clone(),
                circuit,
                consecutive_failures,
                last_error,
                models: models.into_iter().map(|(tier, model)| (tier, model.clone())).collect(),
            }
        });
        health.collect()
    }

    /// The providers of the chain, in order.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<dyn AIProvider>> {
        self.shared.members.iter().map(|member| &member.provider)
    }

    fn nobody(&self) -> ProviderError {
        let message = "no provider is configured; set a key such as ANTHROPIC_API_KEY";
        ProviderError::UnknownModel(ProviderFailure::new(self.shared.id.clone(), message))
    }
}

#[async_trait]
impl AIProvider for ProviderManager {
    /// `manager`; answers name the provider that gave them.
    fn id(&self) -> &ProviderId {
        &self.shared.id
    }

    /// Whether it is a tier, or a model of a provider that is there.
    fn has_model(&self, model: &ModelName) -> bool {
        routing::first_choice(&self.shared, model).is_some()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        if self.shared.members.is_empty() {
            return Err(self.nobody());
        }
        let route = routing::route(&self.shared, &request)?;
        attempt::open(Arc::clone(&self.shared), route, request).await
    }

    async fn verify(&self) -> Result<(), ProviderError> {
        let mut last = self.nobody();
        for member in &self.shared.members {
            match member.provider.verify().await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn capabilities(&self, model: &ModelName) -> Capabilities {
        let first = routing::first_choice(&self.shared, model);
        first.map_or_else(Capabilities::default, |(member, model)| {
            let mut capabilities = member.provider.capabilities(&model);
            // Models without tool calls are helped out here, so callers need not know.
            capabilities.tools = ToolSupport::Native;
            let window = self.shared.window_set(&member, &model);
            capabilities.context_window = window.or(capabilities.context_window);
            capabilities
        })
    }

    fn model_lookup(&self) -> Option<&dyn ModelLookup> {
        let can = |member: &Arc<Member>| member.provider.model_lookup().is_some();
        self.shared.members.iter().any(can).then_some(self)
    }

    fn token_counter(&self, model: &ModelName) -> Option<Arc<dyn TokenCounter>> {
        let (member, model) = routing::first_choice(&self.shared, model)?;
        member.provider.token_counter(&model)
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let mut all = Vec::new();
        for member in &self.shared.members {
            match member.provider.models().await {
                Ok(mut models) => {
                    for info in &mut models {
                        let window = self.shared.window_set(member, &info.model);
                        let known = &mut info.capabilities.context_window;
                        *known = window.or(*known);
                    }
                    all.extend(models);
                }
                Err(error) => {
                    tracing::warn!(provider = %member.provider.id(), %error, "cannot list models");
                }
            }
        }
        Ok(all)
    }
}

#[async_trait]
impl ModelLookup for ProviderManager {
    /// Asks the provider that is asked first for the model.
    async fn look_up(&self, model: &ModelName) {
        let Some((member, model)) = routing::first_choice(&self.shared, model) else { return };
        if self.shared.window_set(&member, &model).is_none()
            && let Some(lookup) = member.provider.model_lookup()
        {
            lookup.look_up(&model).await;
        }
    }
}

#[cfg(test)]
mod tests;
