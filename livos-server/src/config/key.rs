//! The settings there are, by name.

use super::ConfigProblem;
use super::Values;

/// One setting.
pub(crate) struct Key {
    /// Its place in `livos.toml`.
    pub(crate) name: &'static str,
    /// The variable that sets it.
    pub(crate) variable: &'static str,
}

pub(crate) const LISTEN: Key = Key { name: "listen", variable: "LIVOS_LISTEN" };
pub(crate) const API_KEY: Key = Key { name: "api_key", variable: "LIVOS_API_KEY" };
pub(crate) const STORE: Key = Key { name: "store", variable: "LIVOS_STORE" };
pub(crate) const MODEL: Key = Key { name: "model", variable: "LIVOS_MODEL" };
pub(crate) const LOG: Key = Key { name: "log", variable: "LIVOS_LOG" };
pub(crate) const LOG_FORMAT: Key = Key { name: "log_format", variable: "LIVOS_LOG_FORMAT" };
pub(crate) const PUBLIC_URL: Key = Key { name: "public_url", variable: "LIVOS_PUBLIC_URL" };

pub(crate) const SYSTEM_PROMPT: Key =
    Key { name: "agent.system_prompt", variable: "LIVOS_AGENT_SYSTEM_PROMPT" };
pub(crate) const WORKSPACE: Key =
    Key { name: "agent.workspace", variable: "LIVOS_AGENT_WORKSPACE" };
pub(crate) const SHELL: Key = Key { name: "agent.shell", variable: "LIVOS_AGENT_SHELL" };
pub(crate) const SANDBOX: Key = Key { name: "agent.sandbox", variable: "LIVOS_AGENT_SANDBOX" };
pub(crate) const MAX_TURNS: Key =
    Key { name: "agent.max_turns", variable: "LIVOS_AGENT_MAX_TURNS" };
pub(crate) const MAX_TOKENS: Key =
    Key { name: "agent.max_tokens", variable: "LIVOS_AGENT_MAX_TOKENS" };
pub(crate) const MAX_SECONDS: Key =
    Key { name: "agent.max_seconds", variable: "LIVOS_AGENT_MAX_SECONDS" };
pub(crate) const MAX_COST: Key =
    Key { name: "agent.max_cost_micro_usd", variable: "LIVOS_AGENT_MAX_COST_MICRO_USD" };
pub(crate) const DAILY_LIMIT: Key =
    Key { name: "agent.daily_limit_micro_usd", variable: "LIVOS_AGENT_DAILY_LIMIT_MICRO_USD" };
pub(crate) const MAX_CONCURRENT_RUNS: Key =
    Key { name: "agent.max_concurrent_runs", variable: "LIVOS_AGENT_MAX_CONCURRENT_RUNS" };
pub(crate) const LEASE_SECONDS: Key =
    Key { name: "agent.lease_seconds", variable: "LIVOS_AGENT_LEASE_SECONDS" };

pub(crate) const TASKS_PER_USER: Key =
    Key { name: "agent.tasks_per_user", variable: "LIVOS_AGENT_TASKS_PER_USER" };

pub(crate) const TASKS_MEMORY: Key =
    Key { name: "tasks.max_memory_percent", variable: "LIVOS_TASKS_MAX_MEMORY_PERCENT" };
pub(crate) const TASKS_LOAD: Key = Key { name: "tasks.max_load", variable: "LIVOS_TASKS_MAX_LOAD" };

pub(crate) const SANDBOX_NETWORK: Key =
    Key { name: "sandbox.network", variable: "LIVOS_SANDBOX_NETWORK" };
pub(crate) const SANDBOX_READABLE: Key =
    Key { name: "sandbox.readable", variable: "LIVOS_SANDBOX_READABLE" };
pub(crate) const SANDBOX_MEMORY: Key =
    Key { name: "sandbox.memory_mib", variable: "LIVOS_SANDBOX_MEMORY_MIB" };
