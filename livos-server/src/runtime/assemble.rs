//! Providers, tools and the agent, after the port is open.

use std::sync::Arc;

use livos_core::AgentLoop;
use livos_core::ApprovalManager;
use livos_core::ApprovalStore;
use livos_core::FactStore;
use livos_core::Journal;
use livos_core::Memory;
use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::ScheduleManager;
use livos_core::Secret;
use livos_core::ToolRegistry;
use livos_core::UsageLog;
use livos_core::WorkerSettings;
use livos_tools::WorkspaceRoot;
use livos_tools::shell::ShellSettings;

use super::Models;
use super::builder::Own;
use super::models::Choice;
use crate::app::App;
use crate::callback::HttpCallback;
use crate::config::AgentSettings;
use crate::config::Config;
use crate::config::MemoryUse;
use crate::config::ShellAccess;
use crate::engine::Engine;
use crate::engine::Providers;
use crate::engine::Recorder;
use crate::runs::Runs;
use crate::runs::RunsParts;
use crate::vitals::Vitals;

/// Makes the engine and gives it to the app. Runs that were left unfinished go on at once.
pub(super) async fn engine(app: Arc<App>, config: Config, own: Own) {
    let Own { choice, tools, secrets } = own;
    let schedules = schedules(&app, &config);
    let providers = providers(choice, config.model).await;
    add_own_tools(&tools, &config.agent, &schedules);
    let memory = memory(&app, config.memory);
    if let Some(memory) = &memory
        && let Err(error) = livos_tools::memory::register(&tools, memory)
    {
        tracing::error!(%error, "a tool is missing");
    }
    let usual_budget = config.agent.budget;
    let journal = Arc::clone(&app.store) as Arc<dyn Journal>;
    let secrets: Arc<[Secret]> = secrets.into();
    let approvals = ApprovalManager::builder(Arc::clone(&app.store) as Arc<dyn ApprovalStore>)
        .policies(config.approvals.policies)
        .expiry(config.approvals.expiry)
        .clock(Arc::clone(&app.clock))
        .secrets(Arc::clone(&secrets))
        .build();
    let mut agent = AgentLoop::builder(providers.manager.clone())
        .model(providers.default_model.clone())
        .system_prompt(config.agent.system_prompt)
        .tools(tools.clone())
        .journal(journal)
        .budget(config.agent.budget)
        .compaction(config.agent.compaction)
        .workspace(config.agent.workspace)
        .clock(Arc::clone(&app.clock))
        .approvals(approvals.clone());
    if let Some(limit) = config.agent.daily_limit {
        agent = agent.daily_limit(Arc::clone(&app.store) as Arc<dyn UsageLog>, limit);
    }
    let agent = agent.build();
    let recorder = Recorder { agent: agent.clone(), secrets };
    let runs = Runs::start(RunsParts {
        agent,
        store: Arc::clone(&app.store),
        feed: Arc::clone(&app.feed),
        metrics: Arc::clone(&app.metrics),
        clock: Arc::clone(&app.clock),
        worker: WorkerSettings::default()
            .with_max_concurrent_runs(config.agent.max_concurrent_runs)
            .with_lease(config.agent.lease)
            .with_take_over(config.store.take_over()),
        sinks: vec![Arc::new(HttpCallback::new(app.callback_guard.clone()))],
        schedules: schedules.clone(),
    });
    let engine =
        Engine { runs, tools, providers, recorder, approvals, schedules, memory, usual_budget };
    if app.engine.set(engine).is_err() {
        tracing::error!("the engine was made twice");
    }
}

/// Schedules whose heartbeats look at the disks of the home and the workspace, at memory and at load.
fn schedules(app: &App, config: &Config) -> ScheduleManager {
    let directories = vec![config.home.clone(), config.agent.workspace.clone()];
    ScheduleManager::with_probe(
        Arc::clone(&app.store),
        Arc::clone(&app.clock),
        config.schedules.clone().with_budget(config.agent.budget),
        Arc::new(Vitals::of(directories)),
    )
}

fn memory(app: &App, wanted: MemoryUse) -> Option<Memory> {
    let store = Arc::clone(&app.store) as Arc<dyn FactStore>;
    match wanted {
        MemoryUse::On => Some(Memory::builder(store).clock(Arc::clone(&app.clock)).build()),
        MemoryUse::Off => None,
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
fn add_own_tools(tools: &ToolRegistry, settings: &AgentSettings, schedules: &ScheduleManager) {
    if let Err(error) = livos_tools::schedules::register(tools, schedules) {
        tracing::error!(%error, "a tool is missing");
    }
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
        livos_tools::ask_user::register(tools),
        shell,
    ];
    for error in registered.into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a tool is missing");
    }
}
