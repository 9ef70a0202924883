//! The best of many.

/// The best of some, in no order.
pub(super) fn best(scored: impl Iterator<Item = (usize, f32)>, most: usize) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = scored.collect();
    if all.len() > most {
        all.select_nth_unstable_by(most, |left, right| right.1.total_cmp(&left.1));
        all.truncate(most);
    }
    all
}
