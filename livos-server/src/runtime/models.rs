//! Which models there are: those the environment names, else a local server, else the demo.

use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::Secret;
use livos_core::SecretName;
use livos_core::Tiers;
use livos_providers::ConfigError;
use livos_providers::ConfiguredProvider;
use livos_providers::DemoProvider;
use livos_providers::LOCAL_TIMEOUT;
use livos_providers::LocalCandidate;
use livos_providers::ProviderTimeouts;
use livos_providers::find_local;

use super::Models;
use crate::config::Environment;

/// The model that needs no key and no network.
pub(super) const DEMO: &str = "demo";

/// Where the models come from.
#[derive(Debug)]
pub(super) enum Choice {
    /// What the embedder brought.
    Own(Models),
    /// What the environment has keys or addresses for.
    Configured(Models),
    /// Nothing is configured: whatever runs on this machine.
    Local {
        /// The value of `OLLAMA_HOST`; empty if it is not set.
        ollama_host: String,
        timeouts: ProviderTimeouts,
    },
}

/// How the variables end that give a provider its key.
const PROVIDER_KEY: &str = "_API_KEY";

/// The same choice, with the keys that are sealed secrets.
///
/// # Errors
/// When such a key cannot be used.
pub(super) fn with_sealed_keys(
    choice: Choice,
    environment: &Environment,
    sealed: &[(SecretName, Secret)],
    (model, timeouts): (Option<&ModelName>, ProviderTimeouts),
) -> Result<Choice, ConfigError> {
    let keys = sealed.iter().map(|(name, secret)| (name.as_str(), secret));
    let mut keys = keys.filter(|(name, _)| name.ends_with(PROVIDER_KEY)).peekable();
    match choice {
        // The embedder's own.
        Choice::Own(models) => Ok(Choice::Own(models)),
        choice if keys.peek().is_none() => Ok(choice),
        _ => configured(&environment.completed_by(keys), model, timeouts),
    }
}

/// Reads keys and addresses. Nothing is asked yet.
pub(super) fn configured(
    environment: &Environment,
    model: Option<&ModelName>,
    timeouts: ProviderTimeouts,
) -> Result<Choice, ConfigError> {
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let found = livos_providers::configured_providers_with(lookup, timeouts)?;
    let asks_for_demo = model.is_some_and(|model| {
        model.provider_and_model().is_some_and(|(provider, _)| provider == DEMO)
    });
    if found.is_empty() && !asks_for_demo {
        let ollama_host = environment.get("OLLAMA_HOST").unwrap_or_default().to_owned();
        return Ok(Choice::Local { ollama_host, timeouts });
    }
    let keys = found
        .iter()
        .map(|found| found.provider.id().clone())
        .filter(|id| has_key(environment, id.as_str()))
        .collect::<Vec<_>>();
    let add = |builder: livos_core::ProviderManagerBuilder, next: ConfiguredProvider| {
        builder.provider_shared(next.provider, next.tiers)
    };
    let mut builder = found.into_iter().fold(ProviderManager::builder(), add);
    if asks_for_demo {
        builder = builder.provider(DemoProvider::new(), Tiers::single(DemoProvider::MODEL));
    }
    Ok(Choice::Configured(Models::new(builder.build()).with_keys(keys)))
}

fn has_key(environment: &Environment, provider: &str) -> bool {
    let variable = format!("{}_API_KEY", provider.to_ascii_uppercase());
    let is_set = |name: &str| environment.get(name).is_some();
    is_set(&variable) || provider == "gemini" && is_set("GOOGLE_API_KEY")
}

impl Choice {
    /// The models; looks for a local server if need be.
    pub(super) async fn resolve(self) -> Models {
        let (ollama_host, timeouts) = match self {
            Self::Own(models) | Self::Configured(models) => return models,
            Self::Local { ollama_host, timeouts } => (ollama_host, timeouts),
        };
        let builder = ProviderManager::builder();
        let candidates = LocalCandidate::usual(&ollama_host);
        let candidates: Vec<_> =
            candidates.into_iter().map(|candidate| candidate.with_timeouts(timeouts)).collect();
        let found = find_local(&candidates, LOCAL_TIMEOUT).await;
        let first =
            found.and_then(|found| Some((found.models.first()?.model.clone(), found.provider)));
        let builder = match first {
            Some((model, provider)) => {
                tracing::info!(%model, "no key is set; using the model server on this machine");
                builder.provider(provider, Tiers::single(model))
            }
            None => {
                tracing::info!("no key is set and no model server found; using the demo model");
                builder.provider(DemoProvider::new(), Tiers::single(DemoProvider::MODEL))
            }
        };
        Models::new(builder.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(variables: &[(&str, &str)], model: Option<&str>) -> Option<Vec<String>> {
        let environment: Environment = variables.iter().copied().collect();
        match configured(
            &environment,
            model.map(ModelName::from).as_ref(),
            ProviderTimeouts::default(),
        )
        .unwrap()
        {
            Choice::Local { .. } => None,
            Choice::Own(models) | Choice::Configured(models) => {
                let with_key = |id: &livos_core::ProviderId| match models.with_key.contains(id) {
                    true => format!("{id} with key"),
                    false => id.to_string(),
                };
                Some(models.manager.providers().map(|provider| with_key(provider.id())).collect())
            }
        }
    }

    #[test]
    fn without_key_or_address_one_looks_around() {
        assert_eq!(providers(&[], None), None);
        assert_eq!(providers(&[("ANTHROPIC_API_KEY", "")], Some("fast")), None);
    }

    #[test]
    fn keys_are_known_and_the_demo_comes_when_asked_for() {
        let variables = [("GOOGLE_API_KEY", "k"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
        let expected = ["gemini with key", "openai"].map(str::to_owned).to_vec();
        assert_eq!(providers(&variables, None), Some(expected));
        assert_eq!(providers(&[], Some("demo/demo")), Some(vec!["demo".to_owned()]));
    }
}
