//! Puts a manager together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Member;
use super::ProviderManager;
use super::Shared;
use super::Tiers;
use super::breaker::Breaker;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::provider::AIProvider;
use crate::text_tools::TextTools;

/// How often and how long to wait before a call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts at one provider before the next is asked, the first included.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles with each further one, with jitter.
    pub first_pause: Duration,
    /// The longest pause of our own choosing.
    pub longest_pause: Duration,
    /// The longest pause a provider may ask for; if it asks for more, the next provider is asked at once.
    pub longest_retry_after: Duration,
    /// How many calls in a row must fail before a provider is left alone.
    pub failures_to_open: u32,
    /// How long a provider is left alone.
    pub open_time: Duration,
}

impl Default for RetryPolicy {
    /// 3 attempts, pauses from 0.5 s to 8 s, up to 30 s on a provider's request; left alone for 30 s after 5 failures.
    fn default() -> Self {
        Self {
            attempts: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            longest_retry_after: Duration::from_secs(30),
            failures_to_open: 5,
            open_time: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// One attempt a provider, no pauses: for tests and for callers with a policy of their own.
    pub fn none() -> Self {
        Self { attempts: 1, first_pause: Duration::ZERO, ..Self::default() }
    }

    /// Sets the attempts at one provider.
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the pause before the second attempt.
    pub fn with_first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }
}

/// Puts a manager together. Made by [`ProviderManager::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ProviderManagerBuilder {
    members: Vec<(Arc<dyn AIProvider>, Tiers)>,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
}

impl ProviderManagerBuilder {
    pub(super) fn new() -> Self {
        Self { members: Vec::new(), retry: RetryPolicy::default(), clock: Arc::new(SystemClock) }
    }

    /// Adds a provider at the end of the chain, with its model for each tier.
    pub fn provider(self, provider: impl AIProvider, tiers: Tiers) -> Self {
        self.provider_shared(Arc::new(provider), tiers)
    }

    /// Adds a provider that others share.
    pub fn provider_shared(mut self, provider: Arc<dyn AIProvider>, tiers: Tiers) -> Self {
        self.members.push((provider, tiers));
        self
    }

    /// How calls are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The clock that circuit breakers go by.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The manager.
    pub fn build(self) -> ProviderManager {
        let retry = self.retry;
        let members = self.members.into_iter().map(|(provider, tiers)| {
            Arc::new(Member {
                with_text_tools: TextTools::new(Arc::clone(&provider)),
                provider,
                tiers,
                breaker: Breaker::new(retry.failures_to_open, retry.open_time),
            })
        });
        let members = members.collect();
        let (id, windows) = ("manager".into(), BTreeMap::new());
        let shared = Shared { id, members, retry, clock: self.clock, windows };
        ProviderManager { shared: Arc::new(shared) }
    }
}
