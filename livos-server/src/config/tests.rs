use std::path::Path;

use super::*;

fn load(variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
    load_with(ServeFlags::default(), variables, file)
}

fn load_with(
    flags: ServeFlags,
    variables: &[(&str, &str)],
    file: &str,
) -> Result<Config, ConfigError> {
    load_in(&tempfile::tempdir().unwrap(), flags, variables, file)
}

fn load_in(
    home: &tempfile::TempDir,
    flags: ServeFlags,
    variables: &[(&str, &str)],
    file: &str,
) -> Result<Config, ConfigError> {
    std::fs::write(home.path().join(FILE_NAME), file).unwrap();
    let variables =
        variables.iter().copied().chain([("LIVOS_HOME", home.path().to_str().unwrap())]);
    let environment: Environment = variables.collect();
    let loaded = Config::load(flags, &environment);
    // The home differs from call to call; everything else must be comparable.
    loaded.map(|config| relocate(config, home.path()))
}

fn relocate(mut config: Config, home: &Path) -> Config {
    let moved = |path: &PathBuf| match path.strip_prefix(home) {
        Ok(rest) => Path::new("/home").join(rest),
        Err(_) => path.clone(),
    };
    config.home = moved(&config.home);
    config.agent.workspace = moved(&config.agent.workspace);
    if let StoreLocation::Sqlite(path) = &config.store {
        config.store = StoreLocation::Sqlite(moved(path));
    }
    config
}

fn messages(error: &ConfigError) -> Vec<String> {
    error
        .problems()
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect()
}

#[test]
fn nothing_typed_means_the_documented_defaults() {
    let config = load(&[], "").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3200");
    assert_eq!(config.store, StoreLocation::Sqlite("/home/livos.db".into()));
    assert_eq!(config.agent.workspace, Path::new("/home/workspace"));
    assert_eq!(config.agent.shell, ShellAccess::Off);
    assert_eq!(config.agent.budget, Budget::default());
    assert_eq!(config.http.max_body_bytes, 1024 * 1024);
    assert!(config.api_key.is_none());
}

#[test]
fn flag_beats_environment_beats_file() {
    let file = "listen = \"127.0.0.1:1\"\nmodel = \"file/m\"\nlog = \"error\"";
    let variables = [("LIVOS_LISTEN", "127.0.0.1:2"), ("LIVOS_MODEL", "env/m")];
    let flags = ServeFlags { listen: Some("127.0.0.1:3".into()), ..ServeFlags::default() };
    let config = load_with(flags, &variables, file).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.model, Some(ModelName::from("env/m")));
    assert_eq!(config.log.filter, "error");
}

