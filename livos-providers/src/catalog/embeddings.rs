//! What embedding models cost, and what their texts begin with.

use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::MicroUsd;
use livos_core::Usage;

use super::Vendor;

/// List prices in millionths of a US dollar for a million tokens, of text.
const PRICES: [(Vendor, &str, u64); 7] = [
    (Vendor::Gemini, "gemini-embedding-001", 150_000),
    (Vendor::Gemini, "gemini-embedding-2", 200_000),
    (Vendor::Gemini, "gemini-embedding-2-preview", 200_000),
    (Vendor::OpenAi, "text-embedding-3-small", 20_000),
    (Vendor::OpenAi, "text-embedding-3-large", 130_000),
    (Vendor::OpenAi, "text-embedding-ada-002", 100_000),
    (Vendor::Mistral, "mistral-embed", 100_000),
];

/// What open models want before a question and before what is to be found, from their model cards. Servers
/// of open models send texts on as they are.
const PREFIXES: [(&str, &str, &str); 4] = [
    ("nomic-embed-text", "search_query: ", "search_document: "),
    ("mxbai-embed-large", "Represent this sentence for searching relevant passages: ", ""),
    ("embeddinggemma", "task: search result | query: ", "title: none | text: "),
    ("snowflake-arctic-embed", "query: ", ""),
];

/// Bytes of text that are counted as one token where the service tells no number.
const BYTES_A_TOKEN: usize = 4;

/// What a model wants before a text.
pub(crate) fn prefix(model: &str, purpose: EmbeddingPurpose) -> &'static str {
    let known = PREFIXES.iter().find(|(name, ..)| model.starts_with(name));
    known.map_or("", |(_, query, document)| match purpose {
        EmbeddingPurpose::Query => query,
        EmbeddingPurpose::Document => document,
    })
}

/// What a service answered, batch by batch.
#[derive(Debug)]
pub(crate) struct Answered {
    values: Vec<Vec<f32>>,
    /// None as soon as it does not tell of a batch.
    tokens: Option<u64>,
}

impl Answered {
    /// Nothing yet of so many texts.
    pub(crate) fn of(texts: usize) -> Self {
        Self { values: Vec::with_capacity(texts), tokens: Some(0) }
    }

    pub(crate) fn add(&mut self, values: impl IntoIterator<Item = Vec<f32>>, told: Option<u64>) {
        self.values.extend(values);
        self.tokens = self.tokens.zip(told).map(|(before, told)| before.saturating_add(told));
    }
}

/// Embeddings with what they took: the tokens that the service tells, or an estimate, and their price.
pub(crate) fn counted(
    (vendor, model): (Option<Vendor>, &str),
    Answered { values, tokens }: Answered,
    texts: &[String],
) -> Embeddings {
    let estimate = || texts.iter().map(|text| text.len().div_ceil(BYTES_A_TOKEN) as u64).sum();
    let tokens = tokens.filter(|tokens| *tokens > 0).unwrap_or_else(estimate);
    let usage = Usage { input_tokens: tokens, ..Usage::default() };
    let price = PRICES.iter().find(|(of, name, _)| Some(*of) == vendor && *name == model);
    let cost = price.map(|(.., price)| MicroUsd(tokens.saturating_mul(*price).div_ceil(1_000_000)));
    Embeddings { values, usage, cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_counted_and_what_is_not_is_estimated() {
        let texts = ["12345678".to_owned(), "1".to_owned()];
        let small = (Some(Vendor::OpenAi), "text-embedding-3-small");
        let answered = |told: [Option<u64>; 2]| {
            let mut answered = Answered::of(2);
            for told in told {
                answered.add([vec![1.0]], told);
            }
            answered
        };
        let told = counted(small, answered([Some(600), Some(400)]), &texts);
        assert_eq!((told.usage.input_tokens, told.cost), (1_000, Some(MicroUsd(20))));
        assert_eq!(told.values.len(), 2);
        // What is told of a part is not what all took.
        for part in [[None, None], [Some(9), None], [None, Some(9)]] {
            let estimated = counted((None, "mine"), answered(part), &texts);
            assert_eq!((estimated.usage.input_tokens, estimated.cost), (3, None));
        }
    }

    #[test]
    fn models_that_tell_questions_apart_are_told() {
        assert_eq!(prefix("nomic-embed-text:v1.5", EmbeddingPurpose::Query), "search_query: ");
        assert_eq!(prefix("mxbai-embed-large", EmbeddingPurpose::Document), "");
        assert_eq!(prefix("text-embedding-3-small", EmbeddingPurpose::Query), "");
    }
}
