//! Model providers for [`livos_core`]: Anthropic, Gemini, and everything that speaks OpenAI's protocol.

mod config;
mod encoding;
mod failure;
mod gemini;
mod sse;
mod stream;
mod transport;

pub use self::config::{ConfigError, ProviderConfig};
pub use self::gemini::Gemini;

/// Entry points of the fuzz targets; not for use.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as an answer of the Gemini API.
    pub fn gemini(data: &[u8]) {
        crate::gemini::fuzz(data);
    }
}
