//! Bounded JSON in.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::LengthLimitError;
use http_body_util::Limited;
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::header;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::problem::ProblemKind;

/// How large a body may be and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// Reads a whole body.
pub(super) async fn read(body: Incoming, limits: BodyLimits) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > u64::try_from(limits.bytes).unwrap_or(u64::MAX) {
        return Err(too_large(limits.bytes));
    }
    let whole = tokio::time::timeout(limits.time, Limited::new(body, limits.bytes).collect());
    match whole.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limits.bytes)),
        Ok(Err(error)) => Err(Problem::new(
            ProblemKind::MalformedRequest,
            format!("the body could not be read to its end: {error}"),
        )),
        Err(_) => Err(Problem::new(
            ProblemKind::RequestTimeout,
            format!("the body did not arrive within {} seconds", limits.time.as_secs()),
        )),
    }
}

/// Refuses bodies that are not declared as JSON. A form or plain text, which
/// a foreign page could send without asking first, is never read.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = media_type.eq_ignore_ascii_case("application/json")
        || media_type.to_ascii_lowercase().ends_with("+json");
    if is_json {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::UnsupportedMediaType,
        "send JSON with the header 'Content-Type: application/json'",
    ))
}

/// Refuses bodies that are not declared as what they must be, as [`require_json`] does.
pub(super) fn require_type(headers: &HeaderMap, media_type: &str) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if declared.eq_ignore_ascii_case(media_type) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::UnsupportedMediaType,
        format!("send it with the header 'Content-Type: {media_type}'"),
    ))
}

/// Reads a JSON object. What is no JSON is malformed; what is the wrong JSON names the field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Arrays would be taken for objects with their fields in order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid_field("body", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = if path == "." { "body".to_owned() } else { path };
            Problem::invalid_field(field, reason(&inner))
        } else {
            not_json(&inner)
        }
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// The message without its position: the field says it better.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(ProblemKind::MalformedRequest, format!("the body is not JSON: {error}"))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(ProblemKind::PayloadTooLarge, format!("the body may have {limit} bytes at most"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Part {
        size: u8,
    }

    fn fault(text: &str) -> (ProblemKind, String) {
        let problem = parse_json::<Input>(text.as_bytes()).unwrap_err();
        let field = problem.errors.first().map(|error| error.field.clone());
        (problem.kind, field.unwrap_or_default())
    }

    #[test]
    fn wrong_fields_are_named_by_path() {
        let path = "parts[1].size".to_owned();
        let text = r#"{"parts": [{"size": 1}, {"size": 300}]}"#;
        assert_eq!(fault(text), (ProblemKind::InvalidInput, path));
        assert_eq!(fault(r#"{"pars": []}"#), (ProblemKind::InvalidInput, "pars".into()));
        assert_eq!(fault("[1]"), (ProblemKind::InvalidInput, "body".into()));
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", "hello", "{} {}", "\u{0}"] {
            assert_eq!(fault(text).0, ProblemKind::MalformedRequest, "{text:?}");
        }
    }
}
