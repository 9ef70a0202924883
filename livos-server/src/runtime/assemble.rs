//! Providers, tools and the agent, after the port is open.

use std::path::Path;
use std::sync::Arc;

use livos_core::AgentLoop;
use livos_core::Journal;
use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::Settings;
use livos_core::ToolRegistry;
use livos_core::ToolSearch;
use livos_core::UsageLog;
use livos_core::WorkerSettings;
use livos_tools::WorkspaceRoot;
use livos_tools::mcp::McpServers;
use livos_tools::shell::ShellSettings;

use super::Models;
use super::builder::Own;
use super::models::Choice;
use crate::app::App;
use crate::callback::HttpCallback;
use crate::config::AgentSettings;
use crate::config::Config;
use crate::config::ShellAccess;
use crate::engine::Engine;
use crate::engine::Providers;
use crate::engine::Recorder;
use crate::http::Causes;
use crate::mcp_door::McpDoor;
use crate::mcp_door::SessionDesk;
use crate::runs::Runs;
use crate::runs::RunsParts;

/// The file of MCP servers in the home directory.
const MCP_FILE: &str = "mcp.json";

/// Makes the engine and gives it to the app. Runs that were left unfinished go on at once.
pub(super) async fn engine(app: Arc<App>, config: Config, own: Own) {
    let Own { choice, tools, lease, secrets } = own;
    let providers = providers(choice, config.model).await;
    add_own_tools(&tools, &config.agent);
    let mcp = mcp_servers(&app, &tools, &config.home).await;
    let journal = Arc::clone(&app.store) as Arc<dyn Journal>;
    let mut agent = AgentLoop::builder(providers.manager.clone())
        .model(providers.default_model.clone())
        .system_prompt(config.agent.system_prompt)
        .tools(tools.clone())
        .tool_budget(config.agent.tool_tokens)
        .journal(journal)
        .budget(config.agent.budget)
        .compaction(config.agent.compaction)
        .workspace(config.agent.workspace)
        .clock(Arc::clone(&app.clock));
    if let Some(limit) = config.agent.daily_limit {
        agent = agent.daily_limit(Arc::clone(&app.store) as Arc<dyn UsageLog>, limit);
    }
    let agent = agent.build();
    let recorder = Recorder { agent: agent.clone(), secrets: secrets.into() };
    let runs = Runs::start(RunsParts {
        agent,
        store: Arc::clone(&app.store),
        metrics: Arc::clone(&app.metrics),
        clock: Arc::clone(&app.clock),
        worker: WorkerSettings::default()
            .with_max_concurrent_runs(config.agent.max_concurrent_runs)
            .with_lease(lease)
            .with_take_over(config.store.take_over()),
        sinks: vec![Arc::new(HttpCallback::new(app.callback_guard.clone()))],
    });
    let desk = SessionDesk {
        runs: runs.clone(),
        store: Arc::clone(&app.store),
        clock: Arc::clone(&app.clock),
    };
    let mcp_door = McpDoor::new(config.mcp_exposure, &tools, desk).map(Arc::new);
    if app.engine.set(Engine { runs, tools, providers, recorder, mcp, mcp_door }).is_err() {
        tracing::error!("the engine was made twice");
    }
}

/// The MCP servers of the store and of the home's file. None of them is waited for.
async fn mcp_servers(app: &App, tools: &ToolRegistry, home: &Path) -> Option<McpServers> {
    let settings = Arc::clone(&app.store) as Arc<dyn Settings>;
    let builder = McpServers::builder(tools.clone(), settings);
    match builder.file(home.join(MCP_FILE)).open().await {
        Ok(servers) => Some(servers),
        Err(error) => {
            tracing::error!(error = %Causes(&error), "there are no MCP servers");
            None
        }
    }
}

async fn providers(choice: Choice, model: Option<ModelName>) -> Providers {
    let Models { manager, with_key } = choice.resolve().await;
    let default_model = model.unwrap_or_else(|| default_model(&manager));
    Providers { manager, default_model, with_key: Arc::new(with_key) }
}

/// The everyday model of the first provider.
fn default_model(manager: &ProviderManager) -> ModelName {
    const TIER: &str = "balanced";
    let first = manager.health().into_iter().next();
    first
        .and_then(|first| Some(format!("{}/{}", first.id, first.models.get(TIER)?)))
        .map_or_else(|| ModelName::from(TIER), ModelName::from)
}

/// The tools that need nothing but this machine. A tool that cannot be had is left out, visibly.
fn add_own_tools(tools: &ToolRegistry, settings: &AgentSettings) {
    let root = match WorkspaceRoot::create(&settings.workspace) {
        Ok(root) => root,
        Err(error) => {
            tracing::error!(%error, "the workspace cannot be used; there are no file tools");
            return;
        }
    };
    let shell = match settings.shell {
        ShellAccess::Off => Ok(()),
        ShellAccess::On => livos_tools::shell::register(tools, &root, ShellSettings::default()),
    };
    let registered = [
        livos_tools::files::register(tools, &root),
        livos_tools::time::register(tools),
        shell,
        tools.register(ToolSearch::of(tools)),
    ];
    for error in registered.into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a tool is missing");
    }
}
