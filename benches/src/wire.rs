//! The providers that the mock can be asked through.

use std::sync::Arc;

use livos_core::AIProvider;
use livos_providers::Anthropic;
use livos_providers::Gemini;
use livos_providers::OpenAiCompatible;
use livos_providers::ProviderConfig;
use livos_providers::openai_compatible::Dialect;

use crate::probe::Failure;
use crate::task::API_KEY;

/// A vendor's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `streamGenerateContent`.
    Gemini,
}

impl Wire {
    /// The provider that speaks it, pointed at a script of the mock (`http://HOST:PORT/SCRIPT`).
    ///
    /// # Errors
    /// When the address is none.
    pub fn provider(self, script_url: &str) -> Result<Arc<dyn AIProvider>, Failure> {
        let config =
            |id: &str, base_url: &str| ProviderConfig::new(id, base_url)?.with_api_key(API_KEY);
        Ok(match self {
            Self::OpenAi => {
                let config = config("openai", &format!("{script_url}/v1"))?;
                Arc::new(OpenAiCompatible::new(&Dialect::OPENAI, config))
            }
            Self::Anthropic => Arc::new(Anthropic::new(config("anthropic", script_url)?)),
            Self::Gemini => Arc::new(Gemini::new(config("gemini", script_url)?)),
        })
    }
}
