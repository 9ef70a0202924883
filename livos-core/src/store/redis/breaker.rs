//! Keeps callers from waiting for a Redis that is away.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Lets everything pass until an operation failed; then one probe after each pause.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
    /// Whether somebody tries meanwhile.
    is_probed: bool,
}

impl Breaker {
    /// Whether an operation may be tried now. If not, how long until one may.
    ///
    /// While Redis is away, whoever passes is the probe, and for the time it may take nobody else does.
    pub(super) fn pass(&self, now: Instant, patience: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        let Some(until) = state.closed_until else { return Ok(()) };
        if now < until {
            return Err(until - now);
        }
        state.closed_until = Some(now + patience);
        state.is_probed = true;
        Ok(())
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// Gives the pause that begins. Many operations that fail together count as one.
    pub(super) fn failed(&self, now: Instant) -> Duration {
        let mut state = self.state();
        if let Some(until) = state.closed_until.filter(|until| !state.is_probed && now < *until) {
            return until - now;
        }
        state.is_probed = false;
        let pause = pause(state.failures);
        state.failures = state.failures.saturating_add(1);
        state.closed_until = Some(now + pause);
        pause
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after so many earlier failures, between half of it and all.
pub(super) fn pause(failures: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    // A fresh `RandomState` is the standard library's source of randomness.
    let draw = RandomState::new().hash_one(0_u8) & 0xffff;
    let half = full / 2;
    half + half * u32::try_from(draw).unwrap_or(0) / 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn a_failure_closes_it_until_a_probe_succeeds() {
        let breaker = Breaker::default();
        let start = Instant::now();
        assert_eq!(breaker.pass(start, PATIENCE), Ok(()));
        let pause = breaker.failed(start);
        assert_eq!(breaker.pass(start, PATIENCE), Err(pause));
        assert_eq!(breaker.pass(start + pause, PATIENCE), Ok(()), "the probe");
        assert_eq!(breaker.pass(start + pause, PATIENCE), Err(PATIENCE), "one probe only");
        breaker.succeeded();
        assert_eq!(breaker.pass(start + pause, PATIENCE), Ok(()));
    }

    #[test]
    fn many_that_fail_together_are_one_failure() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..100 {
            assert!(breaker.failed(start) <= FIRST_PAUSE);
        }
    }

    #[test]
    fn a_probe_that_nobody_waited_for_does_not_close_it_for_ever() {
        let breaker = Breaker::default();
        let start = Instant::now();
        let pause = breaker.failed(start);
        assert_eq!(breaker.pass(start + pause, PATIENCE), Ok(()));
        assert_eq!(breaker.pass(start + pause + PATIENCE, PATIENCE), Ok(()));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        for failures in 0..40 {
            let full = (FIRST_PAUSE * (1 << failures.min(16))).min(LONGEST_PAUSE);
            let pause = pause(failures);
            assert!(pause >= full / 2 && pause <= full, "{failures}: {pause:?}");
        }
    }
}
