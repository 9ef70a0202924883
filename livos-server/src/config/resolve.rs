//! Layers to meaning: the first layer that has a value wins, and every problem is kept.

mod web;

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use livos_core::APPROVAL_EXPIRY;
use livos_core::ApprovalPolicies;
use livos_core::Budget;
use livos_core::CompactionPolicy;
use livos_core::DEFAULT_LEASE;
use livos_core::ExtractionSettings;
use livos_core::GroupRecall;
use livos_core::MAX_LEASE;
use livos_core::MemorySettings;
use livos_core::MicroUsd;
use livos_core::ModelName;
use livos_core::RecallSettings;
use livos_core::ScheduleSettings;
use livos_providers::ProviderTimeouts;
use livos_tools::sandbox::Limits;
use livos_tools::sandbox::SandboxSettings;
use toml::Value;

use super::AgentSettings;
use super::ApprovalSettings;
use super::Config;
use super::ConfigError;
use super::ConfigProblem;
use super::HttpSettings;
use super::LogFormat;
use super::LogSettings;
use super::McpExposure;
use super::MemoryUse;
use super::Remembering;
use super::ShellAccess;
use super::StoreLocation;
use super::Unconfined;
use super::env;
use super::env::Environment;
use super::key;
use super::key::Key;
use super::key::Layer;
use super::value;
use crate::resources::ResourceLimits;

/// All it does is ask a person.
const ASKING_TOOL: &str = livos_tools::ask_user::NAME;
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3200);
/// The MCP library tells of each connection what is no news to anybody.
const DEFAULT_LOG: &str = "info,rmcp=warn";
const DEFAULT_SYSTEM_PROMPT: &str = include_str!("system_prompt.md");
const DEFAULT_CONCURRENT_RUNS: u64 = 16;
const DEFAULT_TASKS_PER_USER: u32 = 4;
const DEFAULT_TOOL_TOKENS: u64 = 8_000;
const DEFAULT_CONNECTIONS: u64 = 512;
const DEFAULT_BODY_BYTES: u64 = 1024 * 1024;
const DEFAULT_UPLOAD_BYTES: u64 = 25 * 1024 * 1024;
const DEFAULT_HEADER_SECONDS: u64 = 10;
const DEFAULT_BODY_SECONDS: u64 = 30;
const DEFAULT_SHUTDOWN_SECONDS: u64 = 10;

/// The home directory: flag, environment, `~/.livos`.
pub(super) fn home(
    flag: Option<&Path>,
    environment: &Environment,
    problems: &mut Vec<ConfigProblem>,
) -> PathBuf {
    let typed = flag.map(Path::to_owned).or_else(|| environment.get(env::HOME).map(PathBuf::from));
    let home = typed.or_else(|| std::env::home_dir().map(|user| user.join(".livos")));
    match home.map(std::path::absolute) {
        Some(Ok(home)) => home,
        _ => {
            problems.push(ConfigProblem {
                field: "home".to_owned(),
                origin: "default".to_owned(),
                message: format!("there is no home directory; set {} or --home", env::HOME),
            });
            PathBuf::new()
        }
    }
}

/// Everything but the home.
pub(super) fn config(
    home: PathBuf,
    layers: &[Layer],
    problems: Vec<ConfigProblem>,
) -> Result<Config, ConfigError> {
    let mut typed = Typed { layers, problems };
    let config = Config {
        listen: typed.get(&key::LISTEN, value::listen).unwrap_or(DEFAULT_LISTEN),
        api_key: typed.get(&key::API_KEY, value::api_key),
        store: typed
            .get(&key::STORE, |typed| value::store(typed, &home))
            .unwrap_or_else(|| StoreLocation::Sqlite(home.join("livos.db"))),
        model: typed.get(&key::MODEL, value::text).map(ModelName::from),
        log: log(&mut typed),
        public_url: typed.get(&key::PUBLIC_URL, |typed| value::web_address(&value::text(typed)?)),
        agent: agent(&mut typed, &home),
        resources: resources(&mut typed),
        schedules: schedules(&mut typed),
        memory: typed.get(&key::MEMORY_ENABLED, value::memory).unwrap_or(MemoryUse::On),
        models: models(&mut typed),
        windows: typed.get(&key::MODELS_WINDOWS, value::windows).unwrap_or_default(),
        embedding_model: typed.get(&key::MEMORY_EMBEDDING_MODEL, value::text).map(ModelName::from),
        likeness: likeness(&mut typed),
        remembering: remembering(&mut typed),
        http: http(&mut typed),
        approvals: approvals(&mut typed),
        web: web::settings(&mut typed),
        containers: web::containers(&mut typed),
        mcp_exposure: typed
            .get(&key::MCP_EXPOSE, value::mcp_exposure)
            .unwrap_or(McpExposure::ReadOnly),
        home,
    };
    typed.refuse_open_door(&config);
    if typed.problems.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError { problems: typed.problems })
    }
}

