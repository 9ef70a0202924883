//! Checks a model's arguments before a tool sees them, and says where they are wrong.

use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;

use super::RegisterToolError;
use super::ToolSpec;
#[cfg(feature = "validate")]
use crate::id::ToolName;

/// Arguments that do not fit, with the place where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid arguments: {}", .problems.join("; "))]
pub(crate) struct InvalidArguments {
    /// Each "at `path`: what is wrong there", at most [`InvalidArguments::MAX_PROBLEMS`].
    pub(crate) problems: Vec<String>,
}

impl InvalidArguments {
    /// How many problems a model is told of at once.
    #[cfg(feature = "validate")]
    const MAX_PROBLEMS: usize = 5;

    /// What a model was told before, read back.
    pub(crate) fn told(text: &str) -> Self {
        let problem = text.strip_prefix("invalid arguments: ").unwrap_or(text);
        Self { problems: vec![problem.to_owned()] }
    }
}

/// Reads typed arguments.
pub(crate) fn parse<A: DeserializeOwned>(
    arguments: &Map<String, Value>,
) -> Result<A, InvalidArguments> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "(root)" } else { &path };
        InvalidArguments { problems: vec![format!("at `{place}`: {}", error.inner())] }
    })
}

/// A tool's compiled schema. Without the feature `validate` it accepts everything,
/// and typed arguments are checked by their type alone.
pub(crate) struct ArgumentSchema {
    #[cfg(feature = "validate")]
    validator: jsonschema::Validator,
}

#[cfg(feature = "validate")]
impl ArgumentSchema {
    pub(crate) fn compile(spec: &ToolSpec) -> Result<Self, RegisterToolError> {
        let validator = jsonschema::validator_for(&spec.input_schema).map_err(|error| {
            RegisterToolError::InvalidSchema { tool: spec.name.clone(), message: error.to_string() }
        })?;
        Ok(Self { validator })
    }

    /// Of what a person answers: formats such as `email` and `date` count as well.
    pub(crate) fn of_answer(schema: &Value) -> Result<Self, RegisterToolError> {
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.build(schema).map_err(|error| {
            let tool = ToolName::from("answer");
            RegisterToolError::InvalidSchema { tool, message: error.to_string() }
        })?;
        Ok(Self { validator })
    }

    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), InvalidArguments> {
        let instance = Value::Object(arguments.clone());
        let problems: Vec<String> = self
            .validator
            .iter_errors(&instance)
            .take(InvalidArguments::MAX_PROBLEMS)
            .map(|error| {
                let path = error.instance_path().to_string();
                format!("at `{}`: {error}", if path.is_empty() { "(root)" } else { &path })
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(InvalidArguments { problems }) }
    }
}

#[cfg(not(feature = "validate"))]
impl ArgumentSchema {
    #[expect(clippy::unnecessary_wraps, reason = "fails only where schemas are compiled")]
    pub(crate) fn compile(_: &ToolSpec) -> Result<Self, RegisterToolError> {
        Ok(Self {})
    }

    #[expect(clippy::unnecessary_wraps, reason = "fails only where schemas are compiled")]
    pub(crate) fn of_answer(_: &Value) -> Result<Self, RegisterToolError> {
        Ok(Self {})
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing is compiled to check against"
    )]
    pub(crate) fn check(&self, _: &Map<String, Value>) -> Result<(), InvalidArguments> {
        Ok(())
    }
}
