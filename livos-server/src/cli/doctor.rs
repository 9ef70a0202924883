//! `livos doctor`: what is wrong with this installation, and how to mend it.

mod store;
mod surroundings;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use livos_core::Secret;
use livos_tools::sandbox::Sandbox;
use serde::Serialize;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::compact::rounded;
use super::connection::Connection;
use super::exit;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Config;
use crate::config::Environment;
use crate::config::MIN_API_KEY_BYTES;
use crate::config::ServeFlags;
use crate::config::ShellAccess;
use crate::config::Unconfined;
use crate::home::RunningServer;
use crate::home::api_key_path;
use crate::secrets::key_file_path;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warning,
    Failing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Health,
    message: String,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Health::Ok, message: message.into() }
    }

    fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Health::Warning, message: message.into() }
    }

    fn failing(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Health::Failing, message: message.into() }
    }
}

pub(super) async fn doctor(
    target: &Target,
    environment: &Environment,
    args: &DoctorArgs,
) -> Result<ExitCode, ClientError> {
    let checks = examine(target, environment).await;
    let mut terminal = Terminal::of_process();
    if args.json {
        let json = serde_json::to_string(&checks)
            .map_err(|error| ClientError::Terminal(error.to_string()))?;
        terminal.line(Style::Plain, json)?;
    } else {
        for check in &checks {
            let (style, mark) = match check.status {
                Health::Ok => (Style::Good, "✓"),
                Health::Warning => (Style::Name, "!"),
                Health::Failing => (Style::Bad, "✗"),
            };
            terminal.line(style, format!("{mark} {}: {}", check.name, check.message))?;
        }
    }
    let is_failing = checks.iter().any(|check| check.status == Health::Failing);
    Ok(if is_failing { ExitCode::from(exit::FAILED) } else { ExitCode::SUCCESS })
}

async fn examine(target: &Target, environment: &Environment) -> Vec<Check> {
    if target.url.is_some() {
        // The other server's home is not ours to look at.
        return server(target, environment).await;
    }
    let flags = ServeFlags { home: target.home.clone(), ..ServeFlags::default() };
    let config = match Config::load(flags, environment) {
        Ok(config) => config,
        Err(error) => return vec![Check::failing("configuration", error.to_string())],
    };
    let mut checks = vec![Check::ok("configuration", "every setting can be used")];
    checks.push(home(config.home()));
    checks.push(key_file(&config));
    checks.push(secrets_key(config.home()));
    checks.push(disk(config.home()));
    checks.extend(surroundings::checks(&config).await);
    checks.push(sandbox(&config, environment).await);
    if RunningServer::find(config.home()).is_some() {
        checks.extend(server(target, environment).await);
        return checks;
    }
    checks.push(store::store(&config.store).await);
    checks.push(port(config.listen()));
    checks.push(Check::warning(
        "server",
        "not running; start it with `livos-server` (chat and run start one by themselves)",
    ));
    checks
}

/// Whether a server could listen there.
fn port(address: SocketAddr) -> Check {
    const NAME: &str = "port";
    match std::net::TcpListener::bind(address) {
        Ok(_) => Check::ok(NAME, format!("{address} is free")),
        Err(error) => Check::failing(
            NAME,
            format!("cannot listen on {address}: {error}; set LIVOS_LISTEN to another address"),
        ),
    }
}

