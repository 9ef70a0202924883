//! Dies at the place that was chosen.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::CrashPoint;

static PLAN: OnceLock<Plan> = OnceLock::new();

struct Plan {
    point: CrashPoint,
    passages_left: AtomicU64,
}

/// Lets the process die at the n-th passage of a point, counted from 1. Only the first choice counts.
#[doc(hidden)]
pub fn arm(point: CrashPoint, passage: u64) {
    drop(PLAN.set(Plan { point, passages_left: AtomicU64::new(passage) }));
}

pub(super) fn pass(point: CrashPoint) {
    let Some(plan) = PLAN.get().filter(|plan| plan.point == point) else { return };
    if plan.passages_left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // No destructor runs and nothing is flushed: as near to a cut wire as a process gets by itself.
        std::process::abort();
    }
}