fn log(typed: &mut Typed<'_>) -> LogSettings {
    LogSettings {
        filter: typed.get(&key::LOG, value::log_filter).unwrap_or_else(|| DEFAULT_LOG.to_owned()),
        format: typed.get(&key::LOG_FORMAT, value::log_format).unwrap_or(LogFormat::Text),
    }
}

fn remembering(typed: &mut Typed<'_>) -> Remembering {
    let usual = RecallSettings::default();
    let tokens = typed.number(&key::MEMORY_RECALL_TOKENS, 100..=16_000, usual.tokens);
    let groups = typed.get(&key::MEMORY_RECALL_IN_GROUPS, value::is_on).unwrap_or(false);
    let groups = if groups { GroupRecall::Allowed } else { GroupRecall::Never };
    let recall = usual.with_tokens(tokens).with_groups(groups);
    let usual = ExtractionSettings::default();
    let daily = typed.number(&key::MEMORY_EXTRACT_DAILY, 1..=100_000, usual.daily);
    let mut extraction = usual.with_daily(daily);
    extraction.model = typed.get(&key::MEMORY_EXTRACT_MODEL, value::text).map(ModelName::from);
    let mut is_on = |key| typed.get(key, value::is_on).unwrap_or(true);
    Remembering {
        recall: is_on(&key::MEMORY_RECALL).then_some(recall),
        extraction: is_on(&key::MEMORY_EXTRACT).then_some(extraction),
    }
}

fn agent(typed: &mut Typed<'_>, home: &Path) -> AgentSettings {
    let usual = Budget::default();
    let turns = typed.number(&key::MAX_TURNS, 1..=1_000, usual.turns.into());
    let tokens = typed.number(&key::MAX_TOKENS, 1..=1_000_000_000, usual.tokens);
    let seconds = typed.number(&key::MAX_SECONDS, 1..=604_800, usual.wall_clock.as_secs());
    let mut budget = usual
        .with_turns(u32::try_from(turns).unwrap_or(usual.turns))
        .with_tokens(tokens)
        .with_wall_clock(Duration::from_secs(seconds));
    budget.cost = typed
        .get(&key::MAX_COST, |typed| value::number(typed, 1..=1_000_000_000_000))
        .map(MicroUsd);
    AgentSettings {
        system_prompt: typed
            .get(&key::SYSTEM_PROMPT, value::text)
            .unwrap_or_else(|| DEFAULT_SYSTEM_PROMPT.to_owned()),
        workspace: typed
            .get(&key::WORKSPACE, |typed| Ok(value::below(home, &value::text(typed)?)))
            .unwrap_or_else(|| home.join("workspace")),
        shell: typed.get(&key::SHELL, value::shell).unwrap_or(ShellAccess::Off),
        unconfined: typed.get(&key::SANDBOX, value::unconfined).unwrap_or(Unconfined::Refuse),
        sandbox: sandbox(typed, home),
        budget,
        daily_limit: typed
            .get(&key::DAILY_LIMIT, |typed| value::number(typed, 0..=1_000_000_000_000))
            .map(MicroUsd),
        compaction: compaction(typed),
        tool_tokens: typed.number(&key::TOOL_TOKENS, 500..=1_000_000, DEFAULT_TOOL_TOKENS),
        max_concurrent_runs: typed.size(
            &key::MAX_CONCURRENT_RUNS,
            1..=10_000,
            DEFAULT_CONCURRENT_RUNS,
        ),
        tasks_per_user: typed
            .get(&key::TASKS_PER_USER, |typed| value::number(typed, 1..=1_000))
            .and_then(|tasks| u32::try_from(tasks).ok())
            .unwrap_or(DEFAULT_TASKS_PER_USER),
        lease: Duration::from_secs(typed.number(
            &key::LEASE_SECONDS,
            1..=MAX_LEASE.as_secs(),
            DEFAULT_LEASE.as_secs(),
        )),
    }
}

