//! How single values are read. Each parser's error says what would be right.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;

use hyper::Uri;
use livos_core::ApprovalPolicy;
use livos_core::ModelName;
use livos_core::Secret;
use livos_tools::sandbox::Network;
use toml::Value;

use super::LogFormat;
use super::McpExposure;
use super::MemoryUse;
use super::RedisUrl;
use super::ShellAccess;
use super::StoreLocation;
use super::Unconfined;

/// A configured key must have this many bytes at least: shorter ones can be guessed.
pub(crate) const MIN_API_KEY_BYTES: usize = 16;

/// An http or https address with an optional path: `https://example.org/livos`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebAddress {
    scheme: String,
    authority: String,
    path: String,
}

impl WebAddress {
    /// `https://example.org`, as browsers write it in `Origin`.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// The host name without the port.
    pub(crate) fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The path without a slash at its end; empty for the root.
    pub(crate) fn base_path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }
}

impl std::fmt::Display for WebAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err("must be a text that is not empty".to_owned()),
    }
}

/// A zone of the IANA database.
pub(super) fn time_zone(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    match jiff::tz::TimeZone::get(&name) {
        Ok(_) => Ok(name),
        Err(_) => Err("must be an IANA time zone, such as Europe/Berlin".to_owned()),
    }
}

/// A whole number; the environment and flags have it as text.
pub(super) fn number(value: &Value, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    };
    let wrong = || format!("must be a whole number from {} to {}", range.start(), range.end());
    number.filter(|number| range.contains(number)).ok_or_else(wrong)
}

/// A list of texts; the environment has it separated by commas.
pub(super) fn list(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || "must be a list of texts".to_owned();
    let items: Vec<String> = match value {
        Value::String(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(|text| text.trim().to_owned()).ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong()),
    };
    Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
}

pub(super) fn policy(value: &Value) -> Result<ApprovalPolicy, String> {
    let wrong = || {
        let names = ApprovalPolicy::ALL.map(ApprovalPolicy::name).join(", ");
        format!("must be one of {names}")
    };
    value.as_str().and_then(|name| ApprovalPolicy::of_name(name.trim())).ok_or_else(wrong)
}

/// A list of `NAME=POLICY`.
pub(super) fn policies(value: &Value) -> Result<Vec<(String, ApprovalPolicy)>, String> {
    let names = || ApprovalPolicy::ALL.map(ApprovalPolicy::name).join(", ");
    let read = |item: &String| {
        let (name, policy) = item.split_once('=')?;
        let name = Some(name.trim()).filter(|name| !name.is_empty())?;
        Some((name.to_owned(), ApprovalPolicy::of_name(policy.trim())?))
    };
    let wrong = |item: &String| format!("'{item}' must be NAME=POLICY with one of {}", names());
    list(value)?.iter().map(|item| read(item).ok_or_else(|| wrong(item))).collect()
}

/// A list of `PROVIDER=TOKENS` and `PROVIDER/MODEL=TOKENS`.
pub(super) fn windows(value: &Value) -> Result<Vec<(ModelName, u64)>, String> {
    /// Less has no room for an answer; more than any model has is a slip of the hand.
    const RANGE: RangeInclusive<u64> = 512..=100_000_000;
    let read = |item: &String| {
        let (name, tokens) = item.rsplit_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && !name.starts_with('/') && !name.ends_with('/');
        let tokens = tokens.trim().parse().ok().filter(|tokens| RANGE.contains(tokens))?;
        is_name.then(|| (ModelName::from(name), tokens))
    };
    let wrong = |item: &String| {
        let (least, most) = (RANGE.start(), RANGE.end());
        format!(
            "'{item}' must be PROVIDER=TOKENS or PROVIDER/MODEL=TOKENS with {least} to {most} tokens"
        )
    };
    list(value)?.iter().map(|item| read(item).ok_or_else(|| wrong(item))).collect()
}

pub(super) fn listen(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    let address = match text.strip_prefix("localhost:") {
        Some(port) => {
            port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        }
        None => text.parse().ok(),
    };
    address.ok_or_else(|| {
        format!(
            "'{text}' is no address with a port; write one such as 127.0.0.1:3200 or [::1]:3200"
        )
    })
}

pub(super) fn api_key(value: &Value) -> Result<Secret, String> {
    let key = Secret::new(text(value)?);
    let is_header_text = key.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if key.expose().len() < MIN_API_KEY_BYTES || !is_header_text {
        return Err(format!(
            "must have {MIN_API_KEY_BYTES} or more visible ASCII characters; `openssl rand -hex 32` makes one"
        ));
    }
    Ok(key)
}

