//! Opens a connection, and sees to its end.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use livos_core::Secret;
use livos_core::SecretSource;
use rmcp::RoleClient;
use rmcp::model::PaginatedRequestParams;
use rmcp::model::ProtocolVersion;
use rmcp::model::SubscriptionFilter;
use rmcp::model::Tool;
use rmcp::service::ClientInitializeError;
use rmcp::service::ClientLifecycleMode;
use rmcp::service::Peer;
use rmcp::service::RunningServiceCancellationToken;
use rmcp::service::Subscription;
use rmcp::service::serve_client_with_lifecycle;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Connection;
use super::Signal;
use super::calls::Calls;
use super::handler::Handler;
use super::handler::People;
use super::http;
use super::last_words::LastWords;
use super::process::ServerProcess;
use super::quiet_output::QuietOutput;
use crate::mcp::McpError;
use crate::mcp::ServerDefinition;
use crate::mcp::ServerName;
use crate::mcp::definition::ServerTransport;
use crate::mcp::hidden_value::resolve_all;

/// A server with more tools has the rest left out.
const MOST_TOOLS: usize = 512;

/// A list of tools in more pages is not read to its end.
const MOST_PAGES: usize = 64;

/// The longest message of a server over its standard output.
const LONGEST_LINE: usize = 32 * 1024 * 1024;

/// How long closing a connection in order may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What opening a connection takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::mcp) struct Opening<'a> {
    pub(in crate::mcp) name: &'a ServerName,
    pub(in crate::mcp) definition: &'a ServerDefinition,
    pub(in crate::mcp) secrets: &'a dyn SecretSource,
    pub(in crate::mcp) people: People,
    /// Given when nobody wants the server any more.
    pub(in crate::mcp) stopping: &'a CancellationToken,
}

/// A connection that was opened, held by whoever sees to its end.
pub(in crate::mcp) struct Opened {
    pub(in crate::mcp) connection: Arc<Connection>,
    pub(in crate::mcp) tools: Vec<Tool>,
    /// Done when the other side is gone, or was told to go.
    ended: BoxFuture<'static, ()>,
    has_ended: bool,
    hang_up: Option<RunningServiceCancellationToken>,
    process: Option<ServerProcess>,
    signals: mpsc::Receiver<Signal>,
    subscription: Option<Subscription>,
    obituary: watch::Sender<Option<String>>,
    last_words: LastWords,
}