/// Each setting with a value that is not its default.
const SAMPLES: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:9"),
    ("api_key", "0123456789abcdef"),
    ("store", "memory:"),
    ("model", "a/b"),
    ("log", "warn"),
    ("log_format", "json"),
    ("public_url", "https://a.example/base"),
    ("agent.system_prompt", "Be brief."),
    ("agent.workspace", "/w"),
    ("agent.shell", "on"),
    ("agent.sandbox", "ask"),
    ("agent.max_turns", "3"),
    ("agent.max_tokens", "4"),
    ("agent.max_seconds", "5"),
    ("agent.max_cost_micro_usd", "6"),
    ("agent.daily_limit_micro_usd", "9"),
    ("agent.max_concurrent_runs", "7"),
    ("agent.tasks_per_user", "3"),
    ("agent.lease_seconds", "7"),
    ("agent.tool_tokens", "4000"),
    ("sandbox.network", "on"),
    ("sandbox.readable", "/opt"),
    ("sandbox.memory_mib", "128"),
    ("sandbox.processes", "9"),
    ("compaction.threshold_tokens", "5000"),
    ("compaction.window_percent", "50"),
    ("compaction.keep_messages", "4"),
    ("compaction.model", "fast"),
    ("compaction.timeout_seconds", "30"),
    ("compaction.summary_tokens", "900"),
    ("approvals.policy", "always"),
    ("approvals.users", "ann=never"),
    ("approvals.channels", "telegram=always, mail=never"),
    ("approvals.expiry_seconds", "60"),
    ("tasks.max_memory_percent", "80"),
    ("tasks.max_load", "8"),
    ("schedules.min_interval_seconds", "120"),
    ("schedules.time_zone", "Europe/Berlin"),
    ("memory.enabled", "off"),
    ("memory.embedding_model", "ollama/all-minilm"),
    ("memory.same_percent", "97"),
    ("memory.least_percent", "78"),
    ("memory.recall", "off"),
    ("memory.recall_tokens", "300"),
    ("memory.recall_in_groups", "on"),
    ("memory.extract", "off"),
    ("memory.extract_model", "openai/gpt-5-nano"),
    ("memory.extract_daily", "20"),
    ("models.connect_timeout_seconds", "11"),
    ("models.first_byte_timeout_seconds", "12"),
    ("models.silence_timeout_seconds", "13"),
    ("models.answer_timeout_seconds", "14"),
    ("models.windows", "llamacpp=8192, ollama/qwen3:8b=32768"),
    ("http.max_connections", "8"),
    ("http.max_body_bytes", "2048"),
    ("http.max_upload_bytes", "4096"),
    ("http.header_timeout_seconds", "1"),
    ("http.body_timeout_seconds", "2"),
    ("http.shutdown_timeout_seconds", "3"),
    ("http.allowed_hosts", "a.example"),
    ("http.allowed_origins", "https://b.example"),
    ("http.callback_hosts", "c.example"),
    ("web.fetch", "off"),
    ("web.requests", "on"),
    ("web.allowed_hosts", "wiki.lan"),
    ("web.allowed_networks", "10.0.0.0/8"),
    ("web.search", "off"),
    ("web.brave_api_key", "k3y"),
    ("web.brave_base_url", "https://a.example"),
    ("web.tavily_api_key", "k3y"),
    ("web.tavily_base_url", "https://a.example"),
    ("web.searxng_url", "http://127.0.0.1:8888"),
    ("containers.access", "read"),
    ("containers.socket", "unix:///run/podman/podman.sock"),
    ("mcp.expose", "all"),
];

