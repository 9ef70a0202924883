//! How long to wait before the next attempt.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::time::Duration;

use super::RetryPolicy;

/// The pause after the given number of failed attempts, or none if the next provider is to be asked instead.
pub(super) fn pause(
    policy: &RetryPolicy,
    failed_attempts: u32,
    retry_after: Option<Duration>,
) -> Option<Duration> {
    if failed_attempts >= policy.attempts {
        return None;
    }
    match retry_after {
        Some(asked) if asked > policy.longest_retry_after => None,
        Some(asked) => Some(asked),
        None => {
            let doubled = policy.first_pause.saturating_mul(1 << (failed_attempts - 1).min(16));
            Some(jittered(doubled.min(policy.longest_pause)))
        }
    }
}

/// Between half of the pause and all of it, so that many runs do not come back at once.
fn jittered(pause: Duration) -> Duration {
    // A fresh `RandomState` is the standard library's source of randomness.
    let draw = RandomState::new().hash_one(0_u8) & 0xffff;
    let half = pause / 2;
    half + half * u32::try_from(draw).unwrap_or(0) / 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        let policy = RetryPolicy::default().with_attempts(20);
        for failed in 1..20 {
            let pause = pause(&policy, failed, None).unwrap();
            let full = policy.first_pause.saturating_mul(1 << failed.min(10) >> 1);
            let full = full.min(policy.longest_pause);
            assert!(pause >= full / 2 && pause <= full, "{failed}: {pause:?}");
        }
    }

    #[test]
    fn the_last_attempt_is_followed_by_the_next_provider() {
        assert_eq!(pause(&RetryPolicy::default(), 3, None), None);
    }

    #[test]
    fn a_provider_is_obeyed_within_reason() {
        let policy = RetryPolicy::default();
        let asked = Duration::from_secs(7);
        assert_eq!(pause(&policy, 1, Some(asked)), Some(asked));
        assert_eq!(pause(&policy, 1, Some(Duration::from_secs(3600))), None);
    }
}
