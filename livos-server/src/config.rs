//! What the server is told, and what it means.
//!
//! Two kinds of type, never mixed: a [`Layer`] holds what was typed (flags,
//! environment, `livos.toml`), a [`Config`] holds what it means. A value comes
//! from the first layer that has it: flag, environment, file, default. Every
//! problem of every layer is collected, so that one start shows them all.

mod env;
mod file;
mod flags;
mod key;
mod resolve;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use livos_core::ApprovalPolicies;
use livos_core::Budget;
use livos_core::CompactionPolicy;
use livos_core::ExtractionSettings;
use livos_core::MemorySettings;
use livos_core::MicroUsd;
use livos_core::ModelName;
use livos_core::RecallSettings;
use livos_core::ScheduleSettings;
use livos_core::Secret;
use livos_core::TakeOver;
use livos_providers::ProviderTimeouts;
use livos_tools::containers::EngineSocket;
use livos_tools::outgoing::AddressGuard;
use livos_tools::sandbox::SandboxSettings;
use livos_tools::web::Brave;
use livos_tools::web::SearXng;
use livos_tools::web::Tavily;

pub use self::env::Environment;
pub use self::flags::ServeFlags;
pub(crate) use self::value::MIN_API_KEY_BYTES;
pub(crate) use self::value::WebAddress;
pub(crate) use self::value::host_of;

use crate::resources::ResourceLimits;

/// The name of the configuration file in the home directory.
pub(crate) const FILE_NAME: &str = "livos.toml";

/// Everything a server can be told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) home: PathBuf,
    pub(crate) listen: SocketAddr,
    /// The key the owner chose; without one the home's own key is used.
    pub(crate) api_key: Option<Secret>,
    pub(crate) store: StoreLocation,
    pub(crate) model: Option<ModelName>,
    pub(crate) log: LogSettings,
    pub(crate) public_url: Option<WebAddress>,
    pub(crate) agent: AgentSettings,
    /// From which figures on work in the background waits.
    pub(crate) resources: ResourceLimits,
    pub(crate) schedules: ScheduleSettings,
    pub(crate) memory: MemoryUse,
    /// What tells the meaning of memories; without it words must match.
    pub(crate) embedding_model: Option<ModelName>,
    /// From where on memories are alike.
    pub(crate) likeness: MemorySettings,
    /// What runs are given of it, and what is found in them.
    pub(crate) remembering: Remembering,
    /// How long models may take, where that is set.
    pub(crate) models: ProviderTimeouts,
    /// How many tokens models take, by `provider/model` or `provider`, where that is set.
    pub(crate) windows: Vec<(ModelName, u64)>,
    pub(crate) http: HttpSettings,
    pub(crate) approvals: ApprovalSettings,
    pub(crate) web: WebSettings,
    pub(crate) containers: ContainerSettings,
    pub(crate) mcp_exposure: McpExposure,
}

/// Whether anything is remembered from one conversation to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryUse {
    /// There are tools for it.
    On,
    /// Nothing is kept or looked up.
    Off,
}

impl MemoryUse {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// What runs are given of their users' memory, and what is found for it in their words.
#[derive(Debug, Clone)]
pub(crate) struct Remembering {
    /// None when runs are given nothing.
    pub(crate) recall: Option<RecallSettings>,
    /// None when nothing is looked for.
    pub(crate) extraction: Option<ExtractionSettings>,
}

/// Where journals and sessions are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreLocation {
    Sqlite(PathBuf),
    Redis(RedisUrl),
    Memory,
}

impl StoreLocation {
    /// The password in the address, if there is one; also as it is written there.
    pub(crate) fn password(&self) -> Option<Secret> {
        let Self::Redis(url) = self else { return None };
        let (_, rest) = url.0.expose().split_once("://")?;
        let (user, _) = rest.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        Some(Secret::from(password))
    }

    /// Whether runs that somebody had a lease for when the server started are a dead process's.
    pub(crate) fn take_over(&self) -> TakeOver {
        match self {
            // One process has it open at a time.
            Self::Sqlite(_) | Self::Memory => TakeOver::AtStart,
            // Other servers may be driving runs right now.
            Self::Redis(_) => TakeOver::WhenExpired,
        }
    }
}

/// Where a Redis is; a password in it is not shown.
#[derive(Debug, Clone)]
pub(crate) struct RedisUrl(pub(crate) Secret);

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for RedisUrl {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// In `tracing_subscriber::EnvFilter` syntax.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What every run of this server gets.
#[derive(Debug, Clone)]
pub(crate) struct AgentSettings {
    pub(crate) system_prompt: String,
    pub(crate) workspace: PathBuf,
    pub(crate) shell: ShellAccess,
    pub(crate) unconfined: Unconfined,
    /// What commands may reach and use.
    pub(crate) sandbox: SandboxSettings,
    pub(crate) budget: Budget,
    pub(crate) max_concurrent_runs: usize,
    /// How many tasks of one user go on at once.
    pub(crate) tasks_per_user: u32,
    /// How soon after the death of this server others that share its store take over its runs.
    pub(crate) lease: Duration,
    /// What all runs together may cost in a day.
    pub(crate) daily_limit: Option<MicroUsd>,
    pub(crate) compaction: CompactionPolicy,
    /// What the definitions of all tools may take before some are withheld.
    pub(crate) tool_tokens: u64,
}

/// What MCP clients that have the key may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum McpExposure {
    Off,
    /// Sessions: send, list, read back.
    Sessions,
    /// The tools that only read, too.
    ReadOnly,
    /// All tools, too.
    All,
}

