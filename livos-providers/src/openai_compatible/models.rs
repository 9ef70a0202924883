//! What the models of a service can do.

use livos_core::Capabilities;
use livos_core::ModelInfo;
use livos_core::ModelName;
use livos_core::ProviderId;

use super::dialect::Dialect;
use super::dialect::DocumentInput;
use super::dialect::ImageInput;
use super::dialect::StructuredOutput;
use super::wire::ListedModel;
use super::wire::ModelList;

/// What the catalogue says of a model, as far as the service's wire allows it. Models that it
/// does not have get all that the wire allows; they may do less.
pub(super) fn capabilities(dialect: &Dialect, model: &ModelName) -> Capabilities {
    let images = dialect.images != ImageInput::Unsupported;
    let documents = dialect.documents != DocumentInput::Unsupported;
    if let Some(known) = dialect.known(model.as_str()) {
        let mut capabilities = known.capabilities();
        capabilities.images &= images;
        capabilities.documents &= documents;
        return capabilities;
    }
    let mut capabilities = Capabilities::default();
    capabilities.tools = dialect.tools;
    capabilities.structured_output = dialect.structured_output == StructuredOutput::JsonSchema;
    capabilities.images = images;
    capabilities.documents = documents;
    capabilities.thinking = dialect.switches_reasoning(model.as_str());
    capabilities
}

/// The models a service lists, with the sizes it tells.
pub(super) fn listed(dialect: &Dialect, provider: &ProviderId, list: ModelList) -> Vec<ModelInfo> {
    let info = |listed: ListedModel| {
        let window = listed.window();
        let most = listed.max_completion_tokens;
        let name = ModelName::from(listed.id);
        let mut capabilities = capabilities(dialect, &name);
        capabilities.context_window = window.or(capabilities.context_window);
        capabilities.max_output_tokens = most.or(capabilities.max_output_tokens);
        ModelInfo::new(provider.clone(), name, capabilities)
    };
    list.data.into_iter().map(info).collect()
}

impl ListedModel {
    /// How many tokens the model takes; servers that do not know say nothing, or 0.
    pub(super) fn window(&self) -> Option<u64> {
        let meta = self.meta.as_ref();
        let told = [
            self.context_length,
            self.context_window,
            self.max_context_length,
            self.max_model_len,
            meta.and_then(|meta| meta.n_ctx),
            meta.and_then(|meta| meta.n_ctx_train),
        ];
        told.into_iter().flatten().find(|window| *window > 0)
    }

    /// Whether the window is what the model was trained for, and that of the server may be smaller.
    pub(super) fn tells_only_training(&self) -> bool {
        self.meta.as_ref().is_some_and(|meta| meta.n_ctx.is_none() && meta.n_ctx_train.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_found_under_every_services_name() {
        let list = serde_json::from_str(
            r#"{"object":"list","data":[
                {"id":"a","context_length":1,"pricing":{"prompt":"0"}},
                {"id":"b","context_window":2,"max_completion_tokens":9},
                {"id":"c","max_context_length":3},
                {"id":"d","max_model_len":4},
                {"id":"e","meta":{"n_ctx_train":6,"n_ctx":5,"n_params":1.5e9}},
                {"id":"f","meta":null},
                {"id":"g","context_length":0,"meta":{"n_ctx":7}}]}"#,
        )
        .unwrap();
        let models = listed(&Dialect::GENERIC, &ProviderId::from("x"), list);
        let windows: Vec<_> = models.iter().map(|it| it.capabilities.context_window).collect();
        assert_eq!(windows, [Some(1), Some(2), Some(3), Some(4), Some(5), None, Some(7)]);
        assert_eq!(models[1].capabilities.max_output_tokens, Some(9));
    }
}
