//! A server with something of the embedder's own.

use std::sync::Arc;

use livos_core::Embedder;
use livos_core::Redactor;
use livos_core::ResourceGate;
use livos_core::ToolRegistry;
use livos_tools::sandbox::Launcher;
use livos_tools::web::PdfProgram;

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
    environment: Environment,
    redactor: Redactor,
    pdf: PdfProgram,
    launcher: Option<Launcher>,
    gate: Option<Arc<dyn ResourceGate>>,
}

/// What an embedder brings.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) choice: Choice,
    pub(super) tools: ToolRegistry,
    /// Where keys come from before the sealed secrets; empty if the embedder brought the models.
    pub(super) environment: Environment,
    pub(super) redactor: Redactor,
    /// Who reads PDF files for the agent.
    pub(super) pdf: PdfProgram,
    /// Confines shell commands.
    pub(super) launcher: Option<Launcher>,
    /// Says when work in the background may begin, instead of the settings.
    pub(super) gate: Option<Arc<dyn ResourceGate>>,
    /// What tells the meaning of memories.
    pub(super) embedder: Option<Arc<dyn Embedder>>,
}

impl ServerBuilder {
    pub(super) fn new(config: Config) -> Self {
        let choice = Choice::Local { ollama_host: String::new(), timeouts: config.models };
        Self {
            config,
            choice,
            tools: ToolRegistry::new(),
            environment: Environment::default(),
            redactor: Redactor::new(),
            pdf: PdfProgram::in_process(),
            launcher: None,
            gate: None,
        }
    }

    /// Asks these models, whatever the environment says.
    pub fn models(mut self, models: Models) -> Self {
        self.choice = Choice::Own(models);
        self
    }

    /// Asks the providers that the environment, or else the sealed secrets, have keys or addresses for.
    ///
    /// # Errors
    /// When a key or address cannot be used.
    pub fn environment(mut self, environment: &Environment) -> Result<Self, StartError> {
        self.choice =
            models::configured(environment, self.config.model.as_ref(), self.config.models)?;
        self.environment = environment.clone();
        self.launcher = environment.launcher().cloned().or(self.launcher);
        Ok(self)
    }

    /// Confines shell commands by this launcher, which the program got in the first line of its
    /// `main`. Without one they cannot be confined, and are handled as `agent.sandbox` says.
    pub fn launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = Some(launcher);
        self
    }

    /// Lends the agents these tools beside the server's own.
    ///
    /// The server adds its own to the same registry; where a name is taken already, the
    /// embedder's tool stays and the server's is left out.
    pub fn tools(mut self, tools: ToolRegistry) -> Self {
        self.tools = tools;
        self
    }

    /// The redactor that learns the secrets of this server: those of the environment, the API key, and the
    /// sealed ones. Give one that the logs of the program pass, too.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Lets this program read PDF files for the agent, which then can take no more than it may.
    /// Without it they are read within this process.
    pub fn pdf_program(mut self, pdf: PdfProgram) -> Self {
        self.pdf = pdf;
        self
    }

    /// Lets this gate say when work in the background may begin: tasks, and the runs of schedules. Without one
    /// the settings `tasks.max_memory_percent` and `tasks.max_load` do.
    pub fn resource_gate(mut self, gate: Arc<dyn ResourceGate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the home, the store or the port cannot be used.
    pub async fn start(self) -> Result<Server, StartError> {
        let Self { config, choice, tools, environment, redactor, pdf, launcher, gate } = self;
        Server::compose(
            config,
            Own { choice, tools, environment, redactor, pdf, launcher, gate, embedder: None },
        )
        .await
    }
}
