//! The providers that the environment has keys or addresses for.

use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::Embedder;
use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::Tiers;

use crate::anthropic::Anthropic;
use crate::catalog::Tier;
use crate::catalog::Vendor;
use crate::catalog::tier_model;
use crate::config::ConfigError;
use crate::config::ProviderConfig;
use crate::config::ProviderTimeouts;
use crate::gemini::Gemini;
use crate::gemini::GeminiEmbedder;
use crate::local::ollama_url;
use crate::openai_compatible::Dialect;
use crate::openai_compatible::KeyRule;
use crate::openai_compatible::OpenAiCompatible;
use crate::openai_compatible::OpenAiEmbedder;
use crate::transport::HttpClients;

/// A provider with its model for each tier.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConfiguredProvider {
    /// The provider.
    pub provider: Arc<dyn AIProvider>,
    /// What `fast`, `balanced` and `best` mean for it.
    pub tiers: Tiers,
}

/// A manager of all providers that the environment has keys or addresses for, in this order:
/// Anthropic, Gemini, OpenAI and those who speak like it, local ones.
///
/// Read are `ANTHROPIC_API_KEY`, `GEMINI_API_KEY` (or `GOOGLE_API_KEY`), `OPENAI_API_KEY`,
/// `OPENROUTER_API_KEY`, `GROQ_API_KEY`, `DEEPSEEK_API_KEY`, `MISTRAL_API_KEY` and
/// `MOONSHOT_API_KEY`, with each `..._BASE_URL`; `OLLAMA_HOST`, `LLAMA_BASE_URL` and
/// `VLLM_BASE_URL` for local services. `OPENAI_MODEL`, `OLLAMA_MODEL` and so on name one model for
/// all tiers of that service. Empty values count as absent.
///
/// Without any of them the manager has no providers, and says so when it is asked.
///
/// # Errors
/// When a key or address cannot be used.
pub fn from_env() -> Result<ProviderManager, ConfigError> {
    let configured = configured_providers(|name| std::env::var(name).ok())?;
    let add = |builder: livos_core::ProviderManagerBuilder, next: ConfiguredProvider| {
        builder.provider_shared(next.provider, next.tiers)
    };
    Ok(configured.into_iter().fold(ProviderManager::builder(), add).build())
}

