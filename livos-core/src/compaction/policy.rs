//! When and how conversations are compacted.

use std::sync::Arc;
use std::time::Duration;

use crate::id::ModelName;
use crate::provider::AIProvider;

/// When and how conversations are compacted.
///
/// ```
/// use std::time::Duration;
/// use livos_core::CompactionPolicy;
///
/// let policy = CompactionPolicy::default()
///     .with_threshold_tokens(50_000)
///     .with_model("fast")
///     .with_timeout(Duration::from_secs(30));
/// assert_eq!(policy.threshold(Some(32_000)), 24_000);
/// assert_eq!(policy.threshold(None), 50_000);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompactionPolicy {
    /// A prompt above this many tokens is compacted.
    pub threshold_tokens: u64,
    /// So is one above this part of the window, in percent.
    pub window_percent: u64,
    /// How many of the newest messages stay word for word, as far as they fit the window.
    pub keep_messages: usize,
    /// The model that writes summaries; the model of the run where absent.
    pub model: Option<ModelName>,
    /// The provider of that model; the agent's where absent.
    pub provider: Option<Arc<dyn AIProvider>>,
    /// How long a summary may take.
    pub timeout: Duration,
    /// How many tokens a summary may have.
    pub summary_tokens: u32,
}

impl Default for CompactionPolicy {
    /// Above 100,000 tokens or 75 % of the window; 10 messages stay; 60 seconds and 1,500 tokens for a summary.
    fn default() -> Self {
        Self {
            threshold_tokens: 100_000,
            window_percent: 75,
            keep_messages: 10,
            model: None,
            provider: None,
            timeout: Duration::from_secs(60),
            summary_tokens: 1_500,
        }
    }
}

impl CompactionPolicy {
    /// Sets how many tokens a prompt may have before it is compacted.
    pub fn with_threshold_tokens(mut self, tokens: u64) -> Self {
        self.threshold_tokens = tokens;
        self
    }

    /// Sets which part of the window a prompt may fill; above 100 is 100.
    pub fn with_window_percent(mut self, percent: u64) -> Self {
        self.window_percent = percent.min(100);
        self
    }

    /// Sets how many of the newest messages stay; at least one does.
    pub fn with_keep_messages(mut self, messages: usize) -> Self {
        self.keep_messages = messages.max(1);
        self
    }

    /// Sets the model that writes summaries.
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets who is asked for summaries.
    pub fn with_provider(mut self, provider: Arc<dyn AIProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Sets how long a summary may take.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many tokens a summary may have.
    pub fn with_summary_tokens(mut self, tokens: u32) -> Self {
        self.summary_tokens = tokens;
        self
    }

    /// Above how many tokens a prompt for a window of this size is compacted.
    pub fn threshold(&self, window: Option<u64>) -> u64 {
        let part = window.map(|window| window.saturating_mul(self.window_percent) / 100);
        part.map_or(self.threshold_tokens, |part| part.min(self.threshold_tokens))
    }
}
