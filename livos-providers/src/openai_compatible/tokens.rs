//! Exact token counts for OpenAI's own models.
//!
//! Services that speak the same wire serve models with vocabularies of their
//! own; theirs are estimated. A vocabulary is read at its first use, which
//! takes some tenths of a second, and stays for the life of the process.

mod vocabulary;

use std::sync::Arc;

use livos_core::EstimatedTokens;
use livos_core::ModelName;
use livos_core::TokenCounter;
use tiktoken_rs::tokenizer::Tokenizer;
use tiktoken_rs::tokenizer::get_tokenizer;

use self::vocabulary::CL100K_BASE;
use self::vocabulary::O200K_BASE;
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
            Self::O200k => &*O200K_BASE,
            Self::Cl100k => &*CL100K_BASE,
        };
        match vocabulary {
            Some(vocabulary) => vocabulary.count_ordinary(text) as u64,
            None => EstimatedTokens.count(text),
        }
    }
}
