//! Windows of models, as their refusals tell.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::id::ModelName;

/// How many models are remembered; the one learned longest ago is forgotten first.
const CAPACITY: usize = 64;

/// What a refusal teaches in any case: nine tenths of what was refused may fit.
const STEP: (u64, u64) = (9, 10);

/// Windows of models, as their refusals tell: for models in no catalogue, and for services
/// that are set up with less than the model can do.
#[derive(Debug, Default)]
pub(crate) struct LearnedWindows(Mutex<Vec<(ModelName, u64)>>);

impl LearnedWindows {
    /// The smaller of what is known and what was learned.
    pub(crate) fn window(&self, model: &ModelName, known: Option<u64>) -> Option<u64> {
        let entries = self.entries();
        let learned = entries.iter().find(|(name, _)| name == model).map(|(_, window)| *window);
        match (known, learned) {
            (Some(known), Some(learned)) => Some(known.min(learned)),
            (known, learned) => known.or(learned),
        }
    }

    /// A request of `sent` tokens, with room for its answer, was too long; perhaps the refusal named the window.
    pub(crate) fn refused(&self, model: &ModelName, sent: u64, told: Option<u64>) {
        let below = sent.saturating_mul(STEP.0) / STEP.1;
        // What is counted may be below what the service counts; then its number says too little.
        let window = told.map_or(below, |told| told.min(below));
        let mut entries = self.entries();
        let before = entries.iter().position(|(name, _)| name == model);
        let before = before.map(|place| entries.remove(place).1);
        if entries.len() >= CAPACITY {
            entries.remove(0);
        }
        entries.push((model.clone(), before.map_or(window, |before| before.min(window))));
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(ModelName, u64)>> {
        // Every change leaves a whole list behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_only_makes_a_window_smaller() {
        let windows = LearnedWindows::default();
        let model = ModelName::from("m");
        assert_eq!(windows.window(&model, None), None);
        windows.refused(&model, 1_000, None);
        assert_eq!(windows.window(&model, None), Some(900));
        windows.refused(&model, 9_000, Some(8_192));
        assert_eq!(windows.window(&model, Some(16_384)), Some(900));
        windows.refused(&model, 899, Some(512));
        assert_eq!(windows.window(&model, Some(400)), Some(400));
    }
}
