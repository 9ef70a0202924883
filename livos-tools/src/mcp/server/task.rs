//! The task that owns a server's connection: one order after another.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Duration;
use tokio::time::Instant;

use super::About;
use super::Core;
use super::Phase;
use super::Server;
use super::back_off;
use super::tool_set;
use crate::mcp::McpError;
use crate::mcp::connection::Connection;
use crate::mcp::connection::Opened;
use crate::mcp::connection::Opening;
use crate::mcp::connection::People;
use crate::mcp::connection::Signal;

/// A shorter pause is waited out before a server is tried again; a longer one is an error at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// A connection that held so long was good, whatever ended it.
const STABLE: Duration = Duration::from_secs(30);

type Reply<T> = oneshot::Sender<Result<T, McpError>>;

/// What the task is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Start the server unless it runs.
    Connect(Reply<Arc<Connection>>),
    /// End it and start it again.
    Restart(Reply<()>),
    /// End it for good.
    Stop(oneshot::Sender<()>),
}

enum Event {
    Order(Order),
    ToolsChanged,
    Closed,
    /// Nobody can give orders any more.
    Abandoned,
}

/// Does what is ordered until it is stopped or nobody is left to give orders.
pub(super) async fn run(
    core: Arc<Core>,
    orders: mpsc::WeakSender<Order>,
    mut inbox: mpsc::Receiver<Order>,
) {
    let mut keeper = Keeper { core, orders, live: None, since: Instant::now() };
    loop {
        match keeper.next(&mut inbox).await {
            Event::Order(Order::Connect(reply)) => {
                // Nobody may wait: a warm-up asks for no answer.
                let _ = reply.send(keeper.connect().await);
            }
            Event::Order(Order::Restart(reply)) => {
                let _ = reply.send(keeper.restart().await);
            }
            Event::Order(Order::Stop(reply)) => {
                keeper.hang_up().await;
                let _ = reply.send(());
                return;
            }
            Event::ToolsChanged => keeper.list_again().await,
            Event::Closed => keeper.lost().await,
            Event::Abandoned => {
                keeper.hang_up().await;
                return;
            }
        }
    }
}

struct Keeper {
    core: Arc<Core>,
    orders: mpsc::WeakSender<Order>,
    live: Option<Opened>,
    since: Instant,
}

impl Keeper {
    async fn next(&mut self, inbox: &mut mpsc::Receiver<Order>) -> Event {
        let ordered = |order: Option<Order>| order.map_or(Event::Abandoned, Event::Order);
        let Some(live) = &mut self.live else { return ordered(inbox.recv().await) };
        tokio::select! {
            signal = live.next_signal() => match signal {
                Some(Signal::ToolsChanged) => Event::ToolsChanged,
                None => Event::Closed,
            },
            order = inbox.recv() => ordered(order),
        }
    }

    async fn connect(&mut self) -> Result<Arc<Connection>, McpError> {
        if let Some(live) = &self.live {
            if live.connection.is_open() {
                return Ok(Arc::clone(&live.connection));
            }
            self.lost().await;
        }
        self.wait_out().await?;
        self.open().await
    }

    /// Leaves a server alone that failed just now.
    async fn wait_out(&mut self) -> Result<(), McpError> {
        let failed = match &self.core.state().phase {
            Phase::Failed { reason, until } => Some((reason.clone(), *until)),
            _ => None,
        };
        let Some((reason, until)) = failed else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > PATIENCE {
            return Err(McpError::BackingOff { name: self.core.name.clone(), reason, wait });
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.core.stopping.cancelled() => Err(self.stopped()),
        }
    }

