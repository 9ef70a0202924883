//! What finds, after runs, what is worth remembering.

use std::sync::Arc;

use livos_core::ExtractionSettings;
use livos_core::Memory;
use livos_core::MemoryExtraction;
use livos_core::ModelName;
use livos_core::ProviderManager;

use crate::app::App;
use crate::engine::Providers;
use crate::runtime::models::DEMO;

/// The tier of small models.
const SMALL: &str = "fast";

/// Looks through users' words with the model that was named, or else the small one of the usual provider. The
/// demo model finds nothing in words, so with it alone nothing is looked through.
pub(super) fn extraction(
    app: &App,
    memory: &Memory,
    providers: &Providers,
    mut settings: ExtractionSettings,
) -> Option<MemoryExtraction> {
    if settings.model.is_none() {
        if provider_of(&providers.default_model) == Some(DEMO) {
            tracing::info!(
                "the demo model extracts no memories; set a provider's key or memory.extract_model"
            );
            return None;
        }
        settings.model = small_model(&providers.manager, &providers.default_model);
    }
    let extraction = MemoryExtraction::new(Arc::clone(&app.store), memory.clone(), settings);
    Some(extraction.with_clock(Arc::clone(&app.clock)))
}

/// The small model of the provider that this model is of; none where it is not known.
fn small_model(manager: &ProviderManager, usual: &ModelName) -> Option<ModelName> {
    let provider = provider_of(usual)?;
    let health = manager.health().into_iter().find(|health| health.id.as_str() == provider)?;
    let small = health.models.get(SMALL)?;
    Some(ModelName::from(format!("{provider}/{small}")))
}

fn provider_of(model: &ModelName) -> Option<&str> {
    model.provider_and_model().map(|(provider, _)| provider)
}
