//! The embeddings of what was asked last.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::store::Embedding;

/// How many are kept.
const KEPT: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Queries(Mutex<VecDeque<(String, Embedding)>>);

impl Queries {
    pub(super) fn get(&self, text: &str) -> Option<Embedding> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(query, _)| query == text).map(|(_, embedding)| embedding.clone())
    }

    pub(super) fn put(&self, text: &str, embedding: &Embedding) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == KEPT {
            known.pop_front();
        }
        known.push_back((text.to_owned(), embedding.clone()));
    }
}