/// From which figures on work in the background waits.
fn resources(typed: &mut Typed<'_>) -> ResourceLimits {
    let usual = ResourceLimits::default();
    ResourceLimits {
        memory_percent: typed.number(&key::TASKS_MEMORY, 1..=100, usual.memory_percent),
        load: typed.get(&key::TASKS_LOAD, |typed| value::number(typed, 1..=1_000)),
    }
}

/// What commands may reach: never the home with its keys, whatever else is granted.
fn sandbox(typed: &mut Typed<'_>, home: &Path) -> SandboxSettings {
    const MIB: u64 = 1024 * 1024;
    let mut limits = Limits::default();
    let processes = typed.number(&key::SANDBOX_PROCESSES, 8..=10_000, limits.processes.into());
    limits.processes = u32::try_from(processes).unwrap_or(limits.processes);
    limits.memory = MIB * typed.number(&key::SANDBOX_MEMORY, 64..=1_048_576, limits.memory / MIB);
    let readable = typed.get(&key::SANDBOX_READABLE, |typed| value::paths(typed, home));
    let network = typed.get(&key::SANDBOX_NETWORK, value::network).unwrap_or_default();
    let settings =
        SandboxSettings::default().with_limits(limits).with_network(network).with_hidden(home);
    readable.into_iter().flatten().fold(settings, SandboxSettings::with_readable)
}

fn compaction(typed: &mut Typed<'_>) -> CompactionPolicy {
    let usual = CompactionPolicy::default();
    let keep = usual.keep_messages as u64;
    let threshold =
        typed.number(&key::COMPACTION_THRESHOLD, 1_000..=100_000_000, usual.threshold_tokens);
    let percent = typed.number(&key::COMPACTION_WINDOW, 10..=100, usual.window_percent);
    let seconds = typed.number(&key::COMPACTION_SECONDS, 1..=600, usual.timeout.as_secs());
    let summary = typed.number(&key::COMPACTION_SUMMARY, 64..=100_000, usual.summary_tokens.into());
    let policy = usual
        .with_threshold_tokens(threshold)
        .with_window_percent(percent)
        .with_keep_messages(typed.size(&key::COMPACTION_KEEP, 1..=1_000, keep))
        .with_timeout(Duration::from_secs(seconds))
        .with_summary_tokens(u32::try_from(summary).unwrap_or(u32::MAX));
    match typed.get(&key::COMPACTION_MODEL, value::text) {
        Some(model) => policy.with_model(model),
        None => policy,
    }
}

fn approvals(typed: &mut Typed<'_>) -> ApprovalSettings {
    let usual = APPROVAL_EXPIRY.as_secs();
    let seconds = typed.number(&key::APPROVALS_EXPIRY, 10..=2_592_000, usual);
    let users = typed.get(&key::APPROVALS_USERS, value::policies).unwrap_or_default();
    let channels = typed.get(&key::APPROVALS_CHANNELS, value::policies).unwrap_or_default();
    ApprovalSettings {
        policies: ApprovalPolicies {
            default: typed.get(&key::APPROVALS_POLICY, value::policy).unwrap_or_default(),
            users: users.into_iter().map(|(user, policy)| (user.into(), policy)).collect(),
            channels: channels.into_iter().map(|(name, policy)| (name.into(), policy)).collect(),
            exempt: vec![ASKING_TOOL.into()],
        },
        expiry: Duration::from_secs(seconds),
    }
}

fn schedules(typed: &mut Typed<'_>) -> ScheduleSettings {
    let usual = ScheduleSettings::default();
    let interval = typed.number(&key::SCHEDULE_INTERVAL, 1..=86_400, usual.min_interval.as_secs());
    let zone = typed.get(&key::SCHEDULE_ZONE, value::time_zone);
    let zone = zone.unwrap_or_else(|| usual.time_zone.clone());
    usual.with_min_interval(Duration::from_secs(interval)).with_time_zone(zone)
}

