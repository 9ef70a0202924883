//! Providers, tools and the agent, after the port is open.

mod remembering;
mod surroundings;

use std::path::Path;
use std::sync::Arc;

use livos_core::AgentLoop;
use livos_core::ApprovalManager;
use livos_core::ApprovalStore;
use livos_core::Embedder;
use livos_core::FactStore;
use livos_core::Journal;
use livos_core::Memory;
use livos_core::MemorySettings;
use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::Redactor;
use livos_core::ResourceGate;
use livos_core::ResultSink;
use livos_core::ScheduleManager;
use livos_core::Settings;
use livos_core::SubagentManager;
use livos_core::TaskManager;
use livos_core::ToolRegistry;
use livos_core::ToolSearch;
use livos_core::UsageLog;
use livos_core::WorkerSettings;
use livos_tools::WorkspaceRoot;
use livos_tools::mcp::McpServers;
use livos_tools::sandbox::Launcher;
use livos_tools::sandbox::Sandbox;
use livos_tools::shell::ShellSessions;
use livos_tools::shell::ShellSettings;

use super::Models;
use super::builder::Own;
use super::models::Choice;
use crate::app::App;
use crate::callback::HttpCallback;
use crate::config::AgentSettings;
use crate::config::ApprovalSettings;
use crate::config::Config;
use crate::config::McpExposure;
use crate::config::MemoryUse;
use crate::config::ShellAccess;
use crate::config::Unconfined;
use crate::engine::Engine;
use crate::engine::Providers;
use crate::engine::Recorder;
use crate::http::Causes;
use crate::mcp_door::ClientCalls;
use crate::mcp_door::ClientSessions;
use crate::mcp_door::McpDoor;
use crate::mcp_door::SessionDesk;
use crate::mcp_door::WithClientModel;
use crate::resources::ResourceLimits;
use crate::resources::Resources;
use crate::runs::Runs;
use crate::runs::RunsParts;
use crate::vitals::Vitals;

/// The file of MCP servers in the home directory.
const MCP_FILE: &str = "mcp.json";

/// Makes the engine and gives it to the app. Runs that were left unfinished go on at once.
pub(super) async fn engine(app: Arc<App>, config: Config, own: Own) {
    let Own { choice, tools, redactor, pdf, launcher, embedder, gate, .. } = own;
    let schedules = schedules(&app, &config);
    let tasks = TaskManager::new(Arc::clone(&app.store))
        .with_clock(Arc::clone(&app.clock))
        .with_per_user(config.agent.tasks_per_user);
    let providers = providers(choice, config.model, config.windows).await;
    let agents = SubagentManager::new(Arc::clone(&app.store))
        .with_clock(Arc::clone(&app.clock))
        .with_models(Arc::new(providers.manager.clone()));
    let journal = Arc::clone(&app.store) as Arc<dyn Journal>;
    let shell = add_own_tools(&tools, &config.agent, launcher, Arc::clone(&journal)).await;
    add_managers_tools(&tools, &schedules, &agents);
    let mcp = mcp_servers(&app, &tools, &config.home).await;
    let memory = memory(&app, (config.memory, config.likeness, embedder), redactor.clone());
    add_memory_tools(&tools, memory.as_ref());
    let wanted = memory.as_ref().zip(config.remembering.extraction);
    let extraction = wanted.and_then(|wanted| remembering::extraction(&app, wanted, &providers));
    surroundings::add_tools(&tools, &config.web, &config.containers, pdf);
    let usual_budget = config.agent.budget;
    let approvals = approvals(&app, config.approvals, redactor.clone());
    let workspace: Arc<Path> = config.agent.workspace.into();
    let mut agent = AgentLoop::builder(WithClientModel::beside(providers.manager.clone()))
        .model(providers.default_model.clone())
        .system_prompt(config.agent.system_prompt)
        .tools(tools.clone())
        .tool_budget(config.agent.tool_tokens)
        .journal(journal)
        .budget(config.agent.budget)
        .compaction(config.agent.compaction)
        .workspace(Arc::clone(&workspace))
        .redactor(redactor.clone())
        .clock(Arc::clone(&app.clock))
        .approvals(approvals.clone());
    agent = remembering::given(agent, memory.as_ref().zip(config.remembering.recall));
    if let Some(limit) = config.agent.daily_limit {
        agent = agent.daily_limit(Arc::clone(&app.store) as Arc<dyn UsageLog>, limit);
    }
    let agent = agent.build();
    let recorder = Recorder { agent: agent.clone(), redactor: redactor.clone() };
    let results = ResultSink::new(Arc::clone(&app.store)).with_clock(Arc::clone(&app.clock));
    let runs = Runs::start(RunsParts {
        agent,
        store: Arc::clone(&app.store),
        feed: Arc::clone(&app.feed),
        metrics: Arc::clone(&app.metrics),
        redactor: redactor.clone(),
        clock: Arc::clone(&app.clock),
        worker: WorkerSettings::default()
            .with_max_concurrent_runs(config.agent.max_concurrent_runs)
            .with_lease(config.agent.lease)
            .with_take_over(config.store.take_over())
            .with_gate(gate.unwrap_or_else(|| resources(&app, config.resources))),
        sinks: vec![Arc::new(HttpCallback::new(app.callback_guard.clone())), Arc::new(results)],
        schedules: schedules.clone(),
        extraction,
    });
    let of_run = (runs.clone(), tools.clone(), approvals.clone());
    let mcp_door = mcp_door(&app, config.mcp_exposure, of_run, (redactor, workspace));
    let engine = Engine {
        runs,
        tools,
        providers,
        recorder,
        approvals,
        schedules,
        memory,
        agents,
        tasks,
        usual_budget,
        shell,
        mcp,
        mcp_door,
    };
    if app.engine.set(engine).is_err() {
        tracing::error!("the engine was made twice");
    }
}

