//! The embeddings of the texts that were asked for last.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::embedder::EmbeddingPurpose;
use crate::store::Embedding;

/// How many are kept.
const KEPT: usize = 64;

#[derive(Debug, Default)]
pub(super) struct KnownTexts(Mutex<VecDeque<(String, EmbeddingPurpose, Embedding)>>);

impl KnownTexts {
    pub(super) fn get(&self, text: &str, purpose: EmbeddingPurpose) -> Option<Embedding> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = known.iter().filter(|(_, of, _)| *of == purpose);
        known.find(|(other, ..)| other == text).map(|(.., embedding)| embedding.clone())
    }

    pub(super) fn put(&self, text: &str, purpose: EmbeddingPurpose, embedding: &Embedding) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The model makes embeddings of another size now: what was kept compares with nothing.
        known.retain(|(.., other)| other.values.len() == embedding.values.len());
        if known.len() == KEPT {
            known.pop_front();
        }
        known.push_back((text.to_owned(), purpose, embedding.clone()));
    }
}
