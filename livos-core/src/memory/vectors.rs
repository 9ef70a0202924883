//! The embeddings of a user's facts, side by side, a byte for a number.
//!
//! A scan over bytes moves a quarter of what one over floats does; the best it finds are compared exactly,
//! with the embeddings that the store has. Where there are many, sketches choose which rows are scanned.

use std::sync::Arc;

use super::best::best;
use super::sketches::Sketches;
use crate::store::Embedding;

#[derive(Debug, Default)]
pub(super) struct Vectors {
    model: Option<Arc<str>>,
    dimensions: usize,
    /// A row of `dimensions` bytes for each fact; zeros for one that has no embedding of the model.
    numbers: Vec<i8>,
    /// What a row's bytes are multiplied with; 0 for one that has no embedding of the model.
    scales: Vec<f32>,
    /// How many rows have one.
    known: usize,
    sketches: Sketches,
}

/// An embedding as bytes, and what those are to be multiplied with.
struct Quantised {
    scale: f32,
    numbers: Vec<i8>,
}

impl Vectors {
    /// None of a model yet.
    pub(super) fn of(model: Option<Arc<str>>) -> Self {
        Self { model, ..Self::default() }
    }

    /// How many numbers each has; 0 while there is none.
    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.numbers.len() + self.scales.len() * size_of::<f32>() + self.sketches.bytes()
    }

    /// Takes all away, as they are of another size than those that the model makes now.
    pub(super) fn start_over(&mut self, dimensions: usize) {
        self.dimensions = dimensions;
        self.numbers.clear();
        self.numbers.resize(self.scales.len() * dimensions, 0);
        self.scales.fill(0.0);
        self.known = 0;
        self.sketches = Sketches::default();
    }

    /// Adds the next row. False when it has no embedding that compares with the others.
    pub(super) fn push(&mut self, embedding: Option<&Embedding>) -> bool {
        let fits = embedding.filter(|embedding| {
            self.model.as_ref() == Some(&embedding.model)
                && (self.dimensions == 0 || self.dimensions == embedding.values.len())
        });
        if let (Some(embedding), 0) = (fits, self.dimensions) {
            self.start_over(embedding.values.len());
        }
        let (row, scale) = (self.numbers.len(), self.scales.len());
        self.numbers.resize(row + self.dimensions, 0);
        self.scales.resize(scale + 1, 0.0);
        if let Some(embedding) = fits {
            let own = Quantised::of(&embedding.values);
            self.numbers.truncate(row);
            self.numbers.extend_from_slice(&own.numbers);
            self.scales.truncate(scale);
            self.scales.push(own.scale);
            self.known += 1;
        }
        if self.sketches.are_due(self.known) {
            self.sketches = Sketches::of(self.rows(), (self.known, self.dimensions));
        } else {
            let numbers = self.numbers.get(row..).unwrap_or_default();
            self.sketches.push(numbers, self.scales.last().copied().unwrap_or_default());
        }
        fits.is_some()
    }

    /// The rows that are most alike to a question, each with roughly how much, in no order; those only that
    /// are asked for and reach the least. Nothing when they do not compare.
    pub(super) fn nearest(
        &self,
        question: &Embedding,
        (least, most): (f32, usize),
        fits: impl Fn(usize) -> bool,
    ) -> Vec<(usize, f32)> {
        let compares = self.model.as_ref() == Some(&question.model)
            && self.dimensions == question.values.len();
        if !compares {
            return Vec::new();
        }
        let fits =
            |place: usize| self.scales.get(place).is_some_and(|scale| *scale > 0.0) && fits(place);
        let own = Quantised::of(&question.values);
        let wanted: Vec<i16> = own.numbers.iter().copied().map(i16::from).collect();
        #[expect(clippy::cast_precision_loss, reason = "a rough score needs no more")]
        let score = |(place, (row, scale)): (usize, (&[i8], f32))| {
            (place, product(row, &wanted) as f32 * scale * own.scale)
        };
        let is_wanted = |(place, score): &(usize, f32)| *score >= least && fits(*place);
        match self.sketches.nearest(&own.numbers, own.scale, most, fits) {
            None => best(self.rows().enumerate().map(score).filter(is_wanted), most),
            Some(near) => {
                let rows =
                    near.into_iter().filter_map(|place| self.row(place).map(|row| (place, row)));
                best(rows.map(score).filter(is_wanted), most)
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&[i8], f32)> + Clone {
        // Without dimensions there are no rows to be given.
        self.numbers.chunks_exact(self.dimensions.max(1)).zip(self.scales.iter().copied())
    }

    fn row(&self, place: usize) -> Option<(&[i8], f32)> {
        let first = place * self.dimensions;
        let numbers = self.numbers.get(first..first + self.dimensions)?;
        Some((numbers, *self.scales.get(place)?))
    }
}

impl Quantised {
    fn of(values: &[f32]) -> Self {
        let greatest = values.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let scale = greatest / f32::from(i8::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "at most 127, by the scale")]
        let numbers = values.iter().map(|value| (value / scale).round() as i8).collect();
        Self { scale, numbers }
    }
}

