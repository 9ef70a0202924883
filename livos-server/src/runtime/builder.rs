//! A server with something of the embedder's own.

use std::time::Duration;

use livos_core::DEFAULT_LEASE;
use livos_core::Secret;
use livos_core::ToolRegistry;

use super::Models;
use super::Server;
use super::StartError;
use super::models;
use super::models::Choice;
use crate::config::Config;
use crate::config::Environment;

/// A server that is not started yet. Without models of its own it looks for a model server on
/// this machine, and else answers with the demo model.
#[derive(Debug)]
#[must_use = "nothing happens before `start`"]
pub struct ServerBuilder {
    config: Config,
    choice: Choice,
    tools: ToolRegistry,
    lease: Duration,
    secrets: Vec<Secret>,
}

/// What an embedder brings.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) choice: Choice,
    pub(super) tools: ToolRegistry,
    pub(super) lease: Duration,
    /// What recordings must not hold.
    pub(super) secrets: Vec<Secret>,
}

impl ServerBuilder {
    pub(super) fn new(config: Config) -> Self {
        let (ollama_host, timeouts) = (String::new(), config.models);
        let choice = Choice::Local { ollama_host, timeouts };
        let (tools, secrets) = (ToolRegistry::new(), Vec::new());
        Self { config, choice, tools, lease: DEFAULT_LEASE, secrets }
    }

    /// Asks these models, whatever the environment says.
    pub fn models(mut self, models: Models) -> Self {
        self.choice = Choice::Configured(models);
        self
    }

    /// Asks the providers that the environment has keys or addresses for.
    ///
    /// # Errors
    /// When a key or address cannot be used.
    pub fn environment(mut self, environment: &Environment) -> Result<Self, StartError> {
        self.choice =
            models::configured(environment, self.config.model.as_ref(), self.config.models)?;
        self.secrets = environment.secrets();
        Ok(self)
    }

    /// Lends the agents these tools beside the server's own.
    ///
    /// The server adds its own to the same registry; where a name is taken already, the
    /// embedder's tool stays and the server's is left out.
    pub fn tools(mut self, tools: ToolRegistry) -> Self {
        self.tools = tools;
        self
    }

    /// How long after the death of this server others that share its store take over its runs:
    /// 15 seconds unless told otherwise, and at most [`MAX_LEASE`](livos_core::MAX_LEASE). It
    /// renews the lease of a run it drives at every third of this.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the home, the store or the port cannot be used.
    pub async fn start(self) -> Result<Server, StartError> {
        let Self { config, choice, tools, lease, secrets } = self;
        Server::compose(config, Own { choice, tools, lease, secrets }).await
    }
}