fn home(path: &Path) -> Check {
    const NAME: &str = "home";
    const FIX: &str = "make it writable, or choose another with --home or LIVOS_HOME";
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => return Check::failing(NAME, format!("{} is no directory", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return new_home(path, FIX),
        Err(error) => return Check::failing(NAME, format!("{}: {error}", path.display())),
    };
    if let Err(error) = tempfile_in(path) {
        return Check::failing(NAME, format!("{} is not writable: {error}; {FIX}", path.display()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let message = format!("others may read {0}; run `chmod 700 {0}`", path.display());
        return Check::warning(NAME, message);
    }
    Check::ok(NAME, path.display().to_string())
}

fn new_home(path: &Path, fix: &str) -> Check {
    const NAME: &str = "home";
    let above = existing(path);
    match tempfile_in(above) {
        Ok(()) => Check::ok(NAME, format!("{} will be made at the first start", path.display())),
        Err(error) => Check::failing(
            NAME,
            format!(
                "{} cannot be made: {} is not writable: {error}; {fix}",
                path.display(),
                above.display()
            ),
        ),
    }
}

/// The path, or the nearest above it that there is.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(path)
}

/// Whether a file can be made there.
fn tempfile_in(directory: &Path) -> std::io::Result<()> {
    let probe = directory.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(probe)
}

fn key_file(config: &Config) -> Check {
    const NAME: &str = "api key";
    if config.api_key().is_some() {
        return Check::ok(NAME, "set by the configuration");
    }
    let path = api_key_path(config.home());
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Check::failing(
            NAME,
            format!("others may read {0}; run `chmod 600 {0}`", path.display()),
        ),
        Ok(_) => match std::fs::read_to_string(&path).map(Secret::from) {
            Ok(key) if key.expose().len() < MIN_API_KEY_BYTES => Check::failing(
                NAME,
                format!("{} holds no API key; delete it and a new one is made", path.display()),
            ),
            Ok(_) => Check::ok(NAME, path.display().to_string()),
            Err(error) => Check::failing(NAME, format!("{}: {error}", path.display())),
        },
        Err(_) => Check::ok(NAME, "one is made at the first start"),
    }
}

/// Whether only the owner can read the key that the secrets are sealed with.
fn secrets_key(home: &Path) -> Check {
    const NAME: &str = "secrets key";
    let path = key_file_path(home);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Check::failing(
            NAME,
            format!(
                "others may read {0}; run `chmod 600 {0}` and `livos secrets rotate`",
                path.display()
            ),
        ),
        Ok(_) => Check::ok(NAME, path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(NAME, "one is made with the first secret")
        }
        Err(error) => Check::failing(NAME, format!("{}: {error}", path.display())),
    }
}

/// The sealed secrets there are, and those that something else is used for.
fn secrets(listed: &serde_json::Value) -> Vec<Check> {
    const NAME: &str = "secrets";
    let is_shadowed = |secret: &&serde_json::Value| {
        secret.get("shadowed") == Some(&serde_json::Value::Bool(true))
    };
    let all: Vec<&serde_json::Value> = items(listed, "items").collect();
    let names: Vec<&str> = all.iter().map(|secret| text(secret, "name")).collect();
    let mut checks = vec![match names.as_slice() {
        [] => Check::ok(NAME, "none is sealed"),
        names => Check::ok(NAME, format!("sealed: {}", names.join(", "))),
    }];
    checks.extend(all.into_iter().filter(is_shadowed).map(|secret| {
        let message =
            format!("the environment's {0} is used, not the sealed one", text(secret, "name"));
        Check::warning(NAME, message)
    }));
    checks
}

fn disk(home: &Path) -> Check {
    const NAME: &str = "disk";
    /// Below this much free space a warning is given, in MiB.
    const LOW_MIB: u64 = 512;
    match nix::sys::statvfs::statvfs(existing(home)) {
        Ok(figures) => {
            let free = figures.blocks_available() * figures.fragment_size() / (1024 * 1024);
            match free < LOW_MIB {
                true => Check::warning(NAME, format!("only {free} MiB are free")),
                false => Check::ok(NAME, format!("{free} MiB free")),
            }
        }
        Err(error) => Check::warning(NAME, format!("free space cannot be read: {error}")),
    }
}

/// Whether shell commands can be kept in, and what happens where they cannot.
async fn sandbox(config: &Config, environment: &Environment) -> Check {
    const NAME: &str = "sandbox";
    let Some(launcher) = environment.launcher() else {
        return Check::warning(NAME, "this program cannot start itself as a launcher");
    };
    let sandbox = match Sandbox::detect(launcher.clone(), config.agent.sandbox.clone()).await {
        Ok(sandbox) => sandbox,
        Err(error) => return Check::failing(NAME, error.to_string()),
    };
    let confinement = sandbox.confinement();
    let mut notes = String::new();
    for note in confinement.notes() {
        notes.push_str("; ");
        notes.push_str(note);
    }
    if confinement.is_whole() {
        return Check::ok(NAME, format!("shell commands are confined, {confinement}{notes}"));
    }
    let message = format!("{confinement}; not enforced: {}{notes}", confinement.gaps().join(", "));
    match (config.agent.shell, config.agent.unconfined) {
        (ShellAccess::Off, _) => {
            Check::warning(NAME, format!("{message}; the shell is off, so it does not matter yet"))
        }
        (ShellAccess::On, Unconfined::Refuse) => Check::failing(
            NAME,
            format!("{message}; so there is no shell, unless agent.sandbox is ask or allow"),
        ),
        (ShellAccess::On, Unconfined::Ask | Unconfined::Allow) => {
            Check::warning(NAME, format!("{message}; agent.sandbox lets commands run all the same"))
        }
    }
}