#[test]
fn every_setting_changes_the_meaning_in_the_file_and_in_the_environment() {
    assert_eq!(
        SAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        key::ALL.iter().map(|key| key.name).collect::<Vec<_>>()
    );
    let home = tempfile::tempdir().unwrap();
    let load = |variables: &[(&str, &str)], file: &str| {
        load_in(&home, ServeFlags::default(), variables, file).unwrap()
    };
    let default = format!("{:?}", load(&[], ""));
    for (key, (name, sample)) in key::ALL.iter().zip(SAMPLES) {
        let by_file = load(&[], &format!("{name} = \"{sample}\""));
        let by_variable = load(&[(key.variable, sample)], "");
        assert_ne!(format!("{by_file:?}"), default, "{name} is read and not used");
        assert_eq!(format!("{by_file:?}"), format!("{by_variable:?}"), "{name}");
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_fix() {
    let file = "lisen = 1\nstore = \"rediss://h\"\n[agent]\nmax_turns = 0\nshell = \"maybe\"\n[nonsense]\nx = 1";
    let error = load(&[("LIVOS_LISTEN", "3200")], file).unwrap_err();
    insta::assert_snapshot!(messages(&error).join("\n"));
}

#[test]
fn the_password_of_a_store_is_never_shown() {
    let config = load(&[("LIVOS_STORE", "redis://:hunter2@127.0.0.1")], "").unwrap();
    assert!(matches!(config.store, StoreLocation::Redis(_)));
    assert!(!format!("{config:?}").contains("hunter2"));
    for wrong in ["rediss://:hunter2@h", "reddis://:hunter2@h"] {
        let error = load(&[("LIVOS_STORE", wrong)], "").unwrap_err();
        assert!(!messages(&error)[0].contains("hunter2"), "{error}");
    }
}

#[test]
fn the_time_models_may_take_is_theirs_unless_it_is_set() {
    assert_eq!(load(&[], "").unwrap().models, ProviderTimeouts::default());
    let file = "[models]\nfirst_byte_timeout_seconds = 1800";
    let models = load(&[], file).unwrap().models;
    let first_byte = Some(Duration::from_secs(1800));
    assert_eq!(models, ProviderTimeouts { first_byte, ..ProviderTimeouts::default() });
    let error = load(&[("LIVOS_MODELS_SILENCE_TIMEOUT_SECONDS", "0")], "").unwrap_err();
    assert_eq!(
        messages(&error),
        ["models.silence_timeout_seconds: must be a whole number from 1 to 86400"]
    );
}

#[test]
fn the_origin_of_a_problem_is_named() {
    let error = load(&[("LIVOS_LISTEN", "here")], "").unwrap_err();
    assert_eq!(error.problems()[0].origin, "environment variable LIVOS_LISTEN");
}

#[test]
fn an_open_address_without_a_key_of_ones_own_is_refused() {
    let error = load(&[("LIVOS_LISTEN", "0.0.0.0:3200")], "").unwrap_err();
    assert!(messages(&error)[0].contains("set LIVOS_API_KEY"), "{error}");
    let key = ("LIVOS_API_KEY", "0123456789abcdef");
    assert!(load(&[("LIVOS_LISTEN", "0.0.0.0:3200"), key], "").is_ok());
}

#[test]
fn a_key_is_never_shown() {
    let error = load(&[("LIVOS_API_KEY", "short")], "").unwrap_err();
    assert!(!error.to_string().contains("short"));
    let config = load(&[("LIVOS_API_KEY", "0123456789abcdef")], "").unwrap();
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let error = load(&[], "listen = ").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn web_addresses_know_their_parts() {
    let address = value::web_address("https://A.example:8443/base/").unwrap();
    assert_eq!(address.origin(), "https://a.example:8443");
    assert_eq!((address.host(), address.base_path()), ("a.example", "/base"));
    for wrong in ["a.example", "ftp://a", "https://u:p@a", "https://a/?q"] {
        assert!(value::web_address(wrong).is_err(), "{wrong}");
    }
    assert_eq!(host_of("[::1]:3200"), "[::1]");
    assert_eq!(host_of("[::1]"), "[::1]");
}

#[test]
fn the_web_is_told_what_is_wrong_with_it() {
    for (variable, value, problem) in [
        ("LIVOS_WEB_ALLOWED_NETWORKS", "10.0.0.0/99", "'10.0.0.0/99' is no network"),
        ("LIVOS_WEB_ALLOWED_HOSTS", "http://x", "is no host name"),
        ("LIVOS_WEB_SEARCH", "brave", "needs web.brave_api_key (BRAVE_API_KEY)"),
        ("LIVOS_WEB_SEARCH", "altavista", "write brave, tavily, searxng or off"),
        ("BRAVE_API_KEY", "two\nlines", "has characters that no key has"),
        ("SEARXNG_URL", "http://me:hunter2@x", "without user and password"),
        ("LIVOS_CONTAINERS_ACCESS", "all", "must be off, read or manage"),
    ] {
        let error = load(&[(variable, value)], "").unwrap_err();
        assert!(messages(&error)[0].contains(problem), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let remote = ("DOCKER_HOST", "tcp://127.0.0.1:2375");
    assert!(load(&[remote], "").is_ok(), "it may be there for others");
    assert!(load(&[remote, ("LIVOS_CONTAINERS_ACCESS", "read")], "").is_err());
}

#[test]
fn the_search_service_that_was_asked_for_is_asked() {
    let keys = [("TAVILY_API_KEY", "t-k3y"), ("SEARXNG_URL", "http://127.0.0.1:8888")];
    let search = |variables: &[(&str, &str)]| load(variables, "").unwrap().web.search;
    assert_eq!(search(&[]).chosen(), SearchChoice::Off);
    assert_eq!(search(&keys).chosen(), SearchChoice::Tavily);
    let with = |choice| [keys[0], keys[1], ("LIVOS_WEB_SEARCH", choice)];
    assert_eq!(search(&with("searxng")).chosen(), SearchChoice::SearXng);
    assert_eq!(search(&with("off")).chosen(), SearchChoice::Off);
    assert!(!format!("{:?}", load(&keys, "").unwrap()).contains("t-k3y"));
}

#[test]
fn a_policy_that_is_none_is_told_with_those_there_are() {
    let file = "[approvals]\npolicy = \"sometimes\"\nusers = [\"ann\"]\nexpiry_seconds = 1";
    let error = load(&[], file).unwrap_err();
    let told = messages(&error);
    assert!(told.iter().any(|told| told.contains("never, destructive, always")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("'ann' must be NAME=POLICY")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("10 to 2592000")), "{told:?}");
}

#[test]
fn the_help_speaks_to_its_reader() {
    let help = <ServeFlags as clap::CommandFactory>::command().render_long_help().to_string();
    assert!(help.starts_with("Serves LivOS"), "{help}");
}
