//! What there is to work with: tools, models, providers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::page::List;
use crate::engine::full_name;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::openapi::any_object;

/// A tool that agents may call.
#[derive(Debug, Serialize, JsonSchema)]
struct Tool {
    /// The name models call it by.
    name: String,
    /// What it does.
    description: String,
    /// What it does to the world: `read_only`, `idempotent`, `mutating` or `destructive`.
    #[schemars(with = "String")]
    effect: Value,
    /// JSON Schema of its arguments.
    #[schemars(schema_with = "any_object")]
    input_schema: Value,
    /// How long one call may take, in milliseconds.
    timeout_ms: u64,
}

/// A model that can be chosen.
#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    /// How requests name it: `provider/model`.
    id: String,
    /// The provider that serves it.
    provider: String,
    /// Its name there.
    model: String,
    /// Whether it is asked when nobody chose one.
    default: bool,
    /// What it can do.
    #[schemars(schema_with = "any_object")]
    capabilities: Value,
}

/// A service that answers, and how it is doing.
#[derive(Debug, Serialize, JsonSchema)]
struct Provider {
    /// Its name in `provider/model`.
    id: String,
    /// Whether a key is set. The key itself is never shown.
    has_key: bool,
    /// Whether it is asked just now: `closed` is as usual, `open` is left alone for a while.
    #[schemars(with = "String")]
    circuit: Value,
    /// How many calls failed since the last success.
    consecutive_failures: u32,
    /// What it said when it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// The model of each tier.
    models: BTreeMap<&'static str, String>,
}

pub(super) async fn tools(call: Call) -> Answer {
    let specs = call.app.engine().await.tools.specs();
    let items = specs.iter().map(|spec| Tool {
        name: spec.name.to_string(),
        description: spec.description.to_string(),
        effect: serde_json::json!(spec.effect),
        input_schema: (*spec.input_schema).clone(),
        timeout_ms: u64::try_from(spec.timeout.as_millis()).unwrap_or(u64::MAX),
    });
    Reply::ok(&List::whole(items.collect()))
}

pub(super) fn describe_tools(operation: Operation) -> Operation {
    operation
        .named("list_tools", "The tools of this server.")
        .answers::<List<Tool>>(200, "All of them.")
}

pub(super) async fn models(call: Call) -> Answer {
    let providers = &call.app.engine().await.providers;
    let items = providers.models().await.into_iter().map(|model| {
        let id = full_name(&model);
        Model {
            default: id == providers.default_model.as_str(),
            id,
            provider: model.provider.to_string(),
            model: model.model.to_string(),
            capabilities: serde_json::json!(model.capabilities),
        }
    });
    Reply::ok(&List::whole(items.collect()))
}

pub(super) fn describe_models(operation: Operation) -> Operation {
    operation
        .named("list_models", "The models that can be chosen.")
        .answers::<List<Model>>(200, "All that are known.")
}

pub(super) async fn providers(call: Call) -> Answer {
    let providers = &call.app.engine().await.providers;
    let items = providers.manager.health().into_iter().map(|health| Provider {
        has_key: providers.with_key.contains(&health.id),
        id: health.id.to_string(),
        circuit: serde_json::json!(health.circuit),
        consecutive_failures: health.consecutive_failures,
        last_error: health.last_error,
        models: health.models.into_iter().map(|(tier, model)| (tier, model.to_string())).collect(),
    });
    Reply::ok(&List::whole(items.collect()))
}

pub(super) fn describe_providers(operation: Operation) -> Operation {
    operation
        .named("list_providers", "The services that answer, in the order they are asked.")
        .answers::<List<Provider>>(200, "All of them.")
}
