//! Finds a model server on this machine, for when no key is set.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use livos_core::AIProvider;
use livos_core::ModelInfo;
use tokio::net::TcpStream;

use crate::config::ProviderConfig;
use crate::config::ProviderTimeouts;
use crate::openai_compatible::Dialect;
use crate::openai_compatible::OpenAiCompatible;
use crate::openai_compatible::authority;

/// The port of Ollama where its address names none.
const OLLAMA_PORT: u16 = 11434;

/// How long to wait for local servers: they answer in milliseconds or are not there.
pub const LOCAL_TIMEOUT: Duration = Duration::from_millis(500);

/// Where a local model server may be, and what it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalCandidate {
    /// How it would speak.
    pub dialect: &'static Dialect,
    /// Its base URL, version included.
    pub base_url: String,
    /// How long it may take as a provider, where that is not what is usual.
    pub timeouts: ProviderTimeouts,
}

impl LocalCandidate {
    /// A server of this kind at this base URL.
    pub fn new(dialect: &'static Dialect, base_url: impl Into<String>) -> Self {
        Self { dialect, base_url: base_url.into(), timeouts: ProviderTimeouts::default() }
    }

    /// Sets how long it may take as a provider.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: ProviderTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Ollama where `OLLAMA_HOST` says (its value is given here, empty where it is not set), then
    /// llama.cpp at its usual address.
    ///
    /// ```
    /// use livos_providers::LocalCandidate;
    ///
    /// let candidates = LocalCandidate::usual("0.0.0.0:9999");
    /// assert_eq!(candidates[0].base_url, "http://127.0.0.1:9999/v1");
    /// assert_eq!(candidates[1].base_url, "http://127.0.0.1:8080/v1");
    /// ```
    pub fn usual(ollama_host: &str) -> Vec<Self> {
        vec![
            Self::new(&Dialect::OLLAMA, ollama_url(ollama_host)),
            Self::new(&Dialect::LLAMA_CPP, Dialect::LLAMA_CPP.base_url),
        ]
    }
}

/// A local model server that answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct LocalEndpoint {
    /// The provider that asks it, under the name of its dialect.
    pub provider: OpenAiCompatible,
    /// Its models that can chat, at least one.
    pub models: Vec<ModelInfo>,
}

/// The first of the candidates, in their order, that has a model to chat with.
///
/// All are asked at once, and none is waited for longer than `timeout`.
pub async fn find_local(candidates: &[LocalCandidate], timeout: Duration) -> Option<LocalEndpoint> {
    let asked = candidates.iter().map(|candidate| async move {
        tokio::time::timeout(timeout, ask(candidate)).await.ok().flatten()
    });
    join_all(asked).await.into_iter().flatten().next()
}

async fn ask(candidate: &LocalCandidate) -> Option<LocalEndpoint> {
    if is_vacant(&candidate.base_url).await {
        return None;
    }
    let config = ProviderConfig::new(candidate.dialect.name, &candidate.base_url).ok()?;
    let config = config.with_timeouts(candidate.timeouts).ok()?;
    let provider = OpenAiCompatible::new(candidate.dialect, config);
    let mut models = provider.models().await.ok()?;
    models.retain(|model| !model.model.as_str().to_ascii_lowercase().contains("embed"));
    (!models.is_empty()).then_some(LocalEndpoint { provider, models })
}

/// Whether nobody listens at this address of this machine. On most machines nobody does, and then
/// no HTTP client is made, whose code a server would load only for this.
async fn is_vacant(base_url: &str) -> bool {
    match authority(base_url).parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => TcpStream::connect(address).await.is_err(),
        _ => false,
    }
}

/// The base URL for a value of `OLLAMA_HOST`: an address to listen at or a URL, port and scheme
/// optional. "All addresses" is where a server listens, not where it can be reached.
pub(crate) fn ollama_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // The colons of a bare IPv6 address are no port.
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !is_bare_ipv6(authority) => {
            (name, format!(":{port}"))
        }
        _ if host.contains("://") => (authority, String::new()),
        _ => (authority, format!(":{OLLAMA_PORT}")),
    };
    let name = match name {
        "" | "0.0.0.0" | "[::]" | "::" => "127.0.0.1".to_owned(),
        name if is_bare_ipv6(name) => format!("[{name}]"),
        name => name.to_owned(),
    };
    let path = match path.strip_suffix("v1").unwrap_or(path).trim_end_matches('/') {
        "" => "v1".to_owned(),
        path => format!("{path}/v1"),
    };
    format!("{scheme}://{name}{port}/{path}")
}

fn is_bare_ipv6(authority: &str) -> bool {
    !authority.starts_with('[') && authority.matches(':').count() > 1
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;

    #[tokio::test]
    async fn only_addresses_of_this_machine_can_be_known_to_be_vacant() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let here = format!("http://{}/v1", socket.local_addr().unwrap());
        assert!(is_vacant(&here).await, "bound, and nobody listens");
        let _listener = socket.listen(1).unwrap();
        assert!(!is_vacant(&here).await);
        for elsewhere in ["http://localhost/v1", "http://box:1/v1", "http://192.0.2.1:1/v1"] {
            assert!(!is_vacant(elsewhere).await, "{elsewhere}");
        }
    }

    #[test]
    fn every_form_of_ollama_host_becomes_a_url() {
        for (host, url) in [
            ("", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            (":8000", "http://127.0.0.1:8000/v1"),
            ("box:1234", "http://box:1234/v1"),
            ("https://box.example.com", "https://box.example.com/v1"),
            ("http://box:1234/", "http://box:1234/v1"),
            ("http://box/ollama/v1", "http://box/ollama/v1"),
            ("http://box/ollama", "http://box/ollama/v1"),
            ("[::]:9", "http://127.0.0.1:9/v1"),
            ("fe80::1", "http://[fe80::1]:11434/v1"),
        ] {
            assert_eq!(ollama_url(host), url, "{host}");
        }
    }
}
