//! What the command says to the server.

use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use eventsource_stream::Eventsource;
use futures::Stream;
use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::QueueMode;
use livos_core::Secret;
use livos_tools::mcp::DefinitionError;
use livos_tools::mcp::HiddenValue;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::WrittenServer;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::exit;
use crate::http::Causes;

/// How long the server may take to begin an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the server did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers there.
    #[error("cannot reach the server at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The server refused.
    #[error("the server refused: {detail} (HTTP {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// The answer is not what a LivOS server says.
    #[error("the answer of {url} cannot be understood: {reason}")]
    Unexpected {
        /// The server.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The server of this home could not be used or started.
    #[error("{0}")]
    NoServer(String),
    /// Nothing was asked.
    #[error(
        "there is no task; write `livos run \"TASK\"`, or give it on standard input: `livos run - < FILE`"
    )]
    NoTask,
    /// Whoever read the output has gone, as `head` does; nothing is left to say.
    #[error("nobody reads the output")]
    ReaderGone,
    /// A file cannot be read, written or used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The agent asked, and nobody here can answer; the run was stopped.
    #[error(
        "the agent asks for `{tool}` and nobody can answer here, so the run was stopped; \
         say who answers with `--approvals approve`, `deny` or `wait`, or add a rule with \
         `livos approvals rules add {tool}`"
    )]
    NeedsApproval {
        /// The tool that was to be called.
        tool: String,
    },
    /// The sealed secrets of the home cannot be used or changed.
    #[error("{0}")]
    Secrets(String),
    /// Whoever was asked pressed Ctrl-C.
    #[error("nothing was changed")]
    GivenUp,
    /// The terminal does not take or give text.
    #[error("the terminal failed: {0}")]
    Terminal(String),
}

impl ClientError {
    /// A file that cannot be used, with all that is known of why.
    pub(super) fn file(path: &Path, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::File { path: path.to_owned(), reason: Causes(error).to_string() }
    }

    /// Whether the server, or its store, may be back soon.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { status: 503, .. })
    }

    /// Whether the server is fine and took the key, but not what it was asked.
    pub(super) fn is_about_the_request(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 402 | 404..500, .. })
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::NoTask => exit::USAGE,
            Self::NeedsApproval { .. } => exit::NEEDS_APPROVAL,
            Self::Terminal(_) | Self::Secrets(_) | Self::File { .. } => exit::FAILED,
            Self::GivenUp => exit::CANCELLED,
            problem if problem.is_about_the_request() => exit::FAILED,
            _ => exit::NO_SERVER,
        }
    }
}

/// A connection to one server with its key.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<Secret>,
}

/// A run that the server has accepted.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Accepted {
    pub(super) run_id: livos_core::RunId,
    pub(super) seq: u64,
}