/// The inbox of what waits for people.
fn approvals(app: &App, settings: ApprovalSettings, redactor: Redactor) -> ApprovalManager {
    ApprovalManager::builder(Arc::clone(&app.store) as Arc<dyn ApprovalStore>)
        .policies(settings.policies)
        .expiry(settings.expiry)
        .clock(Arc::clone(&app.clock))
        .redactor(redactor)
        .build()
}

/// Lets work in the background begin while this machine has room.
fn resources(app: &App, limits: ResourceLimits) -> Arc<dyn ResourceGate> {
    Arc::new(Resources::new(limits, Arc::clone(&app.clock)))
}

/// Where MCP clients come in, if they may.
fn mcp_door(
    app: &App,
    exposure: McpExposure,
    (runs, tools, approvals): (Runs, ToolRegistry, ApprovalManager),
    (redactor, workspace): (Redactor, Arc<Path>),
) -> Option<Arc<McpDoor>> {
    let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.clock));
    let desk = SessionDesk { runs, store, clock };
    let sessions = ClientSessions::default();
    let calls = ClientCalls { desk, tools, approvals, redactor, workspace, sessions };
    McpDoor::new(exposure, calls).map(Arc::new)
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

/// The MCP servers of the store and of the home's file. None of them is waited for.
async fn mcp_servers(app: &App, tools: &ToolRegistry, home: &Path) -> Option<McpServers> {
    let settings = Arc::clone(&app.store) as Arc<dyn Settings>;
    let builder =
        McpServers::builder(tools.clone(), settings).secrets(Arc::clone(&app.secrets) as _);
    match builder.file(home.join(MCP_FILE)).open().await {
        Ok(servers) => Some(servers),
        Err(error) => {
            tracing::error!(error = %Causes(&error), "there are no MCP servers");
            None
        }
    }
}

fn add_memory_tools(tools: &ToolRegistry, memory: Option<&Memory>) {
    if let Some(Err(error)) = memory.map(|memory| livos_tools::memory::register(tools, memory)) {
        tracing::error!(%error, "a tool is missing");
    }
}

