//! The one HTTP seam: everything that leaves for a provider leaves here.

mod body;
mod tails;

use std::error::Error;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::ChatStream;
use livos_core::Delivery;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use reqwest::Client;
use reqwest::Method;
use reqwest::Request;
use reqwest::Response;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::config::ProviderConfig;
use crate::failure;
use crate::stream::StreamMachine;

pub(crate) use self::body::RequestBody;
pub(crate) use self::tails::Tails;

/// How many idle connections are kept for each host: enough for a thousand runs at once.
const MAX_IDLE_CONNECTIONS: usize = 1024;

/// How many bytes an answer that is read whole may have.
pub(crate) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How much of an error's body is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

const USER_AGENT: &str = concat!("livos/", env!("CARGO_PKG_VERSION"));

/// The connection pools, made at first use and shared by the providers of one process.
///
/// Addresses in plain `http` have a pool of their own that loads no
/// certificates: loading them is nearly all of a cold start, and a local model
/// needs none.
#[derive(Clone)]
pub(crate) struct HttpClients(Arc<Pools>);

impl Default for HttpClients {
    fn default() -> Self {
        Self::connecting_within(ProviderConfig::DEFAULT_CONNECT_TIMEOUT)
    }
}

struct Pools {
    connect_timeout: Duration,
    plain: OnceCell<Client>,
    tls: OnceCell<Client>,
    tails: Tails,
}

impl HttpClients {
    fn connecting_within(connect_timeout: Duration) -> Self {
        Self(Arc::new(Pools {
            connect_timeout,
            plain: OnceCell::new(),
            tls: OnceCell::new(),
            tails: Tails::default(),
        }))
    }

    /// These, or others where they give a connection another time to be made.
    fn for_timeout(self, connect_timeout: Duration) -> Self {
        if self.0.connect_timeout == connect_timeout {
            return self;
        }
        Self::connecting_within(connect_timeout)
    }

    async fn client_for(&self, base_url: &str) -> Result<&Client, BuildError> {
        let connect_timeout = self.0.connect_timeout;
        if base_url.starts_with("https:") {
            // Reads the certificates of the system from disk.
            let build = move || {
                tokio::task::spawn_blocking(move || client_builder(connect_timeout).build())
            };
            let build = || async { Ok(build().await??) };
            self.0.tls.get_or_try_init(build).await
        } else {
            let build =
                || async { Ok(client_builder(connect_timeout).tls_certs_only([]).build()?) };
            self.0.plain.get_or_try_init(build).await
        }
    }
}

type BuildError = Box<dyn Error + Send + Sync>;

fn client_builder(connect_timeout: Duration) -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(connect_timeout)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        // A redirect would carry the key to another host.
        .redirect(reqwest::redirect::Policy::none())
}

/// Sends requests to one provider.
pub(crate) struct Transport {
    config: Arc<ProviderConfig>,
    clients: HttpClients,
    last_url: LastUrl,
}

/// The URL asked last and the path it was made of. Most providers ask one
/// address over and over, and reading a URL costs as much as encoding a turn.
#[derive(Default)]
struct LastUrl(Mutex<Option<(Box<str>, Url)>>);

impl LastUrl {
    fn get(&self, base_url: &str, path: &str) -> Option<Url> {
        // A panic cannot leave the pair half-written.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, url)) = &*last
            && **known == *path
        {
            return Some(url.clone());
        }
        let url = Url::parse(&format!("{base_url}{path}")).ok()?;
        *last = Some((path.into(), url.clone()));
        Some(url)
    }
}

/// What kind of content an answer says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerKind {
    /// `text/event-stream`.
    Events,
    /// JSON or newline-delimited JSON.
    Json,
    /// A page for people: the address is wrong or a proxy answered.
    Html,
    /// Not told, or something else.
    Other,
}

