//! Replies posted to an address that the message named.
//!
//! The receiver gets a JSON object with the header `Idempotency-Key`, the same for every attempt, and
//! answers 2xx once it has it. It must take the same key twice for the same reply: what may have
//! arrived is sent again.

use std::time::Duration;

use async_trait::async_trait;
use livos_core::DeliveryAttempt;
use livos_core::Repetition;
use livos_core::ReplyAddress;
use livos_core::ReplySink;
use livos_core::SinkAnswer;
use livos_tools::outgoing::AddressGuard;
use livos_tools::outgoing::Answer;
use livos_tools::outgoing::ClientError;
use livos_tools::outgoing::GuardedClient;
use livos_tools::outgoing::Limits;
use livos_tools::outgoing::Redirects;
use livos_tools::outgoing::Request;
use reqwest::Method;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use reqwest::header::InvalidHeaderValue;
use reqwest::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::json;

/// The kind of address that this sink understands.
pub(crate) const KIND: &str = "http";
/// How long a receiver may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest pause a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// How much of an answer is read: only its status counts.
const MAX_ANSWER: usize = 1_024;

/// Posts replies to http and https addresses.
#[derive(Debug)]
pub(crate) struct HttpCallback {
    client: GuardedClient,
}

/// What a receiver gets.
#[derive(Debug, Serialize)]
struct Callback<'a> {
    delivery_id: String,
    run_id: String,
    session_id: String,
    /// Which attempt this is, from 1.
    attempt: u32,
    #[serde(flatten)]
    reply: &'a livos_core::Reply,
}

impl HttpCallback {
    pub(crate) fn new(guard: AddressGuard) -> Self {
        Self { client: GuardedClient::new(guard) }
    }

    async fn post(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        let url = attempt.address.get("url").and_then(serde_json::Value::as_str);
        let url = match url.ok_or_else(|| "the address has no url".to_owned()) {
            Ok(text) => check(text, self.client.guard()),
            Err(error) => Err(error),
        };
        let url = match url {
            Ok(url) => url,
            Err(error) => return SinkAnswer::Rejected { error },
        };
        let body = json!(Callback {
            delivery_id: attempt.id.to_string(),
            run_id: attempt.run_id.to_string(),
            session_id: attempt.session_id.to_string(),
            attempt: attempt.number,
            reply: &attempt.reply,
        });
        let request = match request(url, attempt, body.to_string()) {
            Ok(request) => request,
            Err(error) => return SinkAnswer::Rejected { error: error.to_string() },
        };
        match self.client.send(request, Limits::new(MAX_ANSWER, ANSWER_TIMEOUT)).await {
            Ok(answer) => answered(&answer),
            Err(error) => failed(error),
        }
    }
}

#[async_trait]
impl ReplySink for HttpCallback {
    fn kind(&self) -> &str {
        KIND
    }

    fn repetition(&self) -> Repetition {
        Repetition::Harmless
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        self.post(attempt).await
    }
}

fn request(
    url: Url,
    attempt: &DeliveryAttempt,
    body: String,
) -> Result<Request, InvalidHeaderValue> {
    let headers = HeaderMap::from_iter([
        (HeaderName::from_static("idempotency-key"), attempt.id.to_string().parse()?),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    // A receiver that moved shall be told anew: a redirect is no receipt.
    let request = Request::new(Method::POST, url).with_redirects(Redirects::Show);
    Ok(request.with_headers(headers).with_body(body))
}

/// The address of a receiver, if it may be called.
pub(crate) fn address(url: &str, guard: &AddressGuard) -> Result<ReplyAddress, String> {
    let url = check(url, guard)?;
    Ok(ReplyAddress { kind: KIND.into(), address: json!({"url": url.as_str()}) })
}

fn check(text: &str, guard: &AddressGuard) -> Result<Url, String> {
    guard.check_url(text).map_err(|error| error.to_string())
}

fn answered(answer: &Answer) -> SinkAnswer {
    let status = answer.status;
    let error = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => SinkAnswer::Receipt(format!("HTTP {}", status.as_u16())),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            SinkAnswer::Retry { after: retry_after(answer), error }
        }
        _ if status.is_server_error() => SinkAnswer::Retry { after: retry_after(answer), error },
        _ => SinkAnswer::Rejected { error },
    }
}

/// The pause that was asked for, in seconds; dates are left to our own pauses.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let seconds = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn failed(error: ClientError) -> SinkAnswer {
    match error {
        ClientError::NotAllowed(refused) => SinkAnswer::Rejected { error: refused.to_string() },
        ClientError::Unreachable { reason, .. } => SinkAnswer::Retry {
            after: None,
            error: format!("the receiver cannot be reached: {reason}"),
        },
        ClientError::NoClient(error) => SinkAnswer::Retry { after: None, error },
        ClientError::TimedOut { .. } => {
            SinkAnswer::Ambiguous { error: "the receiver did not answer in time".to_owned() }
        }
        other => SinkAnswer::Ambiguous { error: format!("the receiver did not answer: {other}") },
    }
}