pub(crate) const SANDBOX_PROCESSES: Key =
    Key { name: "sandbox.processes", variable: "LIVOS_SANDBOX_PROCESSES" };

pub(crate) const TOOL_TOKENS: Key =
    Key { name: "agent.tool_tokens", variable: "LIVOS_AGENT_TOOL_TOKENS" };

pub(crate) const MCP_EXPOSE: Key = Key { name: "mcp.expose", variable: "LIVOS_MCP_EXPOSE" };

pub(crate) const COMPACTION_THRESHOLD: Key =
    Key { name: "compaction.threshold_tokens", variable: "LIVOS_COMPACTION_THRESHOLD_TOKENS" };
pub(crate) const COMPACTION_WINDOW: Key =
    Key { name: "compaction.window_percent", variable: "LIVOS_COMPACTION_WINDOW_PERCENT" };
pub(crate) const COMPACTION_KEEP: Key =
    Key { name: "compaction.keep_messages", variable: "LIVOS_COMPACTION_KEEP_MESSAGES" };
pub(crate) const COMPACTION_MODEL: Key =
    Key { name: "compaction.model", variable: "LIVOS_COMPACTION_MODEL" };
pub(crate) const COMPACTION_SECONDS: Key =
    Key { name: "compaction.timeout_seconds", variable: "LIVOS_COMPACTION_TIMEOUT_SECONDS" };
pub(crate) const COMPACTION_SUMMARY: Key =
    Key { name: "compaction.summary_tokens", variable: "LIVOS_COMPACTION_SUMMARY_TOKENS" };

pub(crate) const APPROVALS_POLICY: Key =
    Key { name: "approvals.policy", variable: "LIVOS_APPROVALS_POLICY" };
pub(crate) const APPROVALS_USERS: Key =
    Key { name: "approvals.users", variable: "LIVOS_APPROVALS_USERS" };
pub(crate) const APPROVALS_CHANNELS: Key =
    Key { name: "approvals.channels", variable: "LIVOS_APPROVALS_CHANNELS" };
pub(crate) const APPROVALS_EXPIRY: Key =
    Key { name: "approvals.expiry_seconds", variable: "LIVOS_APPROVALS_EXPIRY_SECONDS" };
pub(crate) const SCHEDULE_INTERVAL: Key = Key {
    name: "schedules.min_interval_seconds",
    variable: "LIVOS_SCHEDULES_MIN_INTERVAL_SECONDS",
};
pub(crate) const SCHEDULE_ZONE: Key =
    Key { name: "schedules.time_zone", variable: "LIVOS_SCHEDULES_TIME_ZONE" };
pub(crate) const MODELS_CONNECT: Key = Key {
    name: "models.connect_timeout_seconds",
    variable: "LIVOS_MODELS_CONNECT_TIMEOUT_SECONDS",
};
pub(crate) const MODELS_FIRST_BYTE: Key = Key {
    name: "models.first_byte_timeout_seconds",
    variable: "LIVOS_MODELS_FIRST_BYTE_TIMEOUT_SECONDS",
};
pub(crate) const MODELS_SILENCE: Key = Key {
    name: "models.silence_timeout_seconds",
    variable: "LIVOS_MODELS_SILENCE_TIMEOUT_SECONDS",
};
pub(crate) const MODELS_ANSWER: Key =
    Key { name: "models.answer_timeout_seconds", variable: "LIVOS_MODELS_ANSWER_TIMEOUT_SECONDS" };

pub(crate) const MODELS_WINDOWS: Key =
    Key { name: "models.windows", variable: "LIVOS_MODELS_WINDOWS" };

pub(crate) const MEMORY_ENABLED: Key =
    Key { name: "memory.enabled", variable: "LIVOS_MEMORY_ENABLED" };
pub(crate) const MEMORY_EMBEDDING_MODEL: Key =
    Key { name: "memory.embedding_model", variable: "LIVOS_MEMORY_EMBEDDING_MODEL" };
pub(crate) const MEMORY_SAME: Key =
    Key { name: "memory.same_percent", variable: "LIVOS_MEMORY_SAME_PERCENT" };
