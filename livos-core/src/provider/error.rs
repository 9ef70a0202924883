//! Why a model did not answer, sorted by what a caller can do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::id::ProviderId;

/// Why a model did not answer.
///
/// ```
/// use std::time::Duration;
/// use livos_core::{ProviderError, ProviderFailure};
///
/// let error = ProviderError::RateLimited(
///     ProviderFailure::new("openai", "too many requests").with_retry_after(Duration::from_secs(2)),
/// );
/// assert!(error.is_transient());
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Too many requests or tokens; wait and ask again.
    #[error(transparent)]
    RateLimited(ProviderFailure),
    /// The service has more work than it can do; wait or ask another.
    #[error(transparent)]
    Overloaded(ProviderFailure),
    /// The service could not be reached or failed inside.
    #[error(transparent)]
    Unavailable(ProviderFailure),
    /// No answer, or no further piece of it, within the time allowed.
    #[error(transparent)]
    TimedOut(ProviderFailure),
    /// The answer broke off: the connection closed, or the final event never came.
    #[error(transparent)]
    InterruptedStream(ProviderFailure),
    /// The service answered with something that is not its protocol.
    #[error(transparent)]
    MalformedResponse(ProviderFailure),
    /// The key is missing, wrong, or may not do this.
    #[error(transparent)]
    Authentication(ProviderFailure),
    /// The account has no money or quota left.
    #[error(transparent)]
    QuotaExhausted(ProviderFailure),
    /// No provider or model of that name.
    #[error(transparent)]
    UnknownModel(ProviderFailure),
    /// The service does not accept the request; asking again would not help.
    #[error(transparent)]
    InvalidRequest(ProviderFailure),
    /// The conversation does not fit the model's window.
    #[error(transparent)]
    ContextTooLong(ProviderFailure),
    /// The service declined the content.
    #[error(transparent)]
    ContentRefused(ProviderFailure),
    /// The caller gave up.
    #[error(transparent)]
    Cancelled(ProviderFailure),
}

impl ProviderError {
    /// The particulars.
    pub fn failure(&self) -> &ProviderFailure {
        match self {
            Self::RateLimited(failure)
            | Self::Overloaded(failure)
            | Self::Unavailable(failure)
            | Self::TimedOut(failure)
            | Self::InterruptedStream(failure)
            | Self::MalformedResponse(failure)
            | Self::Authentication(failure)
            | Self::QuotaExhausted(failure)
            | Self::UnknownModel(failure)
            | Self::InvalidRequest(failure)
            | Self::ContextTooLong(failure)
            | Self::ContentRefused(failure)
            | Self::Cancelled(failure) => failure,
        }
    }

    /// The particulars, to be changed on their way: a message shortened, a secret taken out.
    pub fn failure_mut(&mut self) -> &mut ProviderFailure {
        match self {
            Self::RateLimited(failure)
            | Self::Overloaded(failure)
            | Self::Unavailable(failure)
            | Self::TimedOut(failure)
            | Self::InterruptedStream(failure)
            | Self::MalformedResponse(failure)
            | Self::Authentication(failure)
            | Self::QuotaExhausted(failure)
            | Self::UnknownModel(failure)
            | Self::InvalidRequest(failure)
            | Self::ContextTooLong(failure)
            | Self::ContentRefused(failure)
            | Self::Cancelled(failure) => failure,
        }
    }

    /// The kind in one word, as logs, metrics and events write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RateLimited(_) => "rate_limited",
            Self::Overloaded(_) => "overloaded",
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut(_) => "timed_out",
            Self::InterruptedStream(_) => "interrupted_stream",
            Self::MalformedResponse(_) => "malformed_response",
            Self::Authentication(_) => "authentication",
            Self::QuotaExhausted(_) => "quota_exhausted",
            Self::UnknownModel(_) => "unknown_model",
            Self::InvalidRequest(_) => "invalid_request",
            Self::ContextTooLong(_) => "context_too_long",
            Self::ContentRefused(_) => "content_refused",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited(_)
                | Self::Overloaded(_)
                | Self::Unavailable(_)
                | Self::TimedOut(_)
                | Self::InterruptedStream(_)
                | Self::MalformedResponse(_)
        )
    }

    /// Whether another provider may succeed where this one failed.
    pub fn allows_fallback(&self) -> bool {
        self.is_transient()
            || matches!(
                self,
                Self::Authentication(_) | Self::QuotaExhausted(_) | Self::UnknownModel(_)
            )
    }

    /// How long the service asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure().retry_after
    }

    /// The HTTP status, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.failure().status
    }

    /// Who failed.
    pub fn provider(&self) -> &ProviderId {
        &self.failure().provider
    }
}

/// The particulars of a failure.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProviderFailure {
    /// Who failed.
    pub provider: ProviderId,
    /// What the service said, or what went wrong; safe to show, never a secret.
    pub message: String,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// How long the service asked to be left alone.
    pub retry_after: Option<Duration>,
    /// The window the service named when it refused a conversation as too long, in tokens.
    pub context_window: Option<u64>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderFailure {
    /// A failure of a provider with a message.
    pub fn new(provider: impl Into<ProviderId>, message: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            message: message.into(),
            status: None,
            retry_after: None,
            context_window: None,
            source: None,
        }
    }

    /// Adds the HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds the pause the service asked for.
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Adds the window that the service named.
    pub fn with_context_window(mut self, tokens: u64) -> Self {
        self.context_window = Some(tokens);
        self
    }

    /// Adds the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Drops the cause, where it may hold what must not be shown.
    pub fn remove_source(&mut self) {
        self.source = None;
    }
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.provider, self.message)?;
        match self.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => Ok(()),
        }
    }
}

impl Error for ProviderFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
