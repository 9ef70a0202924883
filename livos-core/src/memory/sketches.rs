//! Which rows are worth a look, where there are many: a bit for each of the first numbers of an embedding.
//!
//! The bit says whether the number is above its mean. Embeddings of most models all point roughly one way,
//! and without the mean their signs would hardly differ. Rows of which few bits differ from the question's
//! are alike; some dozens of times as many as are wanted are kept, so that next to none is lost.

/// From this many rows on sketches are made; fewer are looked through as fast without.
const FROM: usize = 4_096;
/// How many numbers have a bit.
const BITS: usize = 512;
/// Of so many rows one is kept for each that is wanted, at least.
const SHARE: usize = 1_536;
/// How many rows are kept for each that is wanted, at least.
const SPARE: usize = 16;

type Sketch = [u64; BITS / 64];

#[derive(Debug, Default)]
pub(super) struct Sketches {
    /// How many embeddings the means are of; 0 while there are no sketches.
    made_for: usize,
    means: Vec<f32>,
    rows: Vec<Sketch>,
}

impl Sketches {
    /// How much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Sketch>()
    }

    /// Whether they are to be made, or made anew because the means are old.
    pub(super) fn are_due(&self, embeddings: usize) -> bool {
        embeddings >= FROM && embeddings >= 2 * self.made_for
    }

    /// Sketches of all rows, of which so many have an embedding.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more")]
    pub(super) fn of<'a>(
        rows: impl Iterator<Item = (&'a [i8], f32)> + Clone,
        (embeddings, dimensions): (usize, usize),
    ) -> Self {
        let mut means = vec![0.0_f32; dimensions.min(BITS)];
        for (numbers, scale) in rows.clone() {
            let part = scale / embeddings.max(1) as f32;
            for (mean, number) in means.iter_mut().zip(numbers) {
                *mean += f32::from(*number) * part;
            }
        }
        let mut sketches = Self { made_for: embeddings, means, rows: Vec::new() };
        rows.for_each(|(numbers, scale)| sketches.push(numbers, scale));
        sketches
    }

    /// Adds the next row, if there are sketches.
    pub(super) fn push(&mut self, numbers: &[i8], scale: f32) {
        if self.made_for > 0 {
            let sketch = self.sketch(numbers, scale);
            self.rows.push(sketch);
        }
    }

    /// The rows that are worth a look, of those that fit; none when there are no sketches.
    pub(super) fn nearest(
        &self,
        numbers: &[i8],
        scale: f32,
        most: usize,
        fits: impl Fn(usize) -> bool,
    ) -> Option<Vec<usize>> {
        if self.made_for == 0 {
            return None;
        }
        let wanted = self.sketch(numbers, scale);
        let differing: Vec<u16> = self.rows.iter().map(|row| differing(row, &wanted)).collect();
        // How many rows there are of each difference.
        let mut counts = [0_usize; BITS + 1];
        for (place, difference) in differing.iter().enumerate() {
            if let Some(count) = counts.get_mut(usize::from(*difference)).filter(|_| fits(place)) {
                *count += 1;
            }
        }
        let kept = (self.rows.len() * most / SHARE).max(most * SPARE);
        let sums = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let limit = sums.take_while(|sum| *sum < kept).count();
        let near = differing.into_iter().enumerate();
        let near = near.filter(|(place, bits)| usize::from(*bits) <= limit && fits(*place));
        Some(near.map(|(place, _)| place).collect())
    }

    fn sketch(&self, numbers: &[i8], scale: f32) -> Sketch {
        let mut sketch = Sketch::default();
        let numbers = numbers.chunks(64).zip(self.means.chunks(64));
        for (word, (numbers, means)) in sketch.iter_mut().zip(numbers) {
            for (number, mean) in numbers.iter().zip(means).rev() {
                *word = *word << 1 | u64::from(f32::from(*number) * scale > *mean);
            }
        }
        sketch
    }
}

/// How many bits differ.
fn differing(left: &Sketch, right: &Sketch) -> u16 {
    let bits = left.iter().zip(right).map(|(left, right)| (left ^ right).count_ones());
    #[expect(clippy::cast_possible_truncation, reason = "at most 512")]
    let bits = bits.sum::<u32>() as u16;
    bits
}