impl Opening<'_> {
    /// Starts the server, shakes hands and reads its list of tools, all within the time it has to start.
    /// Where that fails, nothing of the server is left when this returns; where it is dropped, soon after.
    pub(in crate::mcp) async fn open(self) -> Result<Opened, McpError> {
        let limit = self.definition.start_timeout;
        let place = match &self.definition.transport {
            ServerTransport::Stdio { environment, .. } => ("env", environment),
            ServerTransport::Http { headers, .. } => ("headers", headers),
        };
        let values = resolve_all(place.0, place.1, self.secrets).await?;
        let secrets: Arc<[Secret]> = values.iter().map(|(_, value)| value.clone()).collect();
        let last_words = LastWords::without(secrets);
        let mut process = None;
        let opening = self.open_somehow(&values, &last_words, &mut process);
        let opened = tokio::select! {
            opened = tokio::time::timeout(limit, opening) => opened,
            () = self.stopping.cancelled() => Ok(Err(Unopened::Failed("it was stopped".to_owned()))),
        };
        let reason = match opened {
            Ok(Ok(opened)) => return Ok(Opened { process, ..opened }),
            Ok(Err(Unopened::Failed(reason) | Unopened::Misunderstood(reason))) => {
                last_words.redacted(&reason)
            }
            Err(_) => format!("it did not answer within {} seconds", limit.as_secs_f64()),
        };
        if let Some(process) = process {
            process.kill_now().await;
        }
        let reason = match last_words.shown() {
            printed if printed.is_empty() => reason,
            printed => format!("{reason}; it printed: {printed}"),
        };
        Err(McpError::Start { name: self.name.clone(), reason })
    }

    /// Asks a server what it is, and shakes hands as ever with one that the question confuses.
    async fn open_somehow(
        self,
        values: &[(String, Secret)],
        last_words: &LastWords,
        process: &mut Option<ServerProcess>,
    ) -> Result<Opened, Unopened> {
        let first = self.open_with(self.lifecycle(), values, last_words.clone(), process).await;
        let Err(Unopened::Misunderstood(_)) = &first else { return first };
        if let Some(process) = process.take() {
            process.kill_now().await;
        }
        let plain = ClientLifecycleMode::Initialize;
        self.open_with(plain, values, last_words.clone(), process).await
    }

    async fn open_with(
        self,
        lifecycle: ClientLifecycleMode,
        values: &[(String, Secret)],
        last_words: LastWords,
        process: &mut Option<ServerProcess>,
    ) -> Result<Opened, Unopened> {
        let asks_first = matches!(lifecycle, ClientLifecycleMode::Auto { .. });
        let (sender, signals) = mpsc::channel(1);
        let calls = Arc::new(Calls::default());
        let handler = Handler {
            server: self.name.clone(),
            calls: Arc::clone(&calls),
            signals: sender,
            people: self.people,
            version: self.first_version(),
        };
        let running = match &self.definition.transport {
            ServerTransport::Stdio { command, arguments, directory, .. } => {
                let (started, pipes) =
                    ServerProcess::spawn(command, arguments, values, directory.as_ref())?;
                *process = Some(started);
                last_words.listen(pipes.errors);
                let output = QuietOutput::new(pipes.output);
                let transport = AsyncRwTransport::new_client(output, pipes.input)
                    .with_max_line_length(LONGEST_LINE);
                serve_client_with_lifecycle(handler, transport, lifecycle).await
            }
            ServerTransport::Http { url, .. } => {
                let transport = http::transport(url, values).await?;
                serve_client_with_lifecycle(handler, transport, lifecycle).await
            }
        };
        let running = running.map_err(|error| {
            let reason = start_failure(&error);
            match asks_first && may_be_confused(&error) {
                true => Unopened::Misunderstood(reason),
                false => Unopened::Failed(reason),
            }
        })?;
        let tools = list_tools(running.peer()).await?;
        let subscription = subscribe(running.peer()).await;
        let (obituary, known) = watch::channel(None);
        let connection = Connection {
            name: self.name.clone(),
            peer: running.peer().clone(),
            calls,
            call_timeout: self.definition.call_timeout,
            obituary: known,
            has_answered: AtomicBool::new(false),
        };
        let hang_up = Some(running.cancellation_token());
        Ok(Opened {
            connection: Arc::new(connection),
            tools,
            ended: running.waiting().map(drop).boxed(),
            has_ended: false,
            hang_up,
            process: None,
            signals,
            subscription,
            obituary,
            last_words,
        })
    }

    fn first_version(self) -> ProtocolVersion {
        let wanted = self.definition.protocol.as_deref();
        let mut known = ProtocolVersion::KNOWN_VERSIONS.iter();
        let chosen = known.find(|version| wanted == Some(version.as_str()));
        chosen.cloned().unwrap_or(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    /// Servers of the newest version are asked what they are; the others shake hands as ever.
    fn lifecycle(self) -> ClientLifecycleMode {
        let newest = vec![ProtocolVersion::LATEST];
        match self.definition.protocol.as_deref() {
            None => ClientLifecycleMode::Auto { preferred_versions: newest, legacy_version: None },
            Some(version) if version == ProtocolVersion::LATEST.as_str() => {
                ClientLifecycleMode::Discover { preferred_versions: newest }
            }
            Some(_) => ClientLifecycleMode::Initialize,
        }
    }
}

impl Opened {
    /// Waits for the next thing to see to. Cancellation safe.
    pub(in crate::mcp) async fn next_signal(&mut self) -> Option<Signal> {
        let subscribed = async {
            match &mut self.subscription {
                Some(subscription) => subscription.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut self.ended => {
                self.has_ended = true;
                None
            }
            signal = self.signals.recv() => signal,
            told = subscribed => {
                if !matches!(told, Ok(Some(_))) {
                    self.subscription = None;
                }
                Some(Signal::ToolsChanged)
            }
        }
    }

    /// Closes the connection, ends the program, and tells how it ended.
    pub(in crate::mcp) async fn close(self) -> String {
        let Self { ended, has_ended, hang_up, process, obituary, last_words, .. } = self;
        if !has_ended {
            hang_up.map(RunningServiceCancellationToken::cancel).unwrap_or_default();
            // What does not close in time is dropped, which closes it.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, ended).await;
        }
        let how = match process {
            None => "the connection was closed".to_owned(),
            Some(process) => match process.end().await {
                None => "its program had to be killed".to_owned(),
                Some(status) => format!("its program ended with {status}"),
            },
        };
        let reason = match last_words.shown() {
            printed if printed.is_empty() => how,
            printed => format!("{how}; it printed: {printed}"),
        };
        obituary.send_replace(Some(reason.clone()));
        reason
    }
}

pub(super) async fn list_tools(peer: &Peer<RoleClient>) -> Result<Vec<Tool>, String> {
    let has_tools = peer.peer_info().is_none_or(|info| info.capabilities.tools.is_some());
    if !has_tools {
        return Ok(Vec::new());
    }
    let mut tools = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = PaginatedRequestParams::default().with_cursor(cursor);
        let listed = peer.list_tools(Some(page)).await;
        let listed =
            listed.map_err(|error| format!("cannot list its tools: {}", in_words(&error)))?;
        tools.extend(listed.tools);
        cursor = listed.next_cursor;
        if cursor.is_none() || tools.len() >= MOST_TOOLS {
            break;
        }
    }
    if tools.len() > MOST_TOOLS {
        tracing::warn!(count = tools.len(), "a server has too many tools; the rest is left out");
        tools.truncate(MOST_TOOLS);
    }
    Ok(tools)
}

/// Servers of the newest version tell of changes only to those who listen.
async fn subscribe(peer: &Peer<RoleClient>) -> Option<Subscription> {
    let info = peer.peer_info()?;
    let tells = info.capabilities.tools.as_ref()?.list_changed == Some(true);
    if !tells || info.protocol_version.as_str() < ProtocolVersion::LATEST.as_str() {
        return None;
    }
    match peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await {
        Ok(subscription) => Some(subscription),
        Err(error) => {
            tracing::debug!(%error, "a server does not tell of changes");
            None
        }
    }
}

/// Why a connection was not opened.
enum Unopened {
    Failed(String),
    /// The server may not have understood the first question.
    Misunderstood(String),
}

impl From<String> for Unopened {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// Some older servers answer a question that they do not know with nothing at all, or end.
fn may_be_confused(error: &ClientInitializeError) -> bool {
    matches!(
        error,
        ClientInitializeError::ExpectedInitResult(_)
            | ClientInitializeError::ExpectedInitResponse(_)
            | ClientInitializeError::ConnectionClosed(_)
    )
}

fn start_failure(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => start_failure(fallback),
        ClientInitializeError::ConnectionClosed(_) => {
            "it ended or closed its output before it answered".to_owned()
        }
        ClientInitializeError::JsonRpcError(error) => format!("it refused: {}", error.message),
        _ if error.is_authorization_required() => {
            "it wants another key; set its Authorization header".to_owned()
        }
        error => in_words(error),
    }
}

/// An error with its causes, shortened.
pub(super) fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let message = source.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = source.source();
    }
    text.chars().take(500).collect()
}
