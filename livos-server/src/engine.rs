//! What answers: providers, tools, and the runs that use them.

use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderId;
use livos_core::ToolRegistry;

use crate::runs::Runs;

/// What answers. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) runs: Runs,
    pub(crate) tools: ToolRegistry,
    pub(crate) providers: Providers,
}

/// The providers there are.
#[derive(Debug, Clone)]
pub(crate) struct Providers {
    /// Asks them all, in order.
    pub(crate) answering: Arc<dyn AIProvider>,
    /// The model asked when nobody chose one.
    pub(crate) default_model: ModelName,
    pub(crate) configured: Arc<[ConfiguredProvider]>,
}

/// One provider, as far as it may be shown.
#[derive(Debug, Clone)]
pub(crate) struct ConfiguredProvider {
    pub(crate) id: ProviderId,
    pub(crate) has_key: bool,
}

impl Providers {
    /// The models that can be chosen. A provider that does not answer has none.
    pub(crate) async fn models(&self) -> Vec<ModelInfo> {
        self.answering.models().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the models could not be listed");
            Vec::new()
        })
    }
}

/// `provider/model`, as a request names a model.
pub(crate) fn full_name(model: &ModelInfo) -> String {
    let name = model.model.as_str();
    match name.strip_prefix(model.provider.as_str()) {
        Some(rest) if rest.starts_with('/') => name.to_owned(),
        _ => format!("{}/{name}", model.provider),
    }
}
