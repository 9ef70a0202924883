//! Exact token counts for OpenAI's own models.
//!
//! Services that speak the same wire serve models with vocabularies of their
//! own; theirs are estimated. A vocabulary is read at its first use, which
//! takes some tenths of a second, and stays for the life of the process.

use std::sync::Arc;

use livos_core::ModelName;
use livos_core::TokenCounter;
use tiktoken_rs::tokenizer::Tokenizer;
use tiktoken_rs::tokenizer::get_tokenizer;

use super::dialect::Dialect;

/// The vocabulary of a model, if it is known.
pub(super) fn counter(dialect: &Dialect, model: &ModelName) -> Option<Arc<dyn TokenCounter>> {
    if dialect.name != Dialect::OPENAI.name {
        return None;
    }
    match get_tokenizer(model.as_str())? {
        Tokenizer::O200kBase | Tokenizer::O200kHarmony => Some(Arc::new(Vocabulary::O200k)),
        Tokenizer::Cl100kBase => Some(Arc::new(Vocabulary::Cl100k)),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Vocabulary {
    O200k,
    Cl100k,
}

impl TokenCounter for Vocabulary {
    fn name(&self) -> &str {
        match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        }
    }

    fn count(&self, text: &str) -> u64 {
        let vocabulary = match self {
            Self::O200k => tiktoken_rs::o200k_base_singleton(),
            Self::Cl100k => tiktoken_rs::cl100k_base_singleton(),
        };
        vocabulary.encode_ordinary(text).len() as u64
    }
}