/// Whether an answer is to be read as a stream. Gateways do not always send what they were asked for.
pub(crate) fn arrives_in_pieces(response: &Response, delivery: Delivery) -> bool {
    match (answer_kind(response), delivery) {
        (AnswerKind::Events, _) => true,
        (AnswerKind::Json, _) => false,
        (AnswerKind::Html | AnswerKind::Other, delivery) => delivery == Delivery::Streamed,
    }
}

impl Transport {
    /// How long the head of an answer may take: a whole one is thought out before it begins.
    pub(crate) fn head_timeout(&self, delivery: Delivery) -> Duration {
        match delivery {
            Delivery::Streamed => self.config.header_timeout(),
            Delivery::Whole => self.config.whole_answer_timeout(),
        }
    }

    pub(crate) fn new(config: ProviderConfig, clients: HttpClients) -> Self {
        let clients = clients.for_timeout(config.connect_timeout());
        Self { config: Arc::new(config), clients, last_url: LastUrl::default() }
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    pub(crate) fn provider(&self) -> &ProviderId {
        self.config.id()
    }

    /// Waits until a request can be sent without waiting. What is asked may be put together then, so
    /// that no future carries it along.
    pub(crate) async fn ready(&self) -> Result<Ready<'_>, ProviderError> {
        // The connection of the answer before goes back to the pool in a task of its own. Without
        // this turn for it, the second request of every run would open a second connection.
        tokio::task::yield_now().await;
        Ok(Ready { transport: self, client: self.client().await? })
    }

    /// Gets a path below the base URL. Any status but 2xx becomes the error that it means.
    pub(crate) async fn get(
        &self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response, ProviderError> {
        let client = self.client().await?;
        let sent = self.send(client, Method::GET, path, headers, None)?;
        // Nothing has to be thought out for it, not even on a slow machine.
        let timeout = self.config.header_timeout().min(ProviderConfig::DEFAULT_HEADER_TIMEOUT);
        self.answer(sent, timeout).await
    }

    /// The pieces of the answer that this response streams, as the wire's machine reads them.
    pub(crate) fn stream(&self, response: Response, machine: impl StreamMachine) -> ChatStream {
        let tails = self.clients.0.tails.clone();
        crate::stream::run(Arc::clone(&self.config), tails, response, machine)
    }

    /// The whole body as JSON.
    pub(crate) async fn read_json<T: DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, ProviderError> {
        self.refuse_html(&response)?;
        let parse = |body: &[u8]| {
            serde_json::from_slice(body).map_err(|error| {
                let failure = self.failure("the answer is not the JSON expected");
                ProviderError::MalformedResponse(failure.with_source(error))
            })
        };
        self.read_whole(response, parse).await
    }

    /// What `parse` makes of the whole body, of at most [`MAX_BODY_BYTES`]. Its errors may repeat
    /// what the service said: they are made presentable here.
    pub(crate) async fn read_whole<T>(
        &self,
        mut response: Response,
        parse: impl FnOnce(&[u8]) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next_chunk(&mut response).await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                let message = format!("the answer is larger than {MAX_BODY_BYTES} bytes");
                return Err(ProviderError::MalformedResponse(self.failure(message)));
            }
            body.extend_from_slice(&chunk);
        }
        parse(&body).map_err(|error| failure::presentable(&self.config, error))
    }

    /// An error when a page for people came instead of an API's answer.
    pub(crate) fn refuse_html(&self, response: &Response) -> Result<(), ProviderError> {
        if answer_kind(response) != AnswerKind::Html {
            return Ok(());
        }
        let message = "answered with an HTML page instead of JSON; check the base URL";
        let failure = self.failure(message).with_status(response.status().as_u16());
        Err(ProviderError::MalformedResponse(failure))
    }

    async fn client(&self) -> Result<&Client, ProviderError> {
        self.clients.client_for(self.config.base_url()).await.map_err(|error| {
            let failure = self.failure("the HTTP client could not be set up");
            ProviderError::Unavailable(failure.with_source(error))
        })
    }

    /// Begins a request.
    fn send(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<RequestBody>,
    ) -> Result<impl Future<Output = reqwest::Result<Response>> + use<>, ProviderError> {
        let url = self.last_url.get(self.config.base_url(), path).ok_or_else(|| {
            ProviderError::Unavailable(self.failure("the address of the request is not a URL"))
        })?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(reqwest::Body::wrap(body));
        }
        Ok(client.execute(request))
    }

    /// Waits for the head of an answer.
    async fn answer(
        &self,
        sent: impl Future<Output = reqwest::Result<Response>>,
        timeout: Duration,
    ) -> Result<Response, ProviderError> {
        let response = match tokio::time::timeout(timeout, sent).await {
            Ok(sent) => sent.map_err(|error| self.unsent(error))?,
            Err(_) => {
                let failure = self.failure(format!("no answer within {timeout:?}"));
                return Err(ProviderError::TimedOut(failure));
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        // Rare; the future of a call shall not carry it along.
        Err(Box::pin(self.refusal(response)).await)
    }

    /// Reads why a request was refused. An unreadable body leaves the status to say it.
    async fn refusal(&self, mut response: Response) -> ProviderError {
        let mut body = Vec::new();
        while body.len() < MAX_ERROR_BYTES
            && let Ok(Some(chunk)) = self.next_chunk(&mut response).await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ERROR_BYTES);
        failure::from_response(&self.config, response.status().as_u16(), response.headers(), &body)
    }

    async fn next_chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, ProviderError> {
        let idle = self.config.idle_timeout();
        match tokio::time::timeout(idle, response.chunk()).await {
            Ok(read) => read.map_err(|error| {
                let failure = self.failure("the connection broke inside the answer");
                ProviderError::InterruptedStream(failure.with_source(error.without_url()))
            }),
            Err(_) => {
                let failure = self.failure(format!("the answer paused for {idle:?}"));
                Err(ProviderError::TimedOut(failure))
            }
        }
    }

    fn unsent(&self, error: reqwest::Error) -> ProviderError {
        let error = error.without_url();
        let timed_out = error.is_timeout();
        let what = match (error.is_connect(), timed_out) {
            (true, true) => "no connection within the time allowed",
            (true, false) => "could not connect",
            (false, true) => "no answer within the time allowed",
            (false, false) if error.is_builder() => "the request could not be built",
            (false, false) => "the connection failed before the answer",
        };
        let failure = self.failure(format!("{what}: {}", root_cause(&error))).with_source(error);
        if timed_out {
            ProviderError::TimedOut(failure)
        } else {
            ProviderError::Unavailable(failure)
        }
    }

    fn failure(&self, message: impl Into<String>) -> ProviderFailure {
        ProviderFailure::new(self.provider().clone(), message)
    }
}