pub(crate) const MEMORY_LEAST: Key =
    Key { name: "memory.least_percent", variable: "LIVOS_MEMORY_LEAST_PERCENT" };
pub(crate) const MEMORY_RECALL: Key =
    Key { name: "memory.recall", variable: "LIVOS_MEMORY_RECALL" };
pub(crate) const MEMORY_RECALL_TOKENS: Key =
    Key { name: "memory.recall_tokens", variable: "LIVOS_MEMORY_RECALL_TOKENS" };
pub(crate) const MEMORY_RECALL_IN_GROUPS: Key =
    Key { name: "memory.recall_in_groups", variable: "LIVOS_MEMORY_RECALL_IN_GROUPS" };
pub(crate) const MEMORY_EXTRACT: Key =
    Key { name: "memory.extract", variable: "LIVOS_MEMORY_EXTRACT" };
pub(crate) const MEMORY_EXTRACT_MODEL: Key =
    Key { name: "memory.extract_model", variable: "LIVOS_MEMORY_EXTRACT_MODEL" };
pub(crate) const MEMORY_EXTRACT_DAILY: Key =
    Key { name: "memory.extract_daily", variable: "LIVOS_MEMORY_EXTRACT_DAILY" };

pub(crate) const MAX_CONNECTIONS: Key =
    Key { name: "http.max_connections", variable: "LIVOS_HTTP_MAX_CONNECTIONS" };
pub(crate) const MAX_BODY_BYTES: Key =
    Key { name: "http.max_body_bytes", variable: "LIVOS_HTTP_MAX_BODY_BYTES" };
pub(crate) const MAX_UPLOAD_BYTES: Key =
    Key { name: "http.max_upload_bytes", variable: "LIVOS_HTTP_MAX_UPLOAD_BYTES" };
pub(crate) const HEADER_SECONDS: Key =
    Key { name: "http.header_timeout_seconds", variable: "LIVOS_HTTP_HEADER_TIMEOUT_SECONDS" };
pub(crate) const BODY_SECONDS: Key =
    Key { name: "http.body_timeout_seconds", variable: "LIVOS_HTTP_BODY_TIMEOUT_SECONDS" };
pub(crate) const SHUTDOWN_SECONDS: Key =
    Key { name: "http.shutdown_timeout_seconds", variable: "LIVOS_HTTP_SHUTDOWN_TIMEOUT_SECONDS" };
pub(crate) const ALLOWED_HOSTS: Key =
    Key { name: "http.allowed_hosts", variable: "LIVOS_HTTP_ALLOWED_HOSTS" };
pub(crate) const ALLOWED_ORIGINS: Key =
    Key { name: "http.allowed_origins", variable: "LIVOS_HTTP_ALLOWED_ORIGINS" };
pub(crate) const CALLBACK_HOSTS: Key =
    Key { name: "http.callback_hosts", variable: "LIVOS_HTTP_CALLBACK_HOSTS" };

pub(crate) const WEB_FETCH: Key = Key { name: "web.fetch", variable: "LIVOS_WEB_FETCH" };
pub(crate) const WEB_REQUESTS: Key = Key { name: "web.requests", variable: "LIVOS_WEB_REQUESTS" };
pub(crate) const WEB_HOSTS: Key =
    Key { name: "web.allowed_hosts", variable: "LIVOS_WEB_ALLOWED_HOSTS" };
pub(crate) const WEB_NETWORKS: Key =
    Key { name: "web.allowed_networks", variable: "LIVOS_WEB_ALLOWED_NETWORKS" };
