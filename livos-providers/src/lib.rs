#![doc = include_str!("../README.md")]

mod anthropic;
mod catalog;
mod config;
mod demo;
mod encoding;
mod environment;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gemini;
mod json_text;
mod local;
pub mod openai_compatible;
mod sse;
mod stream;
mod transport;

pub use self::anthropic::Anthropic;
pub use self::catalog::{
    CATALOG_DATE, Input, KnownModel, LongPromptPrice, Price, Tier, Vendor, find_model,
    known_models, tier_model,
};
pub use self::config::{ConfigError, ProviderConfig, ProviderTimeouts};
pub use self::demo::DemoProvider;
pub use self::environment::{
    ConfiguredProvider, configured_embedder, configured_providers, configured_providers_with,
    from_env,
};
pub use self::gemini::{Gemini, GeminiEmbedder};
pub use self::local::{LOCAL_TIMEOUT, LocalCandidate, LocalEndpoint, find_local};
pub use self::openai_compatible::{OpenAiCompatible, OpenAiEmbedder};
