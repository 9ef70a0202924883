//! Leaves a provider alone that fails again and again.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::provider::ProviderError;

/// Whether a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// It is asked as usual.
    Closed,
    /// It is left alone.
    Open,
    /// Its time alone is over: the next call shows whether it is well again.
    HalfOpen,
}

#[derive(Debug)]
pub(super) struct Breaker {
    failures_to_open: u32,
    open_time: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    consecutive_failures: u32,
    opened_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl Breaker {
    pub(super) fn new(failures_to_open: u32, open_time: Duration) -> Self {
        Self { failures_to_open, open_time, state: Mutex::default() }
    }

    /// Whether the provider may be asked now.
    pub(super) fn allows(&self, now: Timestamp) -> bool {
        self.circuit(&self.state(), now) != CircuitState::Open
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// Counts a failure that is the provider's and not the request's.
    pub(super) fn failed(&self, error: &ProviderError, now: Timestamp) {
        let mut state = self.state();
        state.last_error = Some(error.to_string());
        if error.allows_fallback() {
            state.consecutive_failures = state.consecutive_failures.saturating_add(1);
            if state.consecutive_failures >= self.failures_to_open {
                state.opened_at = Some(now);
            }
        }
    }

    pub(super) fn snapshot(&self, now: Timestamp) -> (CircuitState, u32, Option<String>) {
        let state = self.state();
        (self.circuit(&state, now), state.consecutive_failures, state.last_error.clone())
    }

    fn circuit(&self, state: &State, now: Timestamp) -> CircuitState {
        match state.opened_at {
            None => CircuitState::Closed,
            Some(at) if now.since(at) < self.open_time => CircuitState::Open,
            Some(_) => CircuitState::HalfOpen,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid after every statement, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