pub(crate) const WEB_SEARCH: Key = Key { name: "web.search", variable: "LIVOS_WEB_SEARCH" };
pub(crate) const BRAVE_KEY: Key = Key { name: "web.brave_api_key", variable: "BRAVE_API_KEY" };
pub(crate) const BRAVE_URL: Key = Key { name: "web.brave_base_url", variable: "BRAVE_BASE_URL" };
pub(crate) const TAVILY_KEY: Key = Key { name: "web.tavily_api_key", variable: "TAVILY_API_KEY" };
pub(crate) const TAVILY_URL: Key = Key { name: "web.tavily_base_url", variable: "TAVILY_BASE_URL" };
pub(crate) const SEARXNG_URL: Key = Key { name: "web.searxng_url", variable: "SEARXNG_URL" };

pub(crate) const CONTAINER_ACCESS: Key =
    Key { name: "containers.access", variable: "LIVOS_CONTAINERS_ACCESS" };
pub(crate) const CONTAINER_SOCKET: Key = Key { name: "containers.socket", variable: "DOCKER_HOST" };

/// Every setting, in the order the documentation lists them.
pub(crate) const ALL: &[Key] = &[
    LISTEN,
    API_KEY,
    STORE,
    MODEL,
    LOG,
    LOG_FORMAT,
    PUBLIC_URL,
    SYSTEM_PROMPT,
    WORKSPACE,
    SHELL,
    SANDBOX,
    MAX_TURNS,
    MAX_TOKENS,
    MAX_SECONDS,
    MAX_COST,
    DAILY_LIMIT,
    MAX_CONCURRENT_RUNS,
    TASKS_PER_USER,
    LEASE_SECONDS,
    TOOL_TOKENS,
    SANDBOX_NETWORK,
    SANDBOX_READABLE,
    SANDBOX_MEMORY,
    SANDBOX_PROCESSES,
    COMPACTION_THRESHOLD,
    COMPACTION_WINDOW,
    COMPACTION_KEEP,
    COMPACTION_MODEL,
    COMPACTION_SECONDS,
    COMPACTION_SUMMARY,
    APPROVALS_POLICY,
    APPROVALS_USERS,
    APPROVALS_CHANNELS,
    APPROVALS_EXPIRY,
    TASKS_MEMORY,
    TASKS_LOAD,
    SCHEDULE_INTERVAL,
    SCHEDULE_ZONE,
    MEMORY_ENABLED,
    MEMORY_EMBEDDING_MODEL,
    MEMORY_SAME,
    MEMORY_LEAST,
    MEMORY_RECALL,
    MEMORY_RECALL_TOKENS,
    MEMORY_RECALL_IN_GROUPS,
    MEMORY_EXTRACT,
    MEMORY_EXTRACT_MODEL,
    MEMORY_EXTRACT_DAILY,
    MODELS_CONNECT,
    MODELS_FIRST_BYTE,
    MODELS_SILENCE,
    MODELS_ANSWER,
    MODELS_WINDOWS,
    MAX_CONNECTIONS,
    MAX_BODY_BYTES,
    MAX_UPLOAD_BYTES,
    HEADER_SECONDS,
    BODY_SECONDS,
    SHUTDOWN_SECONDS,
    ALLOWED_HOSTS,
    ALLOWED_ORIGINS,
    CALLBACK_HOSTS,
    WEB_FETCH,
    WEB_REQUESTS,
    WEB_HOSTS,
    WEB_NETWORKS,
    WEB_SEARCH,
    BRAVE_KEY,
    BRAVE_URL,
    TAVILY_KEY,
    TAVILY_URL,
    SEARXNG_URL,
    CONTAINER_ACCESS,
    CONTAINER_SOCKET,
    MCP_EXPOSE,
];

/// What was typed in one place.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    pub(crate) values: Values,
}

/// The place where values were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flags,
    Environment,
    File(String),
}

impl Layer {
    /// A problem with one setting of this layer, named as the one who typed it knows it.
    pub(crate) fn problem(&self, key: &Key, message: impl Into<String>) -> ConfigProblem {
        let origin = match &self.source {
            Source::Flags => "flag".to_owned(),
            Source::Environment => format!("environment variable {}", key.variable),
            Source::File(path) => path.clone(),
        };
        ConfigProblem { field: key.name.to_owned(), origin, message: message.into() }
    }
}