async fn server(target: &Target, environment: &Environment) -> Vec<Check> {
    const NAME: &str = "server";
    let connection = match Connection::to_running(target, environment) {
        Ok(connection) => connection,
        Err(error) => return vec![Check::failing(NAME, error.to_string())],
    };
    match readiness(&connection.client).await {
        Ok(checks) => checks,
        Err(error) => vec![Check::failing(NAME, error.to_string())],
    }
}

async fn readiness(client: &Client) -> Result<Vec<Check>, ClientError> {
    let (_, ready) = client.get_any("/readyz").await?;
    let mut checks = vec![Check::ok("server", format!("answers at {}", client.url()))];
    for check in items(&ready, "checks") {
        let message = format!("{} {}", text(check, "name"), text(check, "message"));
        checks.push(match text(check, "status") {
            "ok" => Check::ok("readiness", message.trim_end()),
            _ => Check::failing("readiness", message),
        });
    }
    checks.extend(work(&ready));
    let status: serde_json::Value = client.get("/api/status").await?;
    checks.push(context(&status));
    checks.extend(secrets(&client.get("/api/secrets").await?));
    let providers: serde_json::Value = client.get("/api/providers").await?;
    let names: Vec<_> = items(&providers, "items").map(|provider| text(provider, "id")).collect();
    checks.push(match names.as_slice() {
        [] | ["demo"] => Check::warning(
            "providers",
            "only the demo model; set ANTHROPIC_API_KEY, GEMINI_API_KEY or OPENAI_API_KEY, or start Ollama",
        ),
        names => Check::ok("providers", names.join(", ")),
    });
    Ok(checks)
}

/// What every request takes of the model's window, and whether a conversation has room beside it.
fn context(status: &serde_json::Value) -> Check {
    const NAME: &str = "context";
    /// When more of the window than this is taken, in percent, a warning is given.
    const MUCH_PERCENT: u64 = 50;
    let context = status.get("context").unwrap_or(&serde_json::Value::Null);
    let problem = text(context, "problem");
    if !problem.is_empty() {
        return Check::failing(NAME, problem);
    }
    let count = |name: &str| context.get(name).and_then(serde_json::Value::as_u64);
    let [system, tools, fixed] =
        ["system_tokens", "tool_tokens", "fixed_tokens"].map(|name| count(name).unwrap_or(0));
    let model = text(status, "model");
    let window = match count("window") {
        Some(window) => format!("of {model}'s {} tokens", rounded(window)),
        None => format!(
            "tokens; the window of {model} is not known, and models.windows can say how large it is"
        ),
    };
    let memories = match count("memory_tokens") {
        Some(tokens) if tokens > 0 => format!("; memories up to {} more", rounded(tokens)),
        _ => String::new(),
    };
    let message = format!(
        "instructions ({}) and tools ({}) take {} {window}{memories}",
        rounded(system),
        rounded(tools),
        rounded(fixed)
    );
    match count("window") {
        Some(window) if fixed * 100 > window * MUCH_PERCENT => {
            Check::warning(NAME, format!("{message}; offer fewer tools or choose a larger model"))
        }
        _ => Check::ok(NAME, message),
    }
}

/// What waits, and whether somebody has to look at it.
fn work(ready: &serde_json::Value) -> Vec<Check> {
    let Some(work) = ready.get("work") else { return Vec::new() };
    let count = |name| work.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let queue = format!("{} runs queued, {} running", count("queued"), count("running"));
    let (dead, ambiguous) = (count("dead_deliveries"), count("ambiguous_deliveries"));
    let deliveries = match dead + ambiguous {
        0 => Check::ok("deliveries", "none is given up"),
        _ => Check::warning(
            "deliveries",
            format!(
                "{dead} given up, {ambiguous} that may have arrived; see /api/deliveries and requeue them"
            ),
        ),
    };
    let schedules = match count("paused_schedules") {
        0 => Check::ok("schedules", "none is paused"),
        paused => Check::warning(
            "schedules",
            format!("{paused} paused; see `livos schedules list --status paused` and resume them"),
        ),
    };
    vec![Check::ok("queue", queue), deliveries, schedules]
}
