//! The embeddings of a user's facts, side by side, a byte for a number.
//!
//! A scan over bytes moves a quarter of what one over floats does; the best it finds are compared exactly,
//! with the embeddings that the store has.

use std::sync::Arc;

use crate::store::Embedding;

#[derive(Debug, Default)]
pub(super) struct Vectors {
    model: Option<Arc<str>>,
    dimensions: usize,
    /// A row of `dimensions` bytes for each fact; zeros for one that has no embedding of the model.
    numbers: Vec<i8>,
    /// What a row's bytes are multiplied with.
    scales: Vec<f32>,
}

impl Vectors {
    /// None of a model yet.
    pub(super) fn of(model: Option<Arc<str>>) -> Self {
        Self { model, ..Self::default() }
    }

    /// Adds the next row. False when it has no embedding that compares with the others.
    pub(super) fn push(&mut self, embedding: Option<&Embedding>) -> bool {
        let fits = embedding.filter(|embedding| {
            self.model.as_ref() == Some(&embedding.model)
                && (self.dimensions == 0 || self.dimensions == embedding.values.len())
        });
        let Some(embedding) = fits else {
            self.scales.push(0.0);
            self.numbers.resize(self.scales.len() * self.dimensions, 0);
            return false;
        };
        if self.dimensions == 0 {
            self.dimensions = embedding.values.len();
            self.numbers.resize(self.scales.len() * self.dimensions, 0);
        }
        let (scale, numbers) = quantised(&embedding.values);
        self.numbers.extend(numbers);
        self.scales.push(scale);
        true
    }

    /// How alike each row is to a question, roughly; nothing when they do not compare.
    #[expect(clippy::cast_precision_loss, reason = "a rough score needs no more")]
    pub(super) fn scores(&self, question: &Embedding) -> Vec<f32> {
        let compares = self.model.as_ref() == Some(&question.model)
            && self.dimensions == question.values.len();
        if !compares {
            return Vec::new();
        }
        let (scale, numbers) = quantised(&question.values);
        let wanted: Vec<i16> = numbers.map(i16::from).collect();
        let rows = self.numbers.chunks_exact(self.dimensions).zip(&self.scales);
        rows.map(|(row, own)| product(row, &wanted) as f32 * own * scale).collect()
    }
}

/// The numbers as bytes, and what those are to be multiplied with.
fn quantised(values: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let greatest = values.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    let scale = greatest / f32::from(i8::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "at most 127, by the scale")]
    let bytes = values.iter().map(move |value| (value / scale).round() as i8);
    (scale, bytes)
}

/// Compiles to multiply-and-add of 8 numbers at a time.
fn product(row: &[i8], wanted: &[i16]) -> i32 {
    row.iter()
        .zip(wanted)
        .map(|(left, right)| i32::from(i16::from(*left)) * i32::from(*right))
        .sum()
}