/// Compiles to multiply-and-add of 8 numbers at a time.
fn product(row: &[i8], wanted: &[i16]) -> i32 {
    row.iter()
        .zip(wanted)
        .map(|(left, right)| i32::from(i16::from(*left)) * i32::from(*right))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1 that look as if by chance.
    fn noise(seed: usize, place: usize) -> f32 {
        let mut mixed = (seed as u64) << 20 | place as u64;
        for _ in 0..2 {
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(1);
        }
        f32::from(u16::try_from(mixed >> 48).unwrap()) / 32_768.0 - 1.0
    }

    /// Groups of vectors that are all a little alike, as those of language models are.
    fn vector(number: usize, dimensions: usize) -> Embedding {
        let value = |place| {
            1.5 * noise(9_999_999, place)
                + noise(1_000_000 + number % 60, place)
                + noise(number, place)
        };
        Embedding::new("m", &(0..dimensions).map(value).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn sketches_lose_next_to_nothing() {
        for dimensions in [96, 600] {
            let all: Vec<Embedding> = (0..6_000).map(|number| vector(number, dimensions)).collect();
            let mut vectors = Vectors::of(Some("m".into()));
            for one in &all {
                assert!(vectors.push(Some(one)));
            }
            let (mut found, mut wanted) = (0, 0);
            for question in (0..40).map(|number| vector(20_000 + number, dimensions)) {
                let mut exact: Vec<(usize, f32)> =
                    all.iter().map(|one| one.similarity(&question)).enumerate().collect();
                exact.sort_by(|left, right| right.1.total_cmp(&left.1));
                let near = vectors.nearest(&question, (-1.0, 64), |_| true);
                assert_eq!(near.len(), 64);
                wanted += 10;
                found += exact[..10]
                    .iter()
                    .filter(|(place, _)| near.iter().any(|n| n.0 == *place))
                    .count();
            }
            assert!(found * 100 >= wanted * 97, "{found} of {wanted} of {dimensions}");
        }
    }

    #[test]
    fn rows_that_do_not_fit_hide_none_that_do() {
        let mut vectors = Vectors::of(Some("m".into()));
        for number in 0..6_000 {
            vectors.push(Some(&vector(number, 64)));
        }
        let near = vectors.nearest(&vector(0, 64), (-1.0, 5), |place| place % 1_000 == 7);
        let mut places: Vec<usize> = near.into_iter().map(|(place, _)| place).collect();
        places.sort_unstable();
        assert_eq!(places.len(), 5);
        assert!(places.iter().all(|place| place % 1_000 == 7), "{places:?}");
    }

    #[test]
    fn what_has_no_embedding_or_one_of_another_size_is_not_near() {
        let mut vectors = Vectors::of(Some("m".into()));
        assert!(!vectors.push(None));
        assert!(vectors.push(Some(&vector(1, 8))));
        assert!(!vectors.push(Some(&vector(2, 9))));
        assert!(!vectors.push(Some(&Embedding::new("other", &[1.0; 8]).unwrap())));
        let near = vectors.nearest(&vector(1, 8), (0.1, 9), |_| true);
        assert_eq!(near.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
        assert!(vectors.nearest(&vector(1, 9), (0.1, 9), |_| true).is_empty());
        vectors.start_over(9);
        assert!(vectors.nearest(&vector(1, 9), (0.1, 9), |_| true).is_empty());
        assert!(vectors.push(Some(&vector(2, 9))));
        assert_eq!(vectors.nearest(&vector(2, 9), (0.1, 9), |_| true).len(), 1);
    }
}
