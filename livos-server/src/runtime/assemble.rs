//! Providers, tools and the agent, after the port is open.

use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_core::Journal;
use livos_core::ChatRequest;
use livos_core::ChatStream;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use livos_core::ToolRegistry;

use super::Models;
use crate::app::App;
use crate::config::AgentSettings;
use crate::config::Environment;
use crate::engine::ConfiguredProvider;
use crate::engine::Engine;
use crate::engine::Providers;
use crate::runs::Runs;

/// Where the models come from.
pub(super) enum Choice {
    Environment(Environment),
    Given(Models),
}

/// Makes the engine, gives it to the app, and takes up what was left unfinished.
pub(super) async fn engine(
    app: Arc<App>,
    settings: AgentSettings,
    model: Option<ModelName>,
    choice: Choice,
) {
    let providers = providers(choice, model).await;
    let tools = tools(&settings);
    let journal: Arc<dyn Journal> = Arc::clone(&app.store) as Arc<dyn Journal>;
    let agent = AgentLoop::builder_shared(Arc::clone(&providers.answering))
        .model(providers.default_model.clone())
        .system_prompt(settings.system_prompt)
        .tools(tools.clone())
        .journal(journal)
        .budget(settings.budget)
        .workspace(settings.workspace)
        .clock(Arc::clone(&app.clock))
        .build();
    let runs = Runs::new(
        agent,
        Arc::clone(&app.store),
        Arc::clone(&app.metrics),
        Arc::clone(&app.clock),
        settings.max_concurrent_runs,
    );
    let recovering = runs.clone();
    if app.engine.set(Engine { runs, tools, providers }).is_err() {
        tracing::error!("the engine was made twice");
        return;
    }
    if let Err(error) = recovering.recover().await {
        tracing::error!(%error, "unfinished runs could not be looked up");
    }
}

async fn providers(choice: Choice, model: Option<ModelName>) -> Providers {
    let Models { provider, default_model } = match choice {
        Choice::Given(models) => models,
        Choice::Environment(_) => Models::new(NoProvider(ProviderId::from("none")), "none"),
    };
    let configured = [ConfiguredProvider { id: provider.id().clone(), has_key: false }];
    Providers {
        answering: provider,
        default_model: model.unwrap_or(default_model),
        configured: configured.into(),
    }
}

fn tools(_: &AgentSettings) -> ToolRegistry {
    ToolRegistry::new()
}

#[derive(Debug)]
struct NoProvider(ProviderId);

#[async_trait::async_trait]
impl AIProvider for NoProvider {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn chat_stream(&self, _: ChatRequest) -> Result<ChatStream, ProviderError> {
        Err(ProviderError::Authentication(ProviderFailure::new("none", "no provider is configured")))
    }
}