/// What is remembered of users, where that is wanted.
fn memory(
    app: &App,
    (wanted, likeness, embedder): (MemoryUse, MemorySettings, Option<Arc<dyn Embedder>>),
    redactor: Redactor,
) -> Option<Memory> {
    if !wanted.is_on() {
        return None;
    }
    let store = Arc::clone(&app.store) as Arc<dyn FactStore>;
    let memory = Memory::builder(store)
        .usage(Arc::clone(&app.store) as Arc<dyn UsageLog>)
        .settings(likeness)
        .clock(Arc::clone(&app.clock))
        .redactor(redactor);
    Some(match embedder {
        Some(embedder) => memory.embedder(embedder).build(),
        None => memory.build(),
    })
}

async fn providers(
    choice: Choice,
    model: Option<ModelName>,
    windows: Vec<(ModelName, u64)>,
) -> Providers {
    let Models { manager, with_key } = choice.resolve().await;
    for (name, _) in &windows {
        let provider = name.provider_and_model().map_or(name.as_str(), |(provider, _)| provider);
        if !manager.providers().any(|known| known.id().as_str() == provider) {
            tracing::warn!(%name, "models.windows names a provider that is not there");
        }
    }
    let manager = if windows.is_empty() { manager } else { manager.with_windows(windows) };
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

/// The tools through which models use what the server manages.
fn add_managers_tools(tools: &ToolRegistry, schedules: &ScheduleManager, agents: &SubagentManager) {
    let registered = [
        livos_tools::subagents::register(tools, agents),
        livos_tools::schedules::register(tools, schedules),
    ];
    for error in registered.into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a tool is missing");
    }
}

/// The tools that need nothing but this machine and the journal. A tool that cannot be had is
/// left out, visibly. Gives back what the shell started, to be ended with the server.
async fn add_own_tools(
    tools: &ToolRegistry,
    settings: &AgentSettings,
    launcher: Option<Launcher>,
    journal: Arc<dyn Journal>,
) -> Option<ShellSessions> {
    let todo = livos_tools::todo::register(tools, journal);
    let root = match WorkspaceRoot::create(&settings.workspace) {
        Ok(root) => root,
        Err(error) => {
            tracing::error!(%error, "the workspace cannot be used; there are no file tools");
            return None;
        }
    };
    let mut registered = vec![
        todo,
        livos_tools::files::register(tools, &root),
        livos_tools::time::register(tools),
        livos_tools::ask_user::register(tools),
        tools.register(ToolSearch::of(tools)),
    ];
    let mut sessions = None;
    if let Some(shell) = shell_settings(settings, launcher).await {
        match livos_tools::shell::register(tools, &root, shell) {
            Ok(started) => sessions = Some(started),
            Err(error) => registered.push(Err(error)),
        }
    }
    for error in registered.into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a tool is missing");
    }
    sessions
}

/// How commands are run, if they are.
async fn shell_settings(
    settings: &AgentSettings,
    launcher: Option<Launcher>,
) -> Option<ShellSettings> {
    if settings.shell == ShellAccess::Off {
        return None;
    }
    let sandbox = match launcher {
        None => Err("this program does not start itself as a launcher".to_owned()),
        Some(launcher) => {
            let sandbox = Sandbox::detect(launcher, settings.sandbox.clone()).await;
            sandbox.map_err(|error| error.to_string())
        }
    };
    let (shell, lacks) = match sandbox {
        Ok(sandbox) if sandbox.confinement().is_whole() => {
            tracing::info!(sandbox = %sandbox.confinement(), "shell commands are confined");
            return Some(ShellSettings::default().with_sandbox(sandbox));
        }
        Ok(sandbox) => {
            let lacks = sandbox.confinement().gaps().join("; ");
            (ShellSettings::default().with_sandbox(sandbox), lacks)
        }
        Err(reason) => (ShellSettings::default(), reason),
    };
    match settings.unconfined {
        Unconfined::Refuse => {
            tracing::error!(
                %lacks,
                "there is no shell: commands cannot be confined here; see `livos doctor`, or set \
                 agent.sandbox to ask or allow"
            );
            None
        }
        Unconfined::Ask | Unconfined::Allow => {
            tracing::warn!(%lacks, "shell commands are not fully confined");
            Some(shell)
        }
    }
}
