//! What a provider's refusal means: status, headers and body to [`ProviderError`].
//!
//! One table of the words that vendors use serves all of them; they are
//! distinct enough, and OpenAI's words are spoken by a dozen vendors anyway.
//! Whatever a service says passes [`presentable`] before anybody sees it.

mod retry;
mod window;

use std::error::Error;

use livos_core::EmbedError;
use livos_core::EmbeddingFault;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use livos_core::Redactor;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::config::ProviderConfig;

/// How much of a vendor's message is kept, in characters.
const MAX_MESSAGE_CHARS: usize = 600;

/// What kind of error something is, before it has its particulars.
type Kind = fn(ProviderFailure) -> ProviderError;

/// The words for kinds of errors: `error.type`, `error.code`, `error.status` or `details[].reason`.
const WORDS: &[(&str, Kind)] = &[
    ("overloaded_error", ProviderError::Overloaded),
    ("overloaded", ProviderError::Overloaded),
    ("engine_overloaded", ProviderError::Overloaded),
    ("engine_overloaded_error", ProviderError::Overloaded),
    ("service_unavailable", ProviderError::Overloaded),
    ("unavailable", ProviderError::Overloaded),
    ("unavailable_error", ProviderError::Overloaded),
    ("rate_limit_error", ProviderError::RateLimited),
    ("rate_limit_exceeded", ProviderError::RateLimited),
    ("rate_limited", ProviderError::RateLimited),
    ("rate_limit_reached_error", ProviderError::RateLimited),
    ("resource_exhausted", ProviderError::RateLimited),
    ("insufficient_quota", ProviderError::QuotaExhausted),
    ("exceeded_current_quota_error", ProviderError::QuotaExhausted),
    ("insufficient_balance", ProviderError::QuotaExhausted),
    ("billing_error", ProviderError::QuotaExhausted),
    ("billing_hard_limit_reached", ProviderError::QuotaExhausted),
    ("billing_not_active", ProviderError::QuotaExhausted),
    ("authentication_error", ProviderError::Authentication),
    ("invalid_authentication_error", ProviderError::Authentication),
    ("invalid_api_key", ProviderError::Authentication),
    ("api_key_invalid", ProviderError::Authentication),
    ("account_deactivated", ProviderError::Authentication),
    ("permission_error", ProviderError::Authentication),
    ("permission_denied", ProviderError::Authentication),
    ("unauthenticated", ProviderError::Authentication),
    ("not_found_error", ProviderError::UnknownModel),
    ("model_not_found", ProviderError::UnknownModel),
    ("model_decommissioned", ProviderError::UnknownModel),
    ("invalid_model", ProviderError::UnknownModel),
    ("not_found", ProviderError::UnknownModel),
    ("context_length_exceeded", ProviderError::ContextTooLong),
    ("exceed_context_size_error", ProviderError::ContextTooLong),
    ("request_too_large", ProviderError::ContextTooLong),
    ("content_filter", ProviderError::ContentRefused),
    ("content_policy_violation", ProviderError::ContentRefused),
    ("timeout_error", ProviderError::TimedOut),
    ("deadline_exceeded", ProviderError::TimedOut),
    ("api_error", ProviderError::Unavailable),
    ("server_error", ProviderError::Unavailable),
    ("internal_server_error", ProviderError::Unavailable),
    ("internal", ProviderError::Unavailable),
];

/// Phrases that say what a general word (`invalid_request_error`, a bare 400) leaves open.
const PHRASES: &[(&str, Kind)] = &[
    ("prompt is too long", ProviderError::ContextTooLong),
    ("context length", ProviderError::ContextTooLong),
    ("context window", ProviderError::ContextTooLong),
    ("context size", ProviderError::ContextTooLong),
    ("context limit", ProviderError::ContextTooLong),
    ("maximum number of tokens allowed", ProviderError::ContextTooLong),
    ("too large for model with", ProviderError::ContextTooLong),
    ("credit balance is too low", ProviderError::QuotaExhausted),
    ("api key not valid", ProviderError::Authentication),
    ("api key expired", ProviderError::Authentication),
    ("model is overloaded", ProviderError::Overloaded),
    // OpenRouter and DeepSeek, both with status 400 and no word for it.
    ("not a valid model id", ProviderError::UnknownModel),
    ("model not exist", ProviderError::UnknownModel),
];

/// Takes the key out of an error, even where the service repeats it, and bounds its message.
/// Every error that holds words of a service passes here: refusals, errors inside streams and
/// whole answers, and answers that could not be read.
pub(crate) fn presentable(config: &ProviderConfig, mut error: ProviderError) -> ProviderError {
    let failure = error.failure_mut();
    if let Some(key) = config.api_key() {
        let redactor = Redactor::of([key]);
        failure.message = redactor.clean(&failure.message).into_owned();
        if cause_holds(failure, &redactor) {
            failure.remove_source();
        }
    }
    // Behind the search for the key: a key that is cut in two is found by nobody.
    if let Some((end, _)) = failure.message.char_indices().nth(MAX_MESSAGE_CHARS) {
        failure.message.truncate(end);
    }
    error
}

