//! Model providers for [`livos_core`]: Anthropic, Gemini, and everything that speaks OpenAI's protocol.

mod anthropic;
mod catalog;
mod config;
mod encoding;
mod failure;
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
pub use self::openai_compatible::OpenAiCompatible;
