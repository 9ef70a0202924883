//! The one client for addresses that somebody else names.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use reqwest::Method;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header;
use reqwest::header::HeaderMap;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::AddressGuard;
use super::Body;
use super::BodyEnd;
use super::GuardedResolver;
use super::NameResolver;
use super::NotAllowed;
use super::WebAddressError;
use super::body::BodyReader;
use super::body::Packing;

/// Headers that belong to one server and go to no other.
const OF_ONE_SERVER: [header::HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Makes requests to addresses of other people's choice, as far as its guard allows.
/// Clones share their connections.
///
/// It keeps no cookies, sends no `Referer`, uses no proxy, and follows redirects itself, judging each.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    /// Made at the first use: it loads the system's certificates, which a start must not wait for.
    client: Arc<OnceCell<Client>>,
    resolver: GuardedResolver,
}

/// A request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Where; make it with [`AddressGuard::check_url`].
    pub url: Url,
    /// Headers beside those that the client sets itself.
    pub headers: HeaderMap,
    /// What to send, if anything.
    pub body: Option<Bytes>,
    /// Whether to go where the server points.
    pub redirects: Redirects,
}

/// Whether redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Redirects {
    /// Up to ten, each judged like the first address.
    #[default]
    Follow,
    /// The redirect itself is the answer.
    Show,
}

/// How much of an answer is read, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many bytes are kept, counted unpacked.
    pub body_bytes: usize,
    /// How long everything may take, redirects included. What came by then of a body is kept.
    pub time: Duration,
}

impl Limits {
    /// Limits of a request.
    pub fn new(body_bytes: usize, time: Duration) -> Self {
        Self { body_bytes, time }
    }
}

/// What came back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// Where it came from, after redirects.
    pub url: Url,
    /// How it went.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its beginning.
    pub body: Body,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address may not be called, or one that it led to.
    #[error("{0}")]
    NotAllowed(NotAllowed),
    /// A redirect leads to what is no plain web address.
    #[error("it redirects to an address that {0}")]
    BadRedirect(WebAddressError),
    /// It leads on and on.
    #[error("it redirects more than {} times", GuardedClient::MAX_REDIRECTS)]
    TooManyRedirects,
    /// The server cannot be reached; nothing was sent.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        host: String,
        /// The last cause.
        reason: String,
    },
    /// Nothing came in time; what was sent may have arrived.
    #[error("{host} did not answer within {} seconds", .time.as_secs_f64())]
    TimedOut {
        /// Who.
        host: String,
        /// How long it was waited for.
        time: Duration,
    },
    /// What came is not HTTP, or is packed in a way that was not asked for. What was sent may have arrived.
    #[error("{host} sent what cannot be read: {reason}")]
    Unreadable {
        /// Who.
        host: String,
        /// What was wrong.
        reason: String,
    },
    /// The client itself cannot be made.
    #[error("no request can be made: {0}")]
    NoClient(String),
}

impl Request {
    /// A request without body that follows redirects.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, redirects: Redirects::Follow }
    }

    /// The same with these headers.
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// The same with something to send.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The same with another answer to redirects.
    pub fn with_redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }
}

impl GuardedClient {
    /// How many redirects are followed.
    pub const MAX_REDIRECTS: usize = 10;
    /// How long a server may take to be reached.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How many connections to one server are kept for later.
    const IDLE_CONNECTIONS: usize = 2;

    /// A client that goes where `guard` allows.
    pub fn new(guard: AddressGuard) -> Self {
        Self { client: Arc::default(), resolver: GuardedResolver::new(guard) }
    }

    /// The same, with names looked up by `names`.
    pub fn with_names(self, names: Arc<dyn NameResolver>) -> Self {
        Self { client: Arc::default(), resolver: self.resolver.with_names(names) }
    }

    /// What decides where it goes.
    pub fn guard(&self) -> &AddressGuard {
        self.resolver.guard()
    }