/// Whether a cause shows the key; those of JSON quote what they could not read.
fn cause_holds(failure: &ProviderFailure, key: &Redactor) -> bool {
    let mut cause = failure.source();
    while let Some(error) = cause {
        if key.finds(&format!("{error} {error:?}")) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The error that a response other than 2xx means.
pub(crate) fn from_response(
    config: &ProviderConfig,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> ProviderError {
    let report = Report::parse(body);
    let kind = report.kind().unwrap_or_else(|| kind_of_status(status, &report));
    let message = report.message(status);
    let mut failure = ProviderFailure::new(config.id().clone(), message).with_status(status);
    if let Some(pause) = retry::pause(headers).or_else(|| report.retry_delay()) {
        failure = failure.with_retry_after(pause);
    }
    if let Some(window) = report.window() {
        failure = failure.with_context_window(window);
    }
    presentable(config, kind(failure))
}

/// The error that an error object inside a stream or an answer means. It is still to be made
/// [`presentable`]: the machines that read answers know no key.
pub(crate) fn from_error_object(provider: &ProviderId, error: &Value) -> ProviderError {
    let report = Report(Some(error.clone()));
    let by_status = report.status().map(|status| kind_of_status(status, &report));
    let kind = report.kind().or(by_status).unwrap_or(ProviderError::Unavailable);
    let mut failure = ProviderFailure::new(provider.clone(), report.message(0));
    if let Some(status) = report.status() {
        failure = failure.with_status(status);
    }
    if let Some(pause) = report.retry_delay() {
        failure = failure.with_retry_after(pause);
    }
    if let Some(window) = report.window() {
        failure = failure.with_context_window(window);
    }
    kind(failure)
}

/// The error object of a body, in any vendor's shape.
struct Report(Option<Value>);

impl Report {
    /// Finds the error object: `{"error": {…}}`, `[{"error": {…}}]`, `{"error": "text"}` or the body itself.
    fn parse(body: &[u8]) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let parsed = match parsed {
            Some(Value::Array(list)) => list.into_iter().next(),
            other => other,
        };
        Self(parsed.map(|value| match value {
            Value::Object(mut object) => match object.remove("error") {
                Some(error @ (Value::Object(_) | Value::String(_))) => error,
                _ => Value::Object(object),
            },
            other => other,
        }))
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }

    fn details(&self) -> impl Iterator<Item = &Value> {
        self.field("details").and_then(Value::as_array).into_iter().flatten()
    }

    /// The most specific word wins: code before reason before status before type.
    fn kind(&self) -> Option<Kind> {
        let reasons = self.details().filter_map(|detail| detail.get("reason"));
        let words = self.field("code").into_iter().chain(reasons);
        let words = words.chain(["status", "type"].into_iter().filter_map(|name| self.field(name)));
        let by_word = words
            .filter_map(Value::as_str)
            .find_map(|word| lookup(WORDS, |known| known.eq_ignore_ascii_case(word)));
        by_word.or_else(|| {
            let text = self.text()?.to_ascii_lowercase();
            lookup(PHRASES, |phrase| text.contains(phrase))
        })
    }

    fn status(&self) -> Option<u16> {
        self.field("code")?.as_u64().and_then(|code| u16::try_from(code).ok())
    }

    fn text(&self) -> Option<&str> {
        let text = match self.0.as_ref()? {
            Value::String(text) => Some(text.as_str()),
            Value::Object(object) => {
                let named = ["message", "detail"].into_iter().find_map(|name| object.get(name));
                named.and_then(Value::as_str)
            }
            _ => None,
        };
        text.filter(|text| !text.trim().is_empty())
    }

    /// The window, where the service says how long a conversation may be.
    fn window(&self) -> Option<u64> {
        let named = self.field("n_ctx").and_then(Value::as_u64);
        named.or_else(|| window::told(self.text()?))
    }

    fn message(&self, status: u16) -> String {
        if let Some(text) = self.text() {
            return text.trim().to_owned();
        }
        match (&self.0, status) {
            // Shapes without a message of their own, such as lists of field errors.
            (Some(value), _) => value.to_string(),
            (None, 300..=399) => "answered with a redirect; check the base URL".to_owned(),
            (None, 404) => "nothing is served at this address; check the base URL".to_owned(),
            (None, _) => "the request failed without an explanation".to_owned(),
        }
    }

    /// Google's `RetryInfo`: `"retryDelay": "13.5s"`.
    fn retry_delay(&self) -> Option<std::time::Duration> {
        let told = self.details().find_map(|detail| detail.get("retryDelay"))?.as_str()?;
        retry::seconds(told.strip_suffix('s')?)
    }
}

fn lookup(table: &[(&str, Kind)], matches: impl Fn(&str) -> bool) -> Option<Kind> {
    table.iter().find(|(known, _)| matches(known)).map(|(_, kind)| *kind)
}

fn kind_of_status(status: u16, report: &Report) -> Kind {
    match status {
        401 | 403 => ProviderError::Authentication,
        402 => ProviderError::QuotaExhausted,
        // Without an error object the path is wrong, not the model.
        404 if report.0.is_some() => ProviderError::UnknownModel,
        408 | 504 => ProviderError::TimedOut,
        413 => ProviderError::ContextTooLong,
        429 => ProviderError::RateLimited,
        503 | 529 => ProviderError::Overloaded,
        409 | 425 | 500..=599 => ProviderError::Unavailable,
        _ => ProviderError::InvalidRequest,
    }
}

/// What a failure means to whoever asked for embeddings.
pub(crate) fn embed_error(model: &str, error: &ProviderError) -> EmbedError {
    let (model, message) = (model.to_owned(), error.to_string());
    match error {
        ProviderError::Authentication(_)
        | ProviderError::QuotaExhausted(_)
        | ProviderError::UnknownModel(_)
        | ProviderError::InvalidRequest(_) => EmbedError::Refused { model, message },
        ProviderError::MalformedResponse(_) => {
            EmbedError::Faulty { model, fault: EmbeddingFault::Unreadable { problem: message } }
        }
        _ => EmbedError::Unavailable { model, message },
    }
}

#[cfg(test)]
mod tests;
