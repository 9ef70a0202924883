//! The three model APIs, each at a mock's address.

use std::sync::Arc;
use std::time::Duration;

use livos_core::AIProvider;
use livos_providers::Anthropic;
use livos_providers::Gemini;
use livos_providers::OpenAiCompatible;
use livos_providers::ProviderConfig;
use livos_providers::openai_compatible::Dialect;

/// One of the three APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    Anthropic,
    Gemini,
    OpenAi,
}

impl Vendor {
    /// What llmock calls it, and we too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }

    /// A model that can reason first.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Anthropic => "claude-sonnet-4-5",
            Self::Gemini => "gemini-2.5-flash",
            Self::OpenAi => "gpt-5",
        }
    }

    pub(crate) fn provider(self, base_url: &str, patience: Duration) -> Arc<dyn AIProvider> {
        let config = ProviderConfig::new(self.name(), base_url).unwrap();
        let config = config.with_api_key("a-key-for-a-mock").unwrap();
        let config = config.with_idle_timeout(patience).unwrap();
        let config = config.with_header_timeout(patience).unwrap();
        match self {
            Self::Anthropic => Arc::new(Anthropic::new(config)),
            Self::Gemini => Arc::new(Gemini::new(config)),
            Self::OpenAi => Arc::new(OpenAiCompatible::new(&Dialect::OPENAI, config)),
        }
    }
}