fn likeness(typed: &mut Typed<'_>) -> MemorySettings {
    let mut percent = |key: &Key, range| {
        let number = typed.get(key, |typed| value::number(typed, range))?;
        Some(f32::from(u8::try_from(number).ok()?) / 100.0)
    };
    let mut likeness = MemorySettings::default();
    likeness.same = percent(&key::MEMORY_SAME, 50..=100).unwrap_or(likeness.same);
    likeness.least_similarity =
        percent(&key::MEMORY_LEAST, 0..=99).unwrap_or(likeness.least_similarity);
    likeness
}

fn models(typed: &mut Typed<'_>) -> ProviderTimeouts {
    // A model of one's own may first be loaded, and read its prompt at the speed of a processor.
    let mut seconds =
        |key, most| typed.get(key, |typed| value::number(typed, 1..=most)).map(Duration::from_secs);
    ProviderTimeouts {
        connect: seconds(&key::MODELS_CONNECT, 600),
        first_byte: seconds(&key::MODELS_FIRST_BYTE, 86_400),
        silence: seconds(&key::MODELS_SILENCE, 86_400),
        whole_answer: seconds(&key::MODELS_ANSWER, 86_400),
    }
}

fn http(typed: &mut Typed<'_>) -> HttpSettings {
    let hosts = |typed: &Value| value::list(typed)?.iter().map(|host| value::host(host)).collect();
    let origins = |typed: &Value| {
        value::list(typed)?.iter().map(|origin| value::web_address(origin)).collect()
    };
    HttpSettings {
        max_connections: typed.size(&key::MAX_CONNECTIONS, 1..=100_000, DEFAULT_CONNECTIONS),
        max_body_bytes: typed.size(&key::MAX_BODY_BYTES, 1_024..=104_857_600, DEFAULT_BODY_BYTES),
        max_upload_bytes: typed.size(
            &key::MAX_UPLOAD_BYTES,
            1_024..=104_857_600,
            DEFAULT_UPLOAD_BYTES,
        ),
        header_timeout: typed.seconds(&key::HEADER_SECONDS, DEFAULT_HEADER_SECONDS),
        body_timeout: typed.seconds(&key::BODY_SECONDS, DEFAULT_BODY_SECONDS),
        shutdown_timeout: typed.seconds(&key::SHUTDOWN_SECONDS, DEFAULT_SHUTDOWN_SECONDS),
        allowed_hosts: typed.get(&key::ALLOWED_HOSTS, hosts).unwrap_or_default(),
        callback_hosts: typed
            .get(&key::CALLBACK_HOSTS, value::hosts_or_addresses)
            .unwrap_or_default(),
        allowed_origins: typed.get(&key::ALLOWED_ORIGINS, origins).unwrap_or_default(),
    }
}

struct Typed<'a> {
    layers: &'a [Layer],
    problems: Vec<ConfigProblem>,
}

impl<'a> Typed<'a> {
    fn get<T>(&mut self, key: &Key, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let find = |layer: &'a Layer| Some((layer, layer.values.get(key.name)?));
        let (layer, value) = self.layers.iter().find_map(find)?;
        match parse(value) {
            Ok(meaning) => Some(meaning),
            Err(message) => {
                self.problems.push(layer.problem(key, message));
                None
            }
        }
    }

    fn number(&mut self, key: &Key, range: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        self.get(key, |typed| value::number(typed, range)).unwrap_or(default)
    }

    fn size(&mut self, key: &Key, range: std::ops::RangeInclusive<u64>, default: u64) -> usize {
        usize::try_from(self.number(key, range, default)).unwrap_or(usize::MAX)
    }

    fn seconds(&mut self, key: &Key, default: u64) -> Duration {
        Duration::from_secs(self.number(key, 1..=3_600, default))
    }

    /// Who can reach the port from elsewhere must have been given a key on purpose (SEC-05).
    fn refuse_open_door(&mut self, config: &Config) {
        if config.listen.ip().is_loopback() || config.api_key.is_some() {
            return;
        }
        self.problems.push(ConfigProblem {
            field: key::LISTEN.name.to_owned(),
            origin: config.listen.to_string(),
            message: format!(
                "can be reached from other machines and needs a key of your own; set {}, or listen on 127.0.0.1",
                key::API_KEY.variable
            ),
        });
    }
}
