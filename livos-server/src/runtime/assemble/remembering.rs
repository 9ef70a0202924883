//! What runs are given of memory, and what finds after them what is worth remembering.

use std::sync::Arc;

use livos_core::AgentLoopBuilder;
use livos_core::ExtractionSettings;
use livos_core::Memory;
use livos_core::MemoryExtraction;
use livos_core::ModelName;
use livos_core::ProviderManager;
use livos_core::Recall;
use livos_core::RecallSettings;

use crate::app::App;
use crate::engine::Providers;
use crate::runtime::models::DEMO;

/// The tier of small models.
const SMALL: &str = "fast";

/// Looks through users' words with the model that was named, or else the small one of the usual provider. The
/// demo model finds nothing in words, so with it alone nothing is looked through.
pub(super) fn extraction(
    app: &App,
    (memory, mut settings): (&Memory, ExtractionSettings),
    providers: &Providers,
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

/// Lets runs be given memories, if that is wanted.
pub(super) fn given(
    agent: AgentLoopBuilder,
    wanted: Option<(&Memory, RecallSettings)>,
) -> AgentLoopBuilder {
    match wanted {
        Some((memory, settings)) => agent.recall(Recall::new(memory.clone(), settings)),
        None => agent,
    }
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
