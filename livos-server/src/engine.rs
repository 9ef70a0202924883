//! What answers: providers, tools, and the runs that use them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_core::ApprovalManager;
use livos_core::Budget;
use livos_core::CircuitState;
use livos_core::Memory;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderId;
use livos_core::ProviderManager;
use livos_core::Redactor;
use livos_core::RunRecord;
use livos_core::ScheduleManager;
use livos_core::SubagentManager;
use livos_core::TaskManager;
use livos_core::ToolRegistry;
use livos_core::replay::Recording;
use livos_core::replay::RecordingError;
use livos_tools::mcp::McpServers;
use livos_tools::shell::ShellSessions;

use crate::mcp_door::McpDoor;
use crate::runs::Runs;

/// How long providers may take to list their models.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// What answers. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) runs: Runs,
    pub(crate) tools: ToolRegistry,
    pub(crate) providers: Providers,
    pub(crate) recorder: Recorder,
    pub(crate) approvals: ApprovalManager,
    pub(crate) schedules: ScheduleManager,
    /// None when it is off.
    pub(crate) memory: Option<Memory>,
    pub(crate) agents: SubagentManager,
    pub(crate) tasks: TaskManager,
    /// What a run may spend unless its message or schedule says otherwise.
    pub(crate) usual_budget: Budget,
    /// What the shell started; none where there is no shell.
    pub(crate) shell: Option<ShellSessions>,
    /// None when they could not be read from the store.
    pub(crate) mcp: Option<McpServers>,
    /// None when no MCP client is answered.
    pub(crate) mcp_door: Option<Arc<McpDoor>>,
}

/// Records runs for tests, without the secrets that this server knows.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) agent: AgentLoop,
    pub(crate) redactor: Redactor,
}

impl Recorder {
    /// One run as a file.
    pub(crate) async fn record(&self, run: &RunRecord) -> Result<Recording, RecordingError> {
        Recording::of(&self.agent, run.session_id, run.id).await?.redact(&self.redactor)
    }
}

/// The providers there are.
#[derive(Debug, Clone)]
pub(crate) struct Providers {
    pub(crate) manager: ProviderManager,
    /// The model asked when nobody chose one.
    pub(crate) default_model: ModelName,
    /// The providers that have a key.
    pub(crate) with_key: Arc<BTreeSet<ProviderId>>,
}

impl Providers {
    /// The models that can be chosen, those of the tiers first. A provider that does not answer has only these.
    pub(crate) async fn models(&self) -> Vec<ModelInfo> {
        let mut models = self.tier_models();
        match tokio::time::timeout(LIST_TIMEOUT, self.manager.models()).await {
            Ok(Ok(listed)) => {
                for model in listed {
                    let name = full_name(&model);
                    match models.iter_mut().find(|known| full_name(known) == name) {
                        Some(known) => *known = model,
                        None => models.push(model),
                    }
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "the models could not be listed"),
            Err(_) => tracing::warn!("the models could not be listed in time"),
        }
        models
    }

    /// Says what would be right where nobody is there to be asked for this model.
    pub(crate) fn check_model(&self, model: &ModelName) -> Result<(), String> {
        if self.manager.has_model(model) {
            return Ok(());
        }
        let known: Vec<_> = self.manager.providers().map(|known| known.id().as_str()).collect();
        Err(format!(
            "nobody has '{model}'; write provider/model with one of {}, or fast, balanced or best",
            known.join(", ")
        ))
    }

    fn tier_models(&self) -> Vec<ModelInfo> {
        let mut models: Vec<ModelInfo> = Vec::new();
        for provider in self.manager.providers() {
            let health =
                self.manager.health().into_iter().find(|health| health.id == *provider.id());
            for model in health.into_iter().flat_map(|health| health.models.into_values()) {
                let capabilities = provider.capabilities(&model);
                let info = ModelInfo::new(provider.id().clone(), model, capabilities);
                if !models.iter().any(|known| full_name(known) == full_name(&info)) {
                    models.push(info);
                }
            }
        }
        models
    }

    /// Whether anybody could be asked now; else why not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let health = self.manager.health();
        if health.is_empty() {
            return Err("no provider is configured; set a key such as ANTHROPIC_API_KEY".to_owned());
        }
        match health.iter().any(|provider| provider.circuit != CircuitState::Open) {
            true => Ok(()),
            false => Err("every provider failed lately and is left alone for a while".to_owned()),
        }
    }
}

/// `provider/model`, as a request names a model.
pub(crate) fn full_name(model: &ModelInfo) -> String {
    let name = model.model.as_str();
    match name.strip_prefix(model.provider.as_str()) {
        Some(rest) if rest.starts_with('/') => name.to_owned(),
        _ => format!("{}/{name}", model.provider),
    }
}