    async fn open(&mut self) -> Result<Arc<Connection>, McpError> {
        self.core.state().phase = Phase::Starting;
        let surroundings = &self.core.surroundings;
        let opening = Opening {
            name: &self.core.name,
            definition: &self.core.definition,
            secrets: &*surroundings.secrets,
            people: People::Asked,
            stopping: &self.core.stopping,
        };
        let mut opened = match opening.open().await {
            Ok(opened) => opened,
            Err(error) => {
                let reason = match &error {
                    McpError::Start { reason, .. } => reason.clone(),
                    error => error.to_string(),
                };
                self.failed(reason);
                return Err(error);
            }
        };
        let tools = std::mem::take(&mut opened.tools);
        let connection = Arc::clone(&opened.connection);
        {
            let mut state = self.core.state();
            state.about = connection.peer().peer_info().map(|info| About {
                protocol: info.protocol_version.to_string(),
                name: info.server_info.as_ref().map(|server| server.name.clone()),
                version: info.server_info.as_ref().map(|server| server.version.clone()),
                has_resources: info.capabilities.resources.is_some(),
                has_prompts: info.capabilities.prompts.is_some(),
            });
        }
        self.live = Some(opened);
        self.since = Instant::now();
        // Whoever sees it ready finds its tools.
        self.observe(tools).await;
        let mut state = self.core.state();
        state.phase = Phase::Ready;
        state.connection = Some(Arc::clone(&connection));
        drop(state);
        Ok(connection)
    }

    fn stopped(&self) -> McpError {
        McpError::UnknownServer(self.core.name.to_string())
    }

    /// Notes a failure; the server is left alone the longer the more there were.
    fn failed(&self, reason: String) {
        let mut state = self.core.state();
        state.failures = state.failures.saturating_add(1);
        state.connection = None;
        let pause = back_off(state.failures);
        tracing::warn!(server = %self.core.name, %reason, ?pause, "an MCP server failed");
        state.phase = Phase::Failed { reason, until: Instant::now() + pause };
    }

    async fn restart(&mut self) -> Result<(), McpError> {
        self.hang_up().await;
        self.core.state().failures = 0;
        self.core.state().restarts += 1;
        self.open().await.map(drop)
    }

    /// Ends the server in order.
    async fn hang_up(&mut self) {
        self.core.state().connection = None;
        if let Some(live) = self.live.take() {
            live.close().await;
        }
        self.core.state().phase = Phase::Idle;
    }

    /// The server went away by itself.
    async fn lost(&mut self) {
        let Some(live) = self.live.take() else { return };
        let was_good = live.connection.has_answered() || self.since.elapsed() > STABLE;
        let reason = live.close().await;
        {
            let mut state = self.core.state();
            state.restarts += 1;
            if was_good {
                state.failures = 0;
            }
        }
        self.failed(reason);
    }

    /// Reads the list of tools again, since it changed.
    async fn list_again(&mut self) {
        let Some(live) = &self.live else { return };
        let connection = Arc::clone(&live.connection);
        match connection.list_tools(self.core.definition.start_timeout).await {
            Ok(tools) => self.observe(tools).await,
            Err(reason) => {
                tracing::warn!(server = %self.core.name, reason, "the tools could not be listed again");
            }
        }
    }

    async fn observe(&mut self, tools: Vec<rmcp::model::Tool>) {
        let trust = self.core.definition.trust();
        let accepted = self.core.state().set.observe(tools, trust);
        if let Some(server) = self.server()
            && !self.core.stopping.is_cancelled()
        {
            server.offer_tools();
        }
        if let Some(pins) = accepted {
            let settings = &*self.core.surroundings.settings;
            if let Err(error) = tool_set::save(settings, &self.core.name, &pins).await {
                tracing::error!(server = %self.core.name, %error, "its tools could not be kept");
            }
        }
        for warning in self.warnings() {
            tracing::warn!(server = %self.core.name, "{warning}");
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.server().map(|server| server.status().warnings).unwrap_or_default()
    }

    /// The server as others hold it, as long as somebody does.
    fn server(&self) -> Option<Server> {
        let orders = self.orders.upgrade()?;
        Some(Server { core: Arc::clone(&self.core), orders })
    }
}
