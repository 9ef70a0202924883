//! Where a provider is and how long it may take.

use std::time::Duration;

use livos_core::ProviderId;
use livos_core::Secret;
use reqwest::Url;
use reqwest::header::HeaderValue;

/// Where a provider is, with which key, and how long it may take.
///
/// ```
/// use livos_providers::ProviderConfig;
///
/// let config = ProviderConfig::new("anthropic", "https://api.anthropic.com")?.with_api_key("sk-1")?;
/// assert_eq!(config.id().as_str(), "anthropic");
/// assert!(ProviderConfig::new("local", "localhost:11434").is_err(), "a URL begins with its scheme");
/// # Ok::<(), livos_providers::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    id: ProviderId,
    base_url: Url,
    api_key: Option<Secret>,
    connect_timeout: Duration,
    header_timeout: Duration,
    idle_timeout: Duration,
    whole_answer_timeout: Duration,
}

/// How long providers may take, where it is not what they usually get.
///
/// ```
/// use std::time::Duration;
/// use livos_providers::{ProviderConfig, ProviderTimeouts};
///
/// let patient = ProviderTimeouts { first_byte: Some(Duration::from_secs(1800)), ..Default::default() };
/// let config = ProviderConfig::new("llamacpp", "http://127.0.0.1:8080/v1")?.with_timeouts(patient)?;
/// assert_eq!(config.header_timeout(), Duration::from_secs(1800));
/// # Ok::<(), livos_providers::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProviderTimeouts {
    /// A connection may take so long to be made ([`ProviderConfig::with_connect_timeout`]).
    pub connect: Option<Duration>,
    /// The first byte of a streamed answer may take so long ([`ProviderConfig::with_header_timeout`]).
    pub first_byte: Option<Duration>,
    /// A stream may be silent for so long ([`ProviderConfig::with_idle_timeout`]).
    pub silence: Option<Duration>,
    /// A whole answer may take so long ([`ProviderConfig::with_whole_answer_timeout`]).
    pub whole_answer: Option<Duration>,
}

/// A setting of a provider that cannot be used. Names the setting, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is no plain `http` or `https` URL.
    #[error("{provider}: base_url {reason}")]
    InvalidBaseUrl {
        /// The provider.
        provider: ProviderId,
        /// What is wrong and what would work.
        reason: &'static str,
    },
    /// The key cannot be sent in a header.
    #[error(
        "{provider}: api_key holds characters no key has; paste it again without quotes and line breaks"
    )]
    InvalidApiKey {
        /// The provider.
        provider: ProviderId,
    },
    /// No service of that name has embedding models.
    #[error("memory.embedding_model: '{model}' must be PROVIDER/MODEL, with one of {known}")]
    UnknownEmbedder {
        /// What was named.
        model: livos_core::ModelName,
        /// The services that there are.
        known: String,
    },
    /// A time-out of zero would fail every call.
    #[error("{provider}: {field} is zero; give it at least a millisecond")]
    ZeroTimeout {
        /// The provider.
        provider: ProviderId,
        /// The setting.
        field: &'static str,
    },
}

impl ProviderConfig {
    /// How long a connection may take to be made: 10 seconds.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a stream may be silent: 120 seconds, above the longest pauses of reasoning models.
    pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(120);
    /// How long the first byte of a streamed answer may take: 60 seconds.
    pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(60);
    /// The same at an address in plain `http`, where models of one's own are served: 10 minutes. It may
    /// first load the model, wait for another answer, and read the prompt at the speed of a processor.
    pub const LOCAL_HEADER_TIMEOUT: Duration = Duration::from_secs(600);
    /// How long an answer that is asked for whole may take to begin, which is when it is complete: 10 minutes.
    pub const DEFAULT_WHOLE_ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

    /// A provider at this address, without a key and with the default time-outs.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` URL, or holds a password, a query or a fragment.
    pub fn new(id: impl Into<ProviderId>, base_url: &str) -> Result<Self, ConfigError> {
        let id = id.into();
        let base_url = parse_base_url(base_url)
            .map_err(|reason| ConfigError::InvalidBaseUrl { provider: id.clone(), reason })?;
        let header_timeout = match base_url.scheme() {
            "https" => Self::DEFAULT_HEADER_TIMEOUT,
            _ => Self::LOCAL_HEADER_TIMEOUT,
        };
        Ok(Self {
            id,
            base_url,
            api_key: None,
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            header_timeout,
            idle_timeout: Self::DEFAULT_IDLE_TIMEOUT,
            whole_answer_timeout: Self::DEFAULT_WHOLE_ANSWER_TIMEOUT,
        })
    }

    /// Sets the key; an empty one counts as none.
    ///
    /// # Errors
    /// When it holds line breaks or other characters that no header can carry.
    pub fn with_api_key(mut self, key: impl Into<Secret>) -> Result<Self, ConfigError> {
        let key = key.into();
        if HeaderValue::from_str(key.expose()).is_err() {
            return Err(ConfigError::InvalidApiKey { provider: self.id });
        }
        self.api_key = Some(key).filter(|key| !key.is_empty());
        Ok(self)
    }