/// The same providers one by one, from an environment that is given as a lookup.
///
/// ```
/// use livos_providers::configured_providers;
///
/// let found = configured_providers(|name| (name == "GROQ_API_KEY").then(|| "gsk".to_owned()))?;
/// assert_eq!(found[0].provider.id().as_str(), "groq");
/// # Ok::<(), livos_providers::ConfigError>(())
/// ```
///
/// # Errors
/// When a key or address cannot be used.
pub fn configured_providers(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<ConfiguredProvider>, ConfigError> {
    configured_providers_with(lookup, ProviderTimeouts::default())
}

/// The same, and all of them get these time-outs.
///
/// # Errors
/// When a key, an address or a time-out cannot be used.
pub fn configured_providers_with(
    lookup: impl Fn(&str) -> Option<String>,
    timeouts: ProviderTimeouts,
) -> Result<Vec<ConfiguredProvider>, ConfigError> {
    let environment = Environment { lookup, timeouts, clients: HttpClients::default() };
    let mut found = Vec::new();
    found.extend(environment.anthropic()?);
    found.extend(environment.gemini()?);
    for dialect in Dialect::KNOWN {
        found.extend(environment.openai_compatible(dialect)?);
    }
    Ok(found)
}

/// The embedding model of that name, `provider/model`, at the service that the environment has a key or address for.
///
/// Gemini and services that speak as OpenAI does have them: `gemini/gemini-embedding-001`,
/// `openai/text-embedding-3-small`, `ollama/nomic-embed-text`. A service on this machine needs no key and
/// no address.
///
/// # Errors
/// When the name says no such service, or its key, address or a time-out cannot be used.
pub fn configured_embedder(
    model: &ModelName,
    lookup: impl Fn(&str) -> Option<String>,
    timeouts: ProviderTimeouts,
) -> Result<Arc<dyn Embedder>, ConfigError> {
    let unknown = || {
        let known = Dialect::KNOWN.map(|dialect| dialect.name).join(", ");
        ConfigError::UnknownEmbedder { model: model.clone(), known: format!("gemini, {known}") }
    };
    let (provider, name) = model.provider_and_model().ok_or_else(unknown)?;
    if provider == "gemini" {
        let environment = Environment { lookup, timeouts, clients: HttpClients::default() };
        return Ok(Arc::new(GeminiEmbedder::new(environment.gemini_service()?, name)));
    }
    let known = Dialect::KNOWN.into_iter().find(|dialect| dialect.name == provider);
    let dialect = known.ok_or_else(unknown)?;
    let environment = Environment { lookup, timeouts, clients: HttpClients::default() };
    let service = environment.service(dialect)?;
    Ok(Arc::new(OpenAiEmbedder::new(service, name)))
}

struct Environment<L> {
    lookup: L,
    timeouts: ProviderTimeouts,
    clients: HttpClients,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn value(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn config(&self, id: &str, address: &str) -> Result<ProviderConfig, ConfigError> {
        ProviderConfig::new(id, address)?.with_timeouts(self.timeouts)
    }

    /// A key, or an address of one's own (which may need none), makes the provider exist.
    fn anthropic(&self) -> Result<Option<ConfiguredProvider>, ConfigError> {
        let key = self.value("ANTHROPIC_API_KEY");
        let address = self.value("ANTHROPIC_BASE_URL");
        if key.is_none() && address.is_none() {
            return Ok(None);
        }
        let address = address.as_deref().unwrap_or(Anthropic::BASE_URL);
        let config = with_key(self.config("anthropic", address)?, key)?;
        let provider = Anthropic::with_clients(config, self.clients.clone());
        Ok(Some(configured(provider, vendor_tiers(Vendor::Anthropic))))
    }

    fn gemini(&self) -> Result<Option<ConfiguredProvider>, ConfigError> {
        if self.gemini_key().is_none() {
            return Ok(None);
        }
        let provider = self.gemini_service()?;
        Ok(Some(configured(provider, vendor_tiers(Vendor::Gemini))))
    }

    fn gemini_key(&self) -> Option<String> {
        self.value("GEMINI_API_KEY").or_else(|| self.value("GOOGLE_API_KEY"))
    }

    fn gemini_service(&self) -> Result<Gemini, ConfigError> {
        let address = self.value("GEMINI_BASE_URL");
        let address = address.as_deref().unwrap_or(Gemini::BASE_URL);
        let config = with_key(self.config("gemini", address)?, self.gemini_key())?;
        Ok(Gemini::with_clients(config, self.clients.clone()))
    }

    fn openai_compatible(
        &self,
        dialect: &'static Dialect,
    ) -> Result<Option<ConfiguredProvider>, ConfigError> {
        let key = self.value(dialect.key_variable);
        let address = self.value(dialect.base_url_variable);
        if address.is_none() && (key.is_none() || dialect.key == KeyRule::Optional) {
            return Ok(None);
        }
        let model = self.value(&format!("{}_MODEL", dialect.name.to_ascii_uppercase()));
        let tiers = model.map_or_else(|| usual_tiers(dialect), Tiers::single);
        Ok(Some(configured(self.service(dialect)?, tiers)))
    }

    fn service(&self, dialect: &'static Dialect) -> Result<OpenAiCompatible, ConfigError> {
        let key = self.value(dialect.key_variable);
        let address = match self.value(dialect.base_url_variable) {
            Some(host) if dialect == &Dialect::OLLAMA => ollama_url(&host),
            Some(address) => address,
            None => dialect.base_url.to_owned(),
        };
        let config = with_key(self.config(dialect.name, &address)?, key)?;
        // Whoever sets OPENAI_BASE_URL seldom has OpenAI there.
        let spoken = match dialect.name {
            "openai" => Dialect::at(&address),
            _ => dialect,
        };
        Ok(OpenAiCompatible::with_clients(spoken, config, self.clients.clone()))
    }
}

fn configured(provider: impl AIProvider, tiers: Tiers) -> ConfiguredProvider {
    ConfiguredProvider { provider: Arc::new(provider), tiers }
}

fn with_key(config: ProviderConfig, key: Option<String>) -> Result<ProviderConfig, ConfigError> {
    match key {
        Some(key) => config.with_api_key(key),
        None => Ok(config),
    }
}

fn vendor_tiers(vendor: Vendor) -> Tiers {
    Tiers {
        fast: tier_model(vendor, Tier::Fast).into(),
        balanced: tier_model(vendor, Tier::Balanced).into(),
        best: tier_model(vendor, Tier::Best).into(),
    }
}

fn usual_tiers(dialect: &Dialect) -> Tiers {
    if let Some(vendor) = dialect.vendor {
        return vendor_tiers(vendor);
    }
    Tiers::single(match dialect.name {
        "openrouter" => "openrouter/auto",
        "moonshot" => "kimi-latest",
        "ollama" => "llama3.2",
        // Servers of one model take any name.
        _ => "default",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(environment: &[(&str, &str)]) -> Result<Vec<ConfiguredProvider>, ConfigError> {
        configured_providers(|name| {
            let known = environment.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| (*value).to_owned())
        })
    }

    fn ids(environment: &[(&str, &str)]) -> Vec<String> {
        found(environment).unwrap().iter().map(|one| one.provider.id().to_string()).collect()
    }

    #[test]
    fn the_order_is_anthropic_gemini_openai_like_local() {
        let environment = [
            ("OLLAMA_HOST", "0.0.0.0"),
            ("GROQ_API_KEY", "k"),
            ("OPENAI_API_KEY", "k"),
            ("GOOGLE_API_KEY", "k"),
            ("ANTHROPIC_API_KEY", "k"),
        ];
        assert_eq!(ids(&environment), ["anthropic", "gemini", "openai", "groq", "ollama"]);
    }

    #[test]
    fn an_empty_key_is_no_key_and_an_address_alone_is_enough() {
        assert!(ids(&[("ANTHROPIC_API_KEY", " "), ("OPENAI_API_KEY", "")]).is_empty());
        let environment = [("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"), ("OPENAI_MODEL", "mine")];
        assert_eq!(ids(&environment), ["openai"]);
        assert_eq!(found(&environment).unwrap()[0].tiers, Tiers::single("mine"));
    }

    #[test]
    fn a_broken_address_is_named() {
        let error = found(&[("ANTHROPIC_BASE_URL", "localhost")]).unwrap_err();
        assert!(error.to_string().starts_with("anthropic: base_url"), "{error}");
    }

    #[test]
    fn tiers_are_the_vendors() {
        let found = found(&[("ANTHROPIC_API_KEY", "k")]).unwrap();
        assert_eq!(found[0].tiers.fast.as_str(), "claude-haiku-5-5");
        assert_eq!(found[0].tiers.model("opus").map(ModelName::as_str), Some("claude-opus-5-5"));
    }

    #[test]
    fn ollama_is_found_by_every_way_of_naming_it() {
        for (host, url) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("box.local", "http://box.local:11434/v1"),
            ("http://box.local:8080/", "http://box.local:8080/v1"),
            ("https://ollama.example.com", "https://ollama.example.com/v1"),
            ("http://box/ollama/v1", "http://box/ollama/v1"),
            ("[::1]:11434", "http://[::1]:11434/v1"),
        ] {
            assert_eq!(ollama_url(host), url);
        }
    }
}
