//! Requests to a container engine: HTTP over its socket.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::AbortHandle;

use super::EngineSocket;
use super::frames::Frames;

/// A container engine that speaks Docker's API: Docker, or Podman. Clones are the same engine.
///
/// Each request has a connection of its own, and uses the newest version of the API that the engine
/// says it has.
#[derive(Debug, Clone)]
pub struct Engine {
    socket: EngineSocket,
}

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Nothing listens there.
    #[error("no container engine listens at {socket}; it is not installed, or not running")]
    NoEngine {
        /// The socket.
        socket: String,
    },
    /// This user may not talk to it.
    #[error(
        "this server may not use {socket}; its owner must allow it (for Docker: the group docker)"
    )]
    Forbidden {
        /// The socket.
        socket: String,
    },
    /// Nothing has that name or id.
    #[error("{message}; the operation list shows what there is")]
    NotFound {
        /// What the engine said.
        message: String,
    },
    /// The engine says no.
    #[error("the container engine refuses: {message}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It takes too long.
    #[error("the container engine did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// It speaks otherwise than expected.
    #[error("the container engine cannot be understood: {0}")]
    Unreadable(String),
}

/// An answer whose body is still to be read; dropped, it closes the connection.
struct Open {
    response: Response<Incoming>,
    _connection: Connection,
}

struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// How long the engine may take for what it does at once.
    pub(super) const TIME: Duration = Duration::from_secs(15);
    /// How many bytes of JSON are read.
    const MAX_JSON: usize = 4 * 1024 * 1024;

    /// The engine that listens at this socket.
    pub fn new(socket: EngineSocket) -> Self {
        Self { socket }
    }

    /// The newest version of the API that the engine has, such as `1.51`.
    ///
    /// # Errors
    /// When there is no engine, or it does not answer.
    pub async fn version(&self) -> Result<String, EngineError> {
        within(Self::TIME, self.newest_version()).await
    }

    async fn newest_version(&self) -> Result<String, EngineError> {
        let open = self.open(Method::GET, "/_ping", None).await?;
        let version = open.response.headers().get("api-version");
        let version = version.and_then(|value| value.to_str().ok()).map(str::trim);
        let is_version = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        version.filter(|text| !text.is_empty() && is_version(text)).map(str::to_owned).ok_or_else(
            || {
                EngineError::Unreadable(
                    "what listens there does not say which version it has".to_owned(),
                )
            },
        )
    }

    /// Asks for something and reads it as JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        within(Self::TIME, async {
            let open = self.ask(Method::GET, path, None).await?;
            read_json(open.response).await
        })
        .await
    }

    /// Changes something. What comes back, if anything does.
    pub(super) async fn post(
        &self,
        path: &str,
        body: Option<Value>,
        time: Duration,
    ) -> Result<Option<Value>, EngineError> {
        within(time, async {
            let open = self.ask(Method::POST, path, body).await?;
            // 304: it is so already.
            let has_body = open.response.status() == StatusCode::CREATED;
            if has_body { read_json(open.response).await.map(Some) } else { Ok(None) }
        })
        .await
    }

    /// Reads a stream to its end, or until the time is over; the second value says which.
    pub(super) async fn stream(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        frames: &mut Frames,
        time: Duration,
    ) -> Result<StreamEnd, EngineError> {
        let mut open = within(Self::TIME.min(time), self.ask(method, path, body)).await?;
        let read = async {
            while let Some(piece) = open.response.body_mut().frame().await {
                let piece = piece.map_err(|error| EngineError::Unreadable(error.to_string()))?;
                if let Some(bytes) = piece.data_ref() {
                    let taken = frames.push(bytes);
                    taken.map_err(|error| EngineError::Unreadable(error.to_string()))?;
                }
            }
            Ok(StreamEnd::Whole)
        };
        tokio::time::timeout(time, read).await.unwrap_or(Ok(StreamEnd::TimeOver))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Open, EngineError> {
        let version = self.newest_version().await?;
        let open = self.open(method, &format!("/v{version}{path}"), body).await?;
        let status = open.response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(open);
        }
        let said: Value = read_json(open.response).await.unwrap_or(Value::Null);
        let message = said.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
        let message: String = message.chars().take(500).collect();
        Err(match status {
            StatusCode::NOT_FOUND => EngineError::NotFound { message },
            status => EngineError::Refused { status: status.as_u16(), message },
        })
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Open, EngineError> {
        let unreadable = |error: hyper::Error| EngineError::Unreadable(error.to_string());
        let stream = UnixStream::connect(self.socket.path()).await.map_err(|error| {
            let socket = self.socket.path().display().to_string();
            match error.kind() {
                ErrorKind::PermissionDenied => EngineError::Forbidden { socket },
                _ => EngineError::NoEngine { socket },
            }
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreadable)?;
        let connection = Connection(tokio::spawn(connection).abort_handle());
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request
            .body(Full::new(body))
            .map_err(|error| EngineError::Unreadable(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(unreadable)?;
        Ok(Open { response, _connection: connection })
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamEnd {
    Whole,
    TimeOver,
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(time, work).await.unwrap_or(Err(EngineError::TimedOut(time)))
}

async fn read_json<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, EngineError> {
    let body = http_body_util::Limited::new(response.into_body(), Engine::MAX_JSON);
    let whole = body.collect().await.map_err(|error| EngineError::Unreadable(error.to_string()))?;
    serde_json::from_slice(&whole.to_bytes())
        .map_err(|error| EngineError::Unreadable(format!("it sends other JSON: {error}")))
}
