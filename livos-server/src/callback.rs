//! Replies posted to an address that the message named.
//!
//! The receiver gets a JSON object with the header `Idempotency-Key`, the same for every attempt, and
//! answers 2xx once it has it. It must take the same key twice for the same reply: what may have
//! arrived is sent again.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::DeliveryAttempt;
use livos_core::Repetition;
use livos_core::ReplyAddress;
use livos_core::ReplySink;
use livos_core::SinkAnswer;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::address_guard::AddressGuard;
use crate::address_guard::NotAllowed;

/// The kind of address that this sink understands.
pub(crate) const KIND: &str = "http";
/// How long a receiver may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a receiver may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest pause a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// The longest address, in bytes.
const MAX_ADDRESS: usize = 2_048;

/// Posts replies to http and https addresses.
#[derive(Debug)]
pub(crate) struct HttpCallback {
    /// Made at the first use: it loads the system's certificates, which a start must not wait for.
    client: OnceCell<reqwest::Client>,
    guard: AddressGuard,
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
        Self { client: OnceCell::new(), guard }
    }

    async fn client(&self) -> Result<&reqwest::Client, String> {
        let build = async || {
            let guard = self.guard.clone();
            match tokio::task::spawn_blocking(move || client(guard)).await {
                Ok(client) => client.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        self.client.get_or_try_init(build).await
    }

    async fn post(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        let url = attempt.address.get("url").and_then(serde_json::Value::as_str);
        let url = match url.ok_or_else(|| "the address has no url".to_owned()) {
            Ok(text) => check(text, &self.guard),
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
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => return SinkAnswer::Retry { after: None, error },
        };
        let request = client
            .post(url)
            .header("idempotency-key", attempt.id.to_string())
            .header("content-type", "application/json");
        match request.body(body.to_string()).send().await {
            Ok(response) => answered(&response),
            Err(error) => failed(&error),
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

fn client(guard: AddressGuard) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .dns_resolver(guard)
        // A redirect could lead where the guard does not look, and a proxy resolves names itself.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .user_agent(concat!("livos/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The address of a receiver, if it may be called.
pub(crate) fn address(url: &str, guard: &AddressGuard) -> Result<ReplyAddress, String> {
    let url = check(url, guard)?;
    Ok(ReplyAddress { kind: KIND.into(), address: json!({"url": url.as_str()}) })
}

fn check(text: &str, guard: &AddressGuard) -> Result<Url, String> {
    let wrong = || format!("must be an http or https address of at most {MAX_ADDRESS} bytes");
    if text.len() > MAX_ADDRESS {
        return Err(wrong());
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    if has_user {
        return Err("must not hold a user or password".to_owned());
    }
    let host = url.host_str().ok_or_else(wrong)?;
    guard.check_host(host).map_err(|error| error.to_string())?;
    Ok(url)
}

fn answered(response: &Response) -> SinkAnswer {
    let status = response.status();
    let error = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => SinkAnswer::Receipt(format!("HTTP {}", status.as_u16())),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            SinkAnswer::Retry { after: retry_after(response), error }
        }
        _ if status.is_server_error() => SinkAnswer::Retry { after: retry_after(response), error },
        _ => SinkAnswer::Rejected { error },
    }
}

/// The pause that was asked for, in seconds; dates are left to our own pauses.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn failed(error: &reqwest::Error) -> SinkAnswer {
    // Only the last cause is told: the first has the address, which only the receiver should know.
    let mut told = "no answer".to_owned();
    let mut cause = error.source();
    while let Some(source) = cause {
        if let Some(refused) = source.downcast_ref::<NotAllowed>() {
            return SinkAnswer::Rejected { error: refused.to_string() };
        }
        told = source.to_string();
        cause = source.source();
    }
    if error.is_connect() {
        return SinkAnswer::Retry {
            after: None,
            error: format!("the receiver cannot be reached: {told}"),
        };
    }
    SinkAnswer::Ambiguous { error: format!("the receiver did not answer: {told}") }
}
