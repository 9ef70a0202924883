//! Failures that come inside an answer whose status was 200.

use livos_core::ProviderError;
use livos_core::ProviderFailure;
use serde_json::Value;

use super::answer::Asked;

/// What an error object, or a whole frame of the kind `error`, means.
pub(super) fn in_band(asked: &Asked, json: &str) -> ProviderError {
    let error = match serde_json::from_str(json) {
        Ok(Value::Object(mut object)) => match object.remove("error") {
            Some(inner @ (Value::Object(_) | Value::String(_))) => inner,
            _ => Value::Object(object),
        },
        Ok(other) => other,
        Err(_) => Value::String(json.to_owned()),
    };
    crate::failure::from_error_object(&asked.provider, &error)
}

/// The model stopped for a reason that makes its answer void.
pub(super) fn broken_off(asked: &Asked, reason: &str) -> Option<ProviderError> {
    let failure = |message| ProviderFailure::new(asked.provider.clone(), message);
    match reason {
        // DeepSeek: its machines were too busy to go on.
        "insufficient_system_resource" => Some(ProviderError::Overloaded(failure(
            "the service had not enough resources to finish the answer",
        ))),
        "error" | "abort" => Some(ProviderError::InterruptedStream(failure(
            "the service broke the answer off without saying why",
        ))),
        _ => None,
    }
}

pub(super) fn unreadable(asked: &Asked, error: serde_json::Error) -> ProviderError {
    let message = "a piece of the answer is not the JSON of a chat completion";
    let failure = ProviderFailure::new(asked.provider.clone(), message);
    ProviderError::MalformedResponse(failure.with_source(error))
}

pub(super) fn malformed(asked: &Asked, message: &str) -> ProviderError {
    ProviderError::MalformedResponse(ProviderFailure::new(asked.provider.clone(), message))
}

pub(super) fn interrupted(asked: &Asked) -> ProviderError {
    let message = "the stream ended before the model gave a finish_reason";
    ProviderError::InterruptedStream(ProviderFailure::new(asked.provider.clone(), message))
}
