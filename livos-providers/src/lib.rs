//! Model providers for [`livos_core`]: Anthropic, Gemini, and everything that speaks OpenAI's protocol.

mod config;
mod encoding;
mod failure;
mod gemini;
pub mod openai_compatible;
mod sse;
mod stream;
mod transport;

pub use self::config::{ConfigError, ProviderConfig};
pub use self::gemini::GeminiProvider;
pub use self::openai_compatible::OpenAiCompatible;
