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
    let home = tempfile::tempdir().unwrap();
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

#[test]
fn every_setting_changes_the_meaning_in_the_file_and_in_the_environment() {
    let samples = [
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
        ("agent.max_turns", "3"),
        ("agent.max_tokens", "4"),
        ("agent.max_seconds", "5"),
        ("agent.max_cost_micro_usd", "6"),
        ("agent.daily_limit_micro_usd", "9"),
        ("agent.max_concurrent_runs", "7"),
        ("agent.tool_tokens", "4000"),
        ("mcp.expose", "all"),
        ("compaction.threshold_tokens", "5000"),
        ("compaction.window_percent", "50"),
        ("compaction.keep_messages", "4"),
        ("compaction.model", "fast"),
        ("compaction.timeout_seconds", "30"),
        ("compaction.summary_tokens", "900"),
        ("http.max_connections", "8"),
        ("http.max_body_bytes", "2048"),
        ("http.max_upload_bytes", "4096"),
        ("http.header_timeout_seconds", "1"),
        ("http.body_timeout_seconds", "2"),
        ("http.shutdown_timeout_seconds", "3"),
        ("http.allowed_hosts", "a.example"),
        ("http.allowed_origins", "https://b.example"),
        ("http.callback_hosts", "c.example"),
    ];
    assert_eq!(
        samples.map(|(name, _)| name).to_vec(),
        key::ALL.iter().map(|key| key.name).collect::<Vec<_>>()
    );
    let default = format!("{:?}", load(&[], "").unwrap());
    for (key, (name, sample)) in key::ALL.iter().zip(samples) {
        let by_file = load(&[], &format!("{name} = \"{sample}\"")).unwrap();
        let by_variable = load(&[(key.variable, sample)], "").unwrap();
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