/// What people are asked about, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct ApprovalSettings {
    pub(crate) policies: ApprovalPolicies,
    pub(crate) expiry: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShellAccess {
    Off,
    On,
}

/// What becomes of shell commands where the sandbox cannot enforce all it promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconfined {
    /// There is no shell then.
    Refuse,
    /// Somebody decides about each of them.
    Ask,
    /// They run as if it could.
    Allow,
}

/// The bounds of the listener, and who may call it from a browser.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) max_connections: usize,
    pub(crate) max_body_bytes: usize,
    /// For bodies that bring pictures and files.
    pub(crate) max_upload_bytes: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    /// Host names beside loopback, IP addresses and the public URL's.
    pub(crate) allowed_hosts: Vec<String>,
    /// Hosts that replies may be posted to though they are not of the public internet.
    pub(crate) callback_hosts: Vec<String>,
    /// Origins beside the server's own and the public URL's.
    pub(crate) allowed_origins: Vec<WebAddress>,
}

/// What the agent may do on the web.
#[derive(Debug, Clone)]
pub(crate) struct WebSettings {
    pub(crate) fetch: Offered,
    pub(crate) requests: Offered,
    /// Hosts that may be called though they are not of the public internet.
    pub(crate) allowed_hosts: Vec<String>,
    /// Networks of the same kind.
    pub(crate) allowed_networks: Vec<ipnet::IpNet>,
    pub(crate) search: SearchSettings,
}

impl WebSettings {
    /// What decides where the agent's requests may go.
    pub(crate) fn guard(&self) -> AddressGuard {
        AddressGuard::new("web.allowed_hosts")
            .allow_hosts(&self.allowed_hosts)
            .allow_networks(self.allowed_networks.iter().copied())
    }
}

/// Whether the agent has a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    Off,
    On,
}

/// Who searches the web.
#[derive(Debug, Clone)]
pub(crate) struct SearchSettings {
    /// What was asked for; without it the first service that is set up.
    pub(crate) choice: Option<SearchChoice>,
    pub(crate) brave: Option<Brave>,
    pub(crate) brave_key: Option<Secret>,
    pub(crate) brave_address: String,
    pub(crate) tavily: Option<Tavily>,
    pub(crate) tavily_key: Option<Secret>,
    pub(crate) tavily_address: String,
    pub(crate) searxng: Option<SearXng>,
}

/// A search service, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchChoice {
    Off,
    Brave,
    Tavily,
    SearXng,
}

impl SearchSettings {
    /// The services that can be asked, in the order in which they are preferred.
    pub(crate) fn ready(&self) -> Vec<SearchChoice> {
        let services = [
            (SearchChoice::Brave, self.brave.is_some()),
            (SearchChoice::Tavily, self.tavily.is_some()),
            (SearchChoice::SearXng, self.searxng.is_some()),
        ];
        services.into_iter().filter(|(_, is_ready)| *is_ready).map(|(service, _)| service).collect()
    }

    /// The service that is asked.
    pub(crate) fn chosen(&self) -> SearchChoice {
        let first = || self.ready().first().copied();
        self.choice.or_else(first).unwrap_or(SearchChoice::Off)
    }

    /// The keys, which nobody may see.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Secret> {
        self.brave_key.iter().chain(&self.tavily_key)
    }
}

/// What the agent may do with the containers of this machine.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSettings {
    pub(crate) access: ContainerAccess,
    /// None for Docker's own.
    pub(crate) socket: Option<EngineSocket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerAccess {
    Off,
    Read,
    Manage,
}

impl Config {
    /// Reads flags, environment and `livos.toml` together.
    ///
    /// Only the file of the home directory is read; nothing is created.
    ///
    /// # Errors
    /// With every problem of every layer, each with its fix.
    pub fn load(flags: ServeFlags, environment: &Environment) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let home = resolve::home(flags.home.as_deref(), environment, &mut problems);
        let mut layers = vec![flags.into_layer(), environment.layer()];
        layers.extend(file::read(&home.join(FILE_NAME), &mut problems));
        resolve::config(home, &layers, problems)
    }

    /// The directory that everything of this server lives in.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The same, but listening on a free loopback port that nobody was told of.
    pub(crate) fn on_free_port(self) -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..self }
    }

    /// The address it is to listen on; port 0 lets the system choose.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The key the owner chose by flag, environment or file.
    pub fn api_key(&self) -> Option<&Secret> {
        self.api_key.as_ref()
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} ({origin}): {message}")]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The setting as `livos.toml` names it, such as `agent.max_turns`.
    pub field: String,
    /// Where the value was typed: a flag, a variable, a file.
    pub origin: String,
    /// What is wrong and what would be right. Never the value of a secret.
    pub message: String,
}

impl ConfigError {
    /// Every problem, in the order of the layers.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.problems.len();
        write!(f, "invalid configuration, {count} problem{}", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

type Values = BTreeMap<&'static str, toml::Value>;

#[cfg(test)]
mod tests;
