//! One server: when it runs, what its tools are, how it fails.

mod status;
mod task;
mod tool_set;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::SecretSource;
use livos_core::Settings;
use livos_core::ToolRegistry;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use self::status::ServerState;
pub use self::status::ServerStatus;
pub use self::status::ToolState;
pub use self::status::ToolStatus;

use self::task::Order;
use self::tool_set::ToolSet;
use super::McpError;
use super::ServerDefinition;
use super::ServerName;
use super::connection::Connection;

/// How many orders may wait: more than calls that run beside each other.
const MOST_ORDERS: usize = 256;

/// What all servers share.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) tools: ToolRegistry,
    pub(super) settings: Arc<dyn Settings>,
    pub(super) secrets: Arc<dyn SecretSource>,
}

/// Where a server is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerSource {
    /// In the store, through the API.
    Store,
    /// In the file of servers.
    File,
}

/// One server. Its program runs from the first use on; a task of its own owns the connection.
/// Clones are the same server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    core: Arc<Core>,
    orders: mpsc::Sender<Order>,
}

/// What the task and those who ask share.
#[derive(Debug)]
struct Core {
    name: ServerName,
    source: ServerSource,
    definition: ServerDefinition,
    surroundings: Arc<Surroundings>,
    state: Mutex<State>,
    /// Given when the server is taken away, in the middle of its start too.
    stopping: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    connection: Option<Arc<Connection>>,
    set: ToolSet,
    failures: u32,
    restarts: u32,
    about: Option<About>,
}

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq)]
struct About {
    protocol: String,
    name: Option<String>,
    version: Option<String>,
    has_resources: bool,
    has_prompts: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Phase {
    /// Not asked for yet, or ended in order.
    #[default]
    Idle,
    Starting,
    Ready,
    Failed {
        reason: String,
        until: tokio::time::Instant,
    },
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and no change is ever half made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// A server that is not started. What is known of its tools is offered at once.
    pub(super) async fn new(
        name: ServerName,
        source: ServerSource,
        definition: ServerDefinition,
        surroundings: Arc<Surroundings>,
    ) -> Result<Self, McpError> {
        let (orders, inbox) = mpsc::channel(MOST_ORDERS);
        let set = ToolSet::load(&*surroundings.settings, &name).await?;
        let core = Arc::new(Core {
            name,
            source,
            definition,
            surroundings,
            state: Mutex::new(State { set, ..State::default() }),
            stopping: CancellationToken::new(),
        });
        let server = Self { core, orders };
        tokio::spawn(task::run(Arc::clone(&server.core), server.orders.downgrade(), inbox));
        if server.core.definition.is_enabled() {
            server.offer_tools();
            if !server.core.state().set.is_known() {
                server.warm_up();
            }
        }
        Ok(server)
    }

    pub(super) fn name(&self) -> &ServerName {
        &self.core.name
    }

    pub(super) fn definition(&self) -> &ServerDefinition {
        &self.core.definition
    }

    pub(super) fn source(&self) -> ServerSource {
        self.core.source
    }

    /// Starts it in the background, unless it runs.
    pub(super) fn warm_up(&self) {
        let (nobody, _) = oneshot::channel();
        // A full inbox means that somebody has it started anyway.
        let _ = self.orders.try_send(Order::Connect(nobody));
    }

    /// The connection, made if there is none.
    pub(super) async fn connect(&self) -> Result<Arc<Connection>, McpError> {
        if !self.core.definition.is_enabled() {
            return Err(McpError::Disabled(self.core.name.clone()));
        }
        let open = self.core.state().connection.clone().filter(|open| open.is_open());
        if let Some(connection) = open {
            return Ok(connection);
        }
        let (reply, answer) = oneshot::channel();
        self.order(Order::Connect(reply)).await?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Ends its program and starts it again, at once and whatever happened before.
    pub(super) async fn restart(&self) -> Result<(), McpError> {
        if !self.core.definition.is_enabled() {
            return Err(McpError::Disabled(self.core.name.clone()));
        }
        let (reply, done) = oneshot::channel();
        self.order(Order::Restart(reply)).await?;
        done.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Takes its tools away and ends its program.
    pub(super) async fn stop(&self) {
        self.withdraw_tools();
        self.core.stopping.cancel();
        let (reply, done) = oneshot::channel();
        if self.orders.send(Order::Stop(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn order(&self, order: Order) -> Result<(), McpError> {
        self.orders.send(order).await.map_err(|_| self.gone())
    }

    fn gone(&self) -> McpError {
        McpError::UnknownServer(self.core.name.to_string())
    }

    /// Whether a tool may be called now, as far as is known.
    pub(super) fn is_offered(&self, tool: &str) -> bool {
        self.core.state().set.is_offered(tool)
    }

    /// Whether it told that it has resources or prompts; unknown ones are taken to have them.
    pub(super) fn has_resources(&self) -> bool {
        self.core.state().about.as_ref().is_none_or(|about| about.has_resources)
    }

    pub(super) fn has_prompts(&self) -> bool {
        self.core.state().about.as_ref().is_none_or(|about| about.has_prompts)
    }

    /// Accepts the tools as they are now: all of them, or these.
    pub(super) async fn approve(&self, tools: Option<&[String]>) -> Result<(), McpError> {
        let pins = {
            let mut state = self.core.state();
            if let Some(unknown) = state.set.approve(tools) {
                let name = self.core.name.clone();
                let message = format!("it has no tool '{unknown}'");
                return Err(McpError::Refused { name, message });
            }
            state.set.pins()
        };
        tool_set::save(&*self.core.surroundings.settings, &self.core.name, &pins).await?;
        self.offer_tools();
        Ok(())
    }

    /// Forgets what its tools were.
    pub(super) async fn forget(&self) -> Result<(), McpError> {
        let (settings, name) = (&*self.core.surroundings.settings, &self.core.name);
        tool_set::save(settings, name, &Value::Null).await
    }

    /// Lends the agents what is accepted, and takes back what is not.
    fn offer_tools(&self) {
        let mut state = self.core.state();
        state.set.offer(self, &self.core.definition, &self.core.surroundings.tools);
    }

    fn withdraw_tools(&self) {
        self.core.state().set.withdraw(&self.core.surroundings.tools);
    }
}

/// How long a server is left alone after so many failures in a row.
fn back_off(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(60);
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_minute() {
        let pauses: Vec<_> = (1..=9).map(|count| back_off(count).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(back_off(u32::MAX), Duration::from_secs(60));
    }
}
