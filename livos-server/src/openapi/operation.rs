//! One method of one path.

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::security;
use crate::http::Access;
use crate::http::ErrorShape;
use crate::http::Problem;
use crate::http::ProblemBody;
use crate::http::ProblemKind;

/// Problems that any route can have, before its handler is asked.
const ALWAYS: [ProblemKind; 4] = [
    ProblemKind::MalformedRequest,
    ProblemKind::HostNotAllowed,
    ProblemKind::Internal,
    ProblemKind::Unavailable,
];
/// Problems of routes that need a key.
const WITH_KEY: [ProblemKind; 2] = [ProblemKind::Unauthorized, ProblemKind::TooManyRequests];
/// Problems of routes that read a body.
const WITH_BODY: [ProblemKind; 4] = [
    ProblemKind::RequestTimeout,
    ProblemKind::PayloadTooLarge,
    ProblemKind::UnsupportedMediaType,
    ProblemKind::InvalidInput,
];

/// What is said about one method of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    generator: SchemaGenerator,
    path: &'static str,
    value: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
    problems: Vec<ProblemKind>,
}

impl Operation {
    pub(super) fn new(generator: SchemaGenerator, path: &'static str, access: Access) -> Self {
        let segments = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = segments
            .map(|name| {
                let schema = match name {
                    "id" => json!({"type": "string", "format": "uuid"}),
                    _ => json!({"type": "string"}),
                };
                json!({"name": name, "in": "path", "required": true, "schema": schema})
            })
            .collect::<Vec<_>>();
        let mut problems = ALWAYS.to_vec();
        if access == Access::Key {
            problems.extend(WITH_KEY);
        }
        if !parameters.is_empty() {
            problems.push(ProblemKind::NotFound);
        }
        let value = Map::from_iter([("security".to_owned(), security(access))]);
        Self { generator, path, value, parameters, responses: Map::new(), problems }
    }

    /// Its id in generated clients, and what it does in one sentence.
    pub(crate) fn named(mut self, id: &str, summary: &str) -> Self {
        self.value.insert("operationId".to_owned(), id.into());
        self.value.insert("summary".to_owned(), summary.into());
        self
    }

    /// An optional parameter after the question mark.
    pub(crate) fn query(mut self, name: &str, schema: &Value, description: &str) -> Self {
        let text = json!({"name": name, "in": "query", "required": false, "schema": schema, "description": description});
        self.parameters.push(text);
        self.problem(ProblemKind::InvalidInput)
    }

    /// An optional header.
    pub(crate) fn header(mut self, name: &str, schema: &Value, description: &str) -> Self {
        let text = json!({"name": name, "in": "header", "required": false, "schema": schema, "description": description});
        self.parameters.push(text);
        self.problem(ProblemKind::InvalidInput)
    }

    /// The JSON body it takes.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        let schema = self.generator.subschema_for::<T>();
        let content = json!({"application/json": {"schema": schema}});
        self.value.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
        self.problems.extend(WITH_BODY);
        self
    }

    /// A body that is no JSON.
    pub(crate) fn body_as(mut self, media_type: &'static str) -> Self {
        let content = json!({media_type: {"schema": {"type": "string"}}});
        self.value.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
        self.problems.extend(WITH_BODY);
        self
    }

    /// A JSON answer.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16, description: &str) -> Self {
        let schema = self.generator.subschema_for::<T>();
        self.respond(status, description, "application/json", &Value::from(schema))
    }

    /// An answer that is no JSON; without a media type it has no body.
    pub(crate) fn answers_as(
        mut self,
        status: u16,
        description: &str,
        media_type: &'static str,
    ) -> Self {
        if media_type.is_empty() {
            self.responses.insert(status.to_string(), json!({"description": description}));
            return self;
        }
        // OpenAPI 3.1 has no words for the items of a stream; a string they are not.
        let schema = match media_type {
            "text/event-stream" => json!({}),
            _ => json!({"type": "string"}),
        };
        self.respond(status, description, media_type, &schema)
    }

    /// A problem it can have beside those that follow from what it takes.
    pub(crate) fn problem(mut self, kind: ProblemKind) -> Self {
        self.problems.push(kind);
        self
    }

    fn respond(mut self, status: u16, description: &str, media_type: &str, schema: &Value) -> Self {
        let response = self
            .responses
            .entry(status.to_string())
            .or_insert_with(|| json!({"description": description, "content": {}}));
        if let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) {
            content.insert(media_type.to_owned(), json!({"schema": schema}));
        }
        self
    }

    pub(super) fn finish(mut self) -> (Value, SchemaGenerator) {
        let shape = ErrorShape::of_path(self.path);
        let (media_type, schema) = if shape == ErrorShape::OpenAi {
            ("application/json", any_object(&mut self.generator))
        } else {
            ("application/problem+json", self.generator.subschema_for::<ProblemBody<'_>>())
        };
        let schema = Value::from(schema);
        for kind in std::mem::take(&mut self.problems) {
            let status = shape.status(kind).as_u16();
            let description = Problem::new(kind, "").body().title().to_owned();
            self = self.respond(status, &description, media_type, &schema);
        }
        if !self.parameters.is_empty() {
            self.value.insert("parameters".to_owned(), self.parameters.into());
        }
        self.value.insert("responses".to_owned(), Value::Object(self.responses));
        (Value::Object(self.value), self.generator)
    }
}

/// The schema of JSON that is described elsewhere (events, messages, other people's APIs).
pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "object"})
}