    /// Sets how long a connection may take to be made. With another value than the default the
    /// provider has connections of its own, which it does not share with other providers.
    ///
    /// # Errors
    /// When it is zero.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        self.connect_timeout = self.nonzero(timeout, "connect_timeout")?;
        Ok(self)
    }

    /// Sets how long an answer that is asked for whole may take to begin.
    ///
    /// # Errors
    /// When it is zero.
    pub fn with_whole_answer_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        self.whole_answer_timeout = self.nonzero(timeout, "whole_answer_timeout")?;
        Ok(self)
    }

    /// Sets how long a stream may be silent.
    ///
    /// # Errors
    /// When it is zero.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        self.idle_timeout = self.nonzero(timeout, "idle_timeout")?;
        Ok(self)
    }

    /// Sets how long the first byte of a streamed answer may take.
    ///
    /// # Errors
    /// When it is zero.
    pub fn with_header_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        self.header_timeout = self.nonzero(timeout, "header_timeout")?;
        Ok(self)
    }

    /// Sets the time-outs that are given, and leaves the others.
    ///
    /// # Errors
    /// When one is zero.
    pub fn with_timeouts(mut self, timeouts: ProviderTimeouts) -> Result<Self, ConfigError> {
        let ProviderTimeouts { connect, first_byte, silence, whole_answer } = timeouts;
        if let Some(connect) = connect {
            self = self.with_connect_timeout(connect)?;
        }
        if let Some(first_byte) = first_byte {
            self = self.with_header_timeout(first_byte)?;
        }
        if let Some(silence) = silence {
            self = self.with_idle_timeout(silence)?;
        }
        if let Some(whole_answer) = whole_answer {
            self = self.with_whole_answer_timeout(whole_answer)?;
        }
        Ok(self)
    }

    /// The name in `provider/model`.
    pub fn id(&self) -> &ProviderId {
        &self.id
    }

    /// The address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.base_url.as_str().trim_end_matches('/')
    }

    /// The key, if one was given.
    pub fn api_key(&self) -> Option<&Secret> {
        self.api_key.as_ref()
    }

    /// How long a connection may take to be made.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// How long an answer that is asked for whole may take to begin.
    pub fn whole_answer_timeout(&self) -> Duration {
        self.whole_answer_timeout
    }

    /// How long a stream may be silent.
    pub fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// How long the first byte of a streamed answer may take.
    pub fn header_timeout(&self) -> Duration {
        self.header_timeout
    }

    fn nonzero(&self, timeout: Duration, field: &'static str) -> Result<Duration, ConfigError> {
        if timeout.is_zero() {
            return Err(ConfigError::ZeroTimeout { provider: self.id.clone(), field });
        }
        Ok(timeout)
    }
}

fn parse_base_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim())
        .map_err(|_| "is not a URL; write it like https://api.example.com/v1")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("has neither the scheme http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; give the key as api_key instead");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment; end it with the path");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let error = ProviderConfig::new("x", "https://me:hunter2@api.example.com").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        assert!(error.to_string().starts_with("x: base_url"));
    }

    #[test]
    fn an_empty_key_is_no_key_and_a_broken_one_is_refused() {
        let config = ProviderConfig::new("x", "http://127.0.0.1:1/v1/").unwrap();
        assert_eq!(config.base_url(), "http://127.0.0.1:1/v1");
        assert!(config.clone().with_api_key(" \n").unwrap().api_key().is_none());
        assert!(config.with_api_key("a\nb").is_err());
    }

    #[test]
    fn a_model_of_ones_own_has_more_time_before_its_first_byte() {
        let patience =
            |address| ProviderConfig::new("x", address).map(|config| config.header_timeout());
        assert_eq!(patience("https://api.example.com"), Ok(Duration::from_secs(60)));
        assert_eq!(patience("http://127.0.0.1:8080/v1"), Ok(Duration::from_secs(600)));
    }

    #[test]
    fn only_the_timeouts_that_are_given_change() {
        let usual = ProviderConfig::new("x", "http://127.0.0.1:1").unwrap();
        let silence = Some(Duration::from_secs(7));
        let timeouts = ProviderTimeouts { silence, ..ProviderTimeouts::default() };
        let config = usual.clone().with_timeouts(timeouts).unwrap();
        assert_eq!(config.idle_timeout(), Duration::from_secs(7));
        assert_eq!(config.header_timeout(), usual.header_timeout());
        assert_eq!(config.connect_timeout(), usual.connect_timeout());
    }

    #[test]
    fn a_zero_timeout_is_refused_by_name() {
        let config = ProviderConfig::new("x", "http://127.0.0.1:1").unwrap();
        let error = config.with_idle_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "x: idle_timeout is zero; give it at least a millisecond");
    }
}