fn is_on_this_machine(url: &str) -> bool {
    let url = url.parse::<hyper::Uri>().ok();
    let Some(host) = url.as_ref().and_then(hyper::Uri::host) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Client {
    pub(super) fn new(url: &str, key: Option<Secret>) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy would look for this machine's own server on its own machine, and get the key.
        let http = if is_on_this_machine(&url) { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| ClientError::NoServer(error.to_string()))?;
        Ok(Self { http, url, key })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How an MCP client reaches the same server.
    pub(super) fn mcp_definition(&self) -> Result<ServerDefinition, DefinitionError> {
        let mut written = WrittenServer::default();
        written.url = Some(format!("{}/mcp", self.url));
        // An answer takes as long as a run.
        written.call_timeout_ms = Some(3_600_000);
        if let Some(key) = &self.key {
            let value = HiddenValue::new(format!("Bearer {}", key.expose()));
            written.headers.insert("Authorization".to_owned(), value);
        }
        written.try_into()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.read(self.send(self.request(Method::GET, path)).await?).await
    }

    /// Asks for something to be made, and writes it to a file as it comes.
    pub(super) async fn download(&self, path: &str, file: &Path) -> Result<(), ClientError> {
        let response = self.send_unbounded(self.request(Method::POST, path)).await?;
        let failed = |error: std::io::Error| ClientError::file(file, &error);
        let mut out = tokio::fs::File::create(file).await.map_err(failed)?;
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.unreachable(&error))?;
            out.write_all(&piece).await.map_err(failed)?;
        }
        out.sync_all().await.map_err(failed)
    }

    /// As [`get`](Self::get), for an answer that also means something when its status is an error.
    pub(super) async fn get_any(&self, path: &str) -> Result<(u16, Value), ClientError> {
        let request = self.request(Method::GET, path).timeout(ANSWER_TIMEOUT);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        Ok((status, self.read(response).await?))
    }

    /// As [`get`](Self::get), for an answer that is no JSON.
    pub(super) async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let response = self.send_unbounded(self.request(Method::GET, path)).await?;
        response.text().await.map_err(|error| self.unreachable(&error))
    }

    /// Changes some fields of something, and gives it as it is then.
    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        let request = self
            .request(Method::PATCH, path)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.read(self.send(request).await?).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, path);
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string())).await.map(drop)
    }

    /// Sends JSON Lines, however long that takes.
    pub(super) async fn send_lines(
        &self,
        path: &str,
        lines: Vec<u8>,
    ) -> Result<Value, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header(reqwest::header::CONTENT_TYPE, "application/x-ndjson")
            .body(lines);
        self.read(self.send_unbounded(request).await?).await
    }

    pub(super) async fn create_session(&self, model: Option<&str>) -> Result<String, ClientError> {
        let body = match model {
            Some(model) => json!({ "model": model }),
            None => json!({}),
        };
        let session: Value = self.post("/api/sessions", &body).await?;
        let id = session.get("id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| self.unexpected("the new session has no id"))
    }

    pub(super) async fn say(
        &self,
        session: &str,
        text: &str,
        model: Option<&str>,
        mode: Option<QueueMode>,
    ) -> Result<Accepted, ClientError> {
        let mut body = json!({ "text": text });
        if let Some(fields) = body.as_object_mut() {
            fields.extend(model.map(|model| ("model".to_owned(), model.into())));
            fields.extend(mode.map(|mode| ("mode".to_owned(), json!(mode))));
        }
        self.post(&format!("/api/sessions/{session}/messages"), &body).await
    }

    pub(super) async fn cancel(&self, run: &livos_core::RunId) -> Result<(), ClientError> {
        self.post::<Value>(&format!("/api/runs/{run}/cancel"), &json!({})).await.map(drop)
    }

    /// The events of a session after a number, as they happen.
    pub(super) async fn events(
        &self,
        session: &str,
        after: u64,
    ) -> Result<
        impl Stream<Item = Result<AgentEvent, ClientError>> + Send + Unpin + use<>,
        ClientError,
    > {
        let path = format!("/api/sessions/{session}/events?after={after}");
        let response = self.send_unbounded(self.request(Method::GET, &path)).await?;
        let url = self.url.clone();
        let events = response.bytes_stream().eventsource().map(move |event| {
            let unexpected = |reason: String| ClientError::Unexpected { url: url.clone(), reason };
            let event = event.map_err(|error| unexpected(error.to_string()))?;
            serde_json::from_str(&event.data).map_err(|error| unexpected(error.to_string()))
        });
        Ok(Box::pin(events))
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.read(self.send(request).await?).await
    }

    /// As [`post`](Self::post), for what may take minutes.
    pub(super) async fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.read(self.send_unbounded(request).await?).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        self.send_unbounded(request.timeout(ANSWER_TIMEOUT)).await
    }

    /// Sends a request whose answer may go on for as long as it likes.
    async fn send_unbounded(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Value = self.read(response).await.unwrap_or_default();
        let detail = ["detail", "title"].iter().find_map(|field| problem.get(*field)?.as_str());
        let detail = detail.unwrap_or("it gave no reason").to_owned();
        Err(ClientError::Refused { status: status.as_u16(), detail })
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.unexpected(&error.to_string()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut reason = error.to_string();
        let mut cause: &dyn std::error::Error = error;
        // The innermost cause says what happened; those above repeat the address.
        while let Some(source) = cause.source() {
            cause = source;
            reason = cause.to_string();
        }
        ClientError::Unreachable { url: self.url.clone(), reason }
    }

    fn unexpected(&self, reason: &str) -> ClientError {
        ClientError::Unexpected { url: self.url.clone(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_other_machines_are_reached_by_a_proxy() {
        for here in ["http://127.0.0.1:3200", "http://[::1]:3200", "http://localhost:3200/base"] {
            assert!(is_on_this_machine(here), "{here}");
        }
        for there in ["https://livos.example", "http://10.0.0.7:3200", "http://127.0.0.1.example"] {
            assert!(!is_on_this_machine(there), "{there}");
        }
    }
}