    /// Makes a request, follows where it leads, and reads the beginning of what comes.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// When there is no answer. Answers that tell of an error (404, 500) are answers.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Answer, ClientError> {
        let deadline = Instant::now() + limits.time;
        let client = self.client().await?;
        let mut next = request;
        for _ in 0..=Self::MAX_REDIRECTS {
            self.guard().judge(&next.url).map_err(|error| match error {
                WebAddressError::NotAllowed(refused) => ClientError::NotAllowed(refused),
                other => ClientError::BadRedirect(other),
            })?;
            let response = once(client, &next, deadline, limits.time).await?;
            match redirect_of(&response, &next) {
                Some(Ok(url)) => next = redirected(next, url, response.status()),
                Some(Err(error)) => return Err(ClientError::BadRedirect(error)),
                None => return read(response, next.url, limits, deadline).await,
            }
        }
        Err(ClientError::TooManyRedirects)
    }

    async fn client(&self) -> Result<&Client, ClientError> {
        let build = async || {
            let resolver = self.resolver.clone();
            let built = tokio::task::spawn_blocking(move || build(resolver)).await;
            match built {
                Ok(client) => client.map_err(|error| ClientError::NoClient(last_cause(&error))),
                Err(error) => Err(ClientError::NoClient(error.to_string())),
            }
        };
        self.client.get_or_try_init(build).await
    }
}

fn build(resolver: GuardedResolver) -> Result<Client, reqwest::Error> {
    Client::builder()
        .dns_resolver(resolver)
        // Redirects are followed above, where each is judged; a proxy resolves names itself.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        // Unpacked here, where the size is counted, and not by a feature that another crate turns on.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .connect_timeout(GuardedClient::CONNECT_TIMEOUT)
        .pool_max_idle_per_host(GuardedClient::IDLE_CONNECTIONS)
        .user_agent(concat!("livos/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn once(
    client: &Client,
    request: &Request,
    deadline: Instant,
    time: Duration,
) -> Result<Response, ClientError> {
    let mut builder = client
        .request(request.method.clone(), request.url.clone())
        .header(header::ACCEPT_ENCODING, "gzip, deflate")
        .headers(request.headers.clone());
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    match tokio::time::timeout_at(deadline, builder.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(failure(&error, host_of(&request.url), time)),
        Err(_) => Err(ClientError::TimedOut { host: host_of(&request.url), time }),
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Where an answer points, if it is a redirect that is to be followed.
fn redirect_of(response: &Response, request: &Request) -> Option<Result<Url, WebAddressError>> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !is_redirect || request.redirects == Redirects::Show {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let text = String::from_utf8_lossy(location.as_bytes());
    let mut url = request.url.join(&text).map_err(|_| WebAddressError::NotHttp);
    if let Ok(url) = &mut url {
        url.set_fragment(None);
    }
    Some(url)
}

/// The request that follows a redirect, as browsers make it.
fn redirected(mut request: Request, url: Url, status: StatusCode) -> Request {
    let becomes_get = match status.as_u16() {
        303 => request.method != Method::HEAD,
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        request.headers.remove(header::CONTENT_TYPE);
    }
    if request.url.origin() != url.origin() {
        for name in OF_ONE_SERVER {
            request.headers.remove(name);
        }
    }
    request.url = url;
    request
}

async fn read(
    mut response: Response,
    url: Url,
    limits: Limits,
    deadline: Instant,
) -> Result<Answer, ClientError> {
    let status = response.status();
    let headers = response.headers().clone();
    let packings = headers.get_all(header::CONTENT_ENCODING).iter();
    let packing = packings.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let packing = packing.collect::<Vec<_>>().join(", ");
    let Some(packing) = Packing::of(&packing) else {
        let reason = "it is packed in another way than gzip or deflate".to_owned();
        return Err(ClientError::Unreadable { host: host_of(&url), reason });
    };
    let mut reader = BodyReader::new(packing, limits.body_bytes);
    let body = loop {
        let piece = match tokio::time::timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break reader.finish(BodyEnd::Whole),
            Ok(Err(_)) | Err(_) => break reader.finish(BodyEnd::Broken),
        };
        reader = match reader.push(&piece) {
            Ok(reader) => reader,
            Err(body) => break body,
        };
    };
    Ok(Answer { url, status, headers, body })
}

fn failure(error: &reqwest::Error, host: String, time: Duration) -> ClientError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(source) = cause {
        if let Some(refused) = source.downcast_ref::<NotAllowed>() {
            return ClientError::NotAllowed(refused.clone());
        }
        cause = source.source();
    }
    // Only the last cause is told: the first has the address, with whatever is in its query.
    let reason = last_cause(error);
    match error {
        _ if error.is_connect() => ClientError::Unreachable { host, reason },
        _ if error.is_timeout() => ClientError::TimedOut { host, time },
        _ => ClientError::Unreadable { host, reason },
    }
}

fn last_cause(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
