//! The API described in OpenAPI 3.1, from the route table itself.
//!
//! A route says what it takes and gives beside its handler; parameters of the
//! path, authentication and the problems every route can have are added here.

mod operation;

use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::http::Access;
use crate::http::Route;

pub(crate) use self::operation::Operation;
pub(crate) use self::operation::any_object;

/// Where schemas are in the document.
const SCHEMAS: &str = "/components/schemas";

/// The description of all routes that have one.
pub(crate) fn document(routes: &[Route], server: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in routes {
        let Some(describe) = route.describe else { continue };
        let operation = describe(Operation::new(generator, route.path, route.access));
        let (value, returned) = operation.finish();
        generator = returned;
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), value);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LivOS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Agents, sessions and runs over HTTP. Errors are RFC 9457 problem documents; \
                below /v1/ they have OpenAI's shape.",
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "session": {"type": "apiKey", "in": "cookie", "name": crate::http::SESSION_COOKIE},
            },
        },
    })
}

/// What a route of this access asks for.
fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Key => json!([{"bearer": []}, {"api_key": []}, {"session": []}]),
    }
}
