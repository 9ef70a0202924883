//! Model providers for [`livos_core`]: Anthropic, Gemini, and everything that speaks OpenAI's protocol.

mod anthropic;
mod catalog;
mod config;
mod demo;
mod encoding;
mod environment;
mod failure;
mod gemini;
mod json_text;
pub mod openai_compatible;
mod sse;
mod stream;
mod transport;

pub use self::anthropic::Anthropic;
pub use self::catalog::{
    CATALOG_DATE, Input, KnownModel, LongPromptPrice, Price, Tier, Vendor, find_model,
    known_models, tier_model,
};
pub use self::config::{ConfigError, ProviderConfig};
pub use self::demo::DemoProvider;
pub use self::environment::{ConfiguredProvider, configured_providers, from_env};
pub use self::gemini::Gemini;
pub use self::openai_compatible::OpenAiCompatible;

/// Entry points of the fuzz targets; not for use.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as an answer of the Gemini API.
    pub fn gemini(data: &[u8]) {
        crate::gemini::fuzz(data);
    }
}