pub(super) fn store(value: &Value, home: &Path) -> Result<StoreLocation, String> {
    let text = text(value)?;
    if text == "memory:" {
        return Ok(StoreLocation::Memory);
    }
    if text.starts_with("redis://") {
        return Ok(StoreLocation::Redis(RedisUrl(Secret::new(text))));
    }
    if text.starts_with("rediss://") {
        return Err(
            "TLS to Redis is not in this version; write redis:// and use a tunnel".to_owned()
        );
    }
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(StoreLocation::Sqlite(below(home, path))),
        // What has an @ may have a password before it.
        _ if text.contains('@') => {
            Err("is no store; write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]".to_owned())
        }
        _ => Err(format!("'{text}' is no store; write sqlite:PATH, redis://HOST:PORT or memory:")),
    }
}

/// A path; a relative one is below the home, and `~/` is the user's own directory.
pub(super) fn below(home: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(user)) => user.join(rest),
        _ => home.join(path),
    }
}

pub(super) fn web_address(text: &str) -> Result<WebAddress, String> {
    let wrong = || {
        format!(
            "'{text}' is no web address; write one such as https://livos.example.org, without query"
        )
    };
    let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong());
    };
    let is_plain = !authority.as_str().contains('@') && uri.query().is_none();
    if !matches!(scheme, "http" | "https") || !is_plain {
        return Err(wrong());
    }
    Ok(WebAddress {
        scheme: scheme.to_owned(),
        authority: authority.as_str().to_ascii_lowercase(),
        path: uri.path().trim_end_matches('/').to_owned(),
    })
}

pub(super) fn host(text: &str) -> Result<String, String> {
    let is_host = |host: &str| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if is_host(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!(
            "'{text}' is no host name; write one such as livos.example.org, without scheme and port"
        ))
    }
}

/// A list of hosts. Addresses too: those of version 6 are no host names.
pub(super) fn hosts_or_addresses(value: &Value) -> Result<Vec<String>, String> {
    let read = |text: &String| match text.parse::<IpAddr>() {
        Ok(_) => Ok(text.clone()),
        Err(_) => host(text),
    };
    list(value)?.iter().map(read).collect()
}

pub(super) fn log_filter(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match tracing_subscriber::EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            Err(format!("is no log filter ({error}); write one such as info or livos_server=debug"))
        }
    }
}

pub(super) fn log_format(value: &Value) -> Result<LogFormat, String> {
    match text(value)?.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("'{other}' is no log format; write text or json")),
    }
}

pub(super) fn mcp_exposure(value: &Value) -> Result<McpExposure, String> {
    match value {
        Value::Boolean(false) => Ok(McpExposure::Off),
        Value::String(text) if text == "off" => Ok(McpExposure::Off),
        Value::String(text) if text == "sessions" => Ok(McpExposure::Sessions),
        Value::String(text) if text == "read_only" => Ok(McpExposure::ReadOnly),
        Value::String(text) if text == "all" => Ok(McpExposure::All),
        _ => Err("must be off, sessions, read_only or all".to_owned()),
    }
}

pub(super) fn shell(value: &Value) -> Result<ShellAccess, String> {
    Ok(if is_on(value)? { ShellAccess::On } else { ShellAccess::Off })
}

pub(super) fn network(value: &Value) -> Result<Network, String> {
    Ok(if is_on(value)? { Network::Granted } else { Network::Denied })
}

pub(super) fn is_on(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(is_on) => Ok(*is_on),
        Value::String(text) if text == "off" => Ok(false),
        Value::String(text) if text == "on" => Ok(true),
        _ => Err("must be off or on".to_owned()),
    }
}

pub(super) fn memory(value: &Value) -> Result<MemoryUse, String> {
    Ok(if is_on(value)? { MemoryUse::On } else { MemoryUse::Off })
}

pub(super) fn unconfined(value: &Value) -> Result<Unconfined, String> {
    match value.as_str() {
        Some("refuse") => Ok(Unconfined::Refuse),
        Some("ask") => Ok(Unconfined::Ask),
        Some("allow") => Ok(Unconfined::Allow),
        _ => Err("must be refuse, ask or allow".to_owned()),
    }
}

/// A list of directories or files; each must be absolute.
pub(super) fn paths(value: &Value, home: &Path) -> Result<Vec<PathBuf>, String> {
    list(value)?
        .iter()
        .map(|path| match Path::new(path).is_absolute() || path.starts_with("~/") {
            true => Ok(below(home, path)),
            false => Err(format!("'{path}' must be an absolute path")),
        })
        .collect()
}
