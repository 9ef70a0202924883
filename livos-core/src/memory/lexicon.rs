//! Which facts have which words, and how well they fit a question (BM25).

use std::collections::HashMap;

use super::words::terms;

/// How much another occurrence of a word counts.
const K1: f32 = 1.2;
/// How much the length of a fact counts against it.
const B: f32 = 0.5;

/// How well facts fit the words of a question.
#[derive(Debug)]
pub(super) struct Wording {
    /// Of each row, from 0 to 1: 1 would be a short fact of all the words that were asked for. Empty when none fits.
    pub(super) scores: Vec<f32>,
    /// What a row would have at most, as words that no fact has are nowhere to be found.
    pub(super) known: f32,
}

#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// The rows that have a word, with how often.
    postings: HashMap<Box<str>, Vec<(u32, u16)>>,
    /// How many words each row has.
    lengths: Vec<u16>,
    total: u64,
}

impl Lexicon {
    /// Adds the next row.
    pub(super) fn push(&mut self, text: &str) {
        let row = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let terms = terms(text);
        let length = u16::try_from(terms.len()).unwrap_or(u16::MAX);
        self.lengths.push(length);
        self.total += u64::from(length);
        for term in terms {
            let rows = self.postings.entry(term.into_boxed_str()).or_default();
            match rows.last_mut() {
                Some((last, count)) if *last == row => *count = count.saturating_add(1),
                _ => rows.push((row, 1)),
            }
        }
    }

    /// How much memory it takes, in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        // A word with its place in the table takes about 80 bytes.
        let postings = usize::try_from(self.total).unwrap_or(usize::MAX).saturating_mul(8);
        postings + self.lengths.len() * 2 + self.postings.len() * 80
    }

    /// How well each row fits a question.
    #[expect(clippy::cast_precision_loss, reason = "a score needs no more")]
    pub(super) fn wording(&self, question: &str) -> Wording {
        let mut wanted = terms(question);
        wanted.sort_unstable();
        wanted.dedup();
        let rows = self.lengths.len().max(1) as f32;
        let average = (self.total as f32 / rows).max(1.0);
        let mut scores: Vec<f32> = Vec::new();
        let (mut best, mut known) = (0.0, 0.0);
        for term in &wanted {
            let found = self.postings.get(term.as_str()).map_or(&[][..], Vec::as_slice);
            let have = found.len() as f32;
            let weight = ((rows - have + 0.5) / (have + 0.5)).ln_1p();
            // Words that no fact has count as well: where they are most of a question, the others say little.
            best += weight * (K1 + 1.0);
            if !found.is_empty() {
                known += weight * (K1 + 1.0);
                scores.resize(self.lengths.len(), 0.0);
            }
            for (row, count) in found {
                let row = *row as usize;
                let length = self.lengths.get(row).copied().unwrap_or_default();
                let norm = K1 * (1.0 - B + B * f32::from(length) / average);
                let count = f32::from(*count);
                if let Some(score) = scores.get_mut(row) {
                    *score += weight * count * (K1 + 1.0) / (count + norm);
                }
            }
        }
        for score in &mut scores {
            *score /= best;
        }
        Wording { scores, known: if best > 0.0 { known / best } else { 0.0 } }
    }
}