/// A transport that has its client, and back in its pool the connection it had.
pub(crate) struct Ready<'a> {
    transport: &'a Transport,
    client: &'a Client,
}

impl<'a> Ready<'a> {
    /// Posts JSON to a path (with its leading slash) below the base URL and waits for the head
    /// of the answer. Any status but 2xx becomes the error that it means.
    pub(crate) fn post(
        self,
        path: &str,
        headers: HeaderMap,
        body: RequestBody,
        timeout: Duration,
    ) -> impl Future<Output = Result<Response, ProviderError>> + use<'a> {
        let Self { transport, client } = self;
        let sent = transport.send(client, Method::POST, path, headers, Some(body));
        async move { transport.answer(sent?, timeout).await }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What the answer says it is.
fn answer_kind(response: &Response) -> AnswerKind {
    let content_type = response.headers().get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let known = [
        ("text/event-stream", AnswerKind::Events),
        ("text/html", AnswerKind::Html),
        ("application/json", AnswerKind::Json),
        ("application/x-ndjson", AnswerKind::Json),
    ];
    let found = known.into_iter().find(|(name, _)| essence.eq_ignore_ascii_case(name.as_bytes()));
    found.map_or(AnswerKind::Other, |(_, kind)| kind)
}

/// A header's value that no log shows. Keys are checked when they are configured.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests;
