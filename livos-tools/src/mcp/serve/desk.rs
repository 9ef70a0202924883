//! Who makes the calls of clients.

use std::fmt;

use async_trait::async_trait;
use livos_core::ContentBlock;
use livos_core::ToolSpec;
use livos_core::ToolStatus;
use serde_json::Map;
use serde_json::Value;
use tokio::sync::mpsc;

/// Makes the calls of clients, for whoever wants to ask people first, or to keep what was done.
#[async_trait]
pub trait CallDesk: fmt::Debug + Send + Sync + 'static {
    /// Makes a call. Dropped, nobody waits for it any more: what did not happen yet shall not happen.
    ///
    /// # Errors
    /// A sentence for the client, when the call could not be made.
    async fn call(&self, call: ClientCall) -> Result<ClientResult, String>;
}

/// A call that a client wants to be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientCall {
    /// The tool.
    pub tool: ToolSpec,
    /// Its arguments, as they came.
    pub arguments: Map<String, Value>,
    /// What the client calls itself. Anybody may call themselves anything.
    pub client: Option<String>,
    /// Where it tells how far it is.
    pub progress: ClientProgress,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct ClientResult {
    /// How it ended.
    pub status: ToolStatus,
    /// What it gave.
    pub content: Vec<ContentBlock>,
}

/// Tells a client how far its call is. It never waits: a slow client misses some.
#[derive(Debug, Clone)]
pub struct ClientProgress(mpsc::Sender<String>);

impl ClientProgress {
    /// More reports than these wait for nobody.
    const BACKLOG: usize = 32;

    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (sender, reports) = mpsc::channel(Self::BACKLOG);
        (Self(sender), reports)
    }

    /// Tells it.
    pub fn report(&self, text: impl Into<String>) {
        let _ = self.0.try_send(text.into());
    }
}
