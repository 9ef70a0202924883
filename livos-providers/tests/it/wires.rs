//! The three wires, for what holds on each of them.

use std::sync::Arc;
use std::time::Duration;

use livos_core::AIProvider;
use livos_core::ChatRequest;
use livos_core::Message;
use livos_providers::Anthropic;
use livos_providers::Gemini;
use livos_providers::OpenAiCompatible;
use livos_providers::ProviderConfig;
use livos_providers::openai_compatible::Dialect;

use crate::raw_server::RawServer;

pub(crate) const KEY: &str = "sk-not-a-real-key";

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    Anthropic,
    Gemini,
    OpenAi,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Anthropic, Self::Gemini, Self::OpenAi];

    pub(crate) fn provider(self, server: &RawServer) -> Arc<dyn AIProvider> {
        let config = ProviderConfig::new("tested", &server.url)
            .and_then(|config| config.with_api_key(KEY))
            .and_then(|config| config.with_idle_timeout(PATIENCE))
            .and_then(|config| config.with_header_timeout(PATIENCE))
            .expect("a valid configuration");
        match self {
            Self::Anthropic => Arc::new(Anthropic::new(config)),
            Self::Gemini => Arc::new(Gemini::new(config)),
            Self::OpenAi => Arc::new(OpenAiCompatible::new(&Dialect::OPENAI, config)),
        }
    }

    /// The beginning of an answer: its first words, and not its end.
    pub(crate) fn beginning(self) -> &'static str {
        match self {
            Self::Anthropic => concat!(
                r#"data: {"type":"message_start","message":{"content":[]}}"#,
                "\n\n",
                r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Once"}}"#,
                "\n\n",
            ),
            Self::Gemini => concat!(
                r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Once"}]}}]}"#,
                "\n\n",
            ),
            Self::OpenAi => concat!(
                r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Once"}}]}"#,
                "\n\n",
            ),
        }
    }
}

pub(crate) fn question() -> ChatRequest {
    ChatRequest::new("a-model", [Message::user("Tell me a story.")])
}
