//! What sub-agents may spend, and how many there may be.

use crate::budget::Budget;

/// What sub-agents may spend, and how many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubagentLimits {
    /// What one may spend at most: 8 turns, 50,000 tokens, 120 seconds (MULTI-05).
    pub budget: Budget,
    /// How many of one tree go at a time; further ones wait in the queue, visibly: 2.
    pub concurrent: u32,
    /// How many children one session may have: a bound on what a model that keeps delegating leaves behind.
    pub children: usize,
}

impl Default for SubagentLimits {
    fn default() -> Self {
        Self { budget: Budget::subagent(), concurrent: 2, children: 256 }
    }
}

impl SubagentLimits {
    /// Sets what one may spend at most.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets how many of one tree go at a time.
    #[must_use]
    pub fn with_concurrent(mut self, runs: u32) -> Self {
        self.concurrent = runs;
        self
    }
}
