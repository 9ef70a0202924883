//! What the back-ends share: where they are, how they are asked, what their statuses mean.

use std::time::Duration;

use livos_core::Secret;
use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use url::Url;

use super::SearchError;
use crate::outgoing::AddressGuard;
use crate::outgoing::Answer;
use crate::outgoing::BodyEnd;
use crate::outgoing::GuardedClient;
use crate::outgoing::Limits;
use crate::outgoing::Redirects;
use crate::outgoing::Request;

/// How many bytes of an answer are read.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a search may take.
const TIME: Duration = Duration::from_secs(20);

/// Why a search service cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSearchSettings {
    /// The address is none.
    #[error("{setting} must be an http or https address such as https://search.example.org")]
    Address {
        /// The setting to correct.
        setting: &'static str,
    },
    /// The key has characters that no header can carry.
    #[error("{setting} has characters that no key has; paste it again")]
    Key {
        /// The setting to correct.
        setting: &'static str,
    },
}

/// A search service at its address.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    service: &'static str,
    /// The setting that holds the key, or the address of a service without one.
    setting: &'static str,
    base: Url,
    client: GuardedClient,
}

impl Endpoint {
    /// The service at `base`. Its owner chose the address, so it may be anywhere.
    pub(super) fn new(
        service: &'static str,
        setting: &'static str,
        base: &str,
        of_base: &'static str,
    ) -> Result<Self, InvalidSearchSettings> {
        let wrong = || InvalidSearchSettings::Address { setting: of_base };
        let mut base = Url::parse(base.trim()).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let host = base.host_str().ok_or_else(wrong)?.to_owned();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = GuardedClient::new(AddressGuard::new(of_base).allow_hosts([host]));
        Ok(Self { service, setting, base, client })
    }

    /// An address beneath the service's own.
    pub(super) fn at(&self, path: &str) -> Result<Url, SearchError> {
        self.base.join(path).map_err(|error| self.unavailable(&error.to_string()))
    }

    /// Asks, and reads the answer as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<T, SearchError> {
        // A redirect could carry the key elsewhere.
        let request = request.with_redirects(Redirects::Show);
        let sent = self.client.send(request, Limits::new(MAX_BODY, TIME)).await;
        let answer = sent.map_err(|error| self.unavailable(&error.to_string()))?;
        if !answer.status.is_success() {
            return Err(self.failure(&answer));
        }
        if answer.body.end != BodyEnd::Whole {
            return Err(self.unavailable("its answer broke off, or is too long"));
        }
        serde_json::from_slice(&answer.body.bytes)
            .map_err(|_| self.unavailable("its answer is not the JSON that was expected"))
    }

    fn failure(&self, answer: &Answer) -> SearchError {
        let service = self.service;
        let said = said(&answer.body.bytes);
        let is_about = |words: &[&str]| words.iter().any(|word| said.contains(word));
        match answer.status.as_u16() {
            // Brave tells of a wrong key by 422.
            401 | 403 => SearchError::Key { service, setting: self.setting },
            422 if is_about(&["SUBSCRIPTION_TOKEN_INVALID"]) => {
                SearchError::Key { service, setting: self.setting }
            }
            // Tavily: the plan's limit, and that of paying as one goes.
            402 | 432 | 433 => SearchError::Quota { service },
            429 if is_about(&["QUOTA_LIMITED"]) => SearchError::Quota { service },
            429 => SearchError::RateLimited { service },
            400 | 404 | 422 => SearchError::Refused { service, message: said },
            status => self.unavailable(&format!("it answered with status {status}")),
        }
    }

    pub(super) fn unavailable(&self, reason: &str) -> SearchError {
        SearchError::Unavailable { service: self.service, reason: reason.to_owned() }
    }
}

/// The key as a header value, marked as what must not be shown.
pub(super) fn key_header(
    prefix: &str,
    key: &Secret,
    setting: &'static str,
) -> Result<HeaderValue, InvalidSearchSettings> {
    let text = format!("{prefix}{}", key.expose());
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| InvalidSearchSettings::Key { setting })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a service says went wrong, short.
fn said(body: &[u8]) -> String {
    const MAX: usize = 300;
    let text = String::from_utf8_lossy(body.get(..body.len().min(MAX)).unwrap_or_default());
    if text.trim_start().starts_with('<') {
        return "it answers with a web page".to_owned();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
