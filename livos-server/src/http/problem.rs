//! What goes wrong, as RFC 9457 tells it.

use std::time::Duration;

use hyper::StatusCode;
use livos_core::Redactor;
use schemars::JsonSchema;
use serde::Serialize;

/// A request that was not answered as asked.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) retry_after: Option<Duration>,
    /// The methods a route has, for `Allow`.
    pub(crate) allow: Option<String>,
}

/// One part of the input that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FieldError {
    /// The path of the field in the body, or the name of the query parameter.
    pub(crate) field: String,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

/// The kinds of problem. Their names are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    MalformedRequest,
    Unauthorized,
    HostNotAllowed,
    OriginNotAllowed,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    RunUnderWay,
    PayloadTooLarge,
    UnsupportedMediaType,
    InvalidInput,
    TooManyRequests,
    Internal,
    ProviderFailed,
    Unavailable,
    StorageFailed,
}

impl ProblemKind {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::MalformedRequest,
        Self::Unauthorized,
        Self::HostNotAllowed,
        Self::OriginNotAllowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::RunUnderWay,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidInput,
        Self::TooManyRequests,
        Self::Internal,
        Self::ProviderFailed,
        Self::Unavailable,
        Self::StorageFailed,
    ];

    /// Its name in `type`, after `urn:livos:problem:`.
    pub(crate) fn slug(self) -> &'static str {
        self.facts().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.facts().1
    }

    fn title(self) -> &'static str {
        self.facts().2
    }

    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MalformedRequest => {
                ("malformed-request", StatusCode::BAD_REQUEST, "The request cannot be read")
            }
            Self::Unauthorized => {
                ("unauthorized", StatusCode::UNAUTHORIZED, "A valid key is needed")
            }
            Self::HostNotAllowed => {
                ("host-not-allowed", StatusCode::FORBIDDEN, "The host name is not allowed")
            }
            Self::OriginNotAllowed => {
                ("origin-not-allowed", StatusCode::FORBIDDEN, "The origin is not allowed")
            }
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is nothing here"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
            ),
            Self::RequestTimeout => {
                ("request-timeout", StatusCode::REQUEST_TIMEOUT, "The request came too slowly")
            }
            Self::Conflict => {
                ("conflict", StatusCode::CONFLICT, "The request does not fit the present state")
            }
            Self::RunUnderWay => {
                ("run-under-way", StatusCode::CONFLICT, "A run of the session is not over")
            }
            Self::PayloadTooLarge => {
                ("payload-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
            }
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has the wrong type",
            ),
            Self::InvalidInput => {
                ("invalid-input", StatusCode::UNPROCESSABLE_ENTITY, "The input cannot be used")
            }
            Self::TooManyRequests => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The server failed"),
            Self::ProviderFailed => {
                ("provider-failed", StatusCode::BAD_GATEWAY, "The model's provider failed")
            }
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The server cannot answer now")
            }
            Self::StorageFailed => {
                ("storage-failed", StatusCode::INSUFFICIENT_STORAGE, "The store cannot keep this")
            }
        }
    }
}

impl Problem {
    /// The same, with no secret in what it says.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        let clean = |text: &mut String| {
            if redactor.finds(text) {
                *text = redactor.clean(text).into_owned();
            }
        };
        clean(&mut self.detail);
        for error in &mut self.errors {
            clean(&mut error.field);
            clean(&mut error.message);
        }
        self
    }
}

/// The body of a problem, `application/problem+json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// A stable name of the kind of problem, such as `urn:livos:problem:not-found`.
    r#type: String,
    /// The kind in words; always the same for one kind.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, and what would help.
    detail: &'a str,
    /// The fields that cannot be used.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schemars(default)]
    errors: &'a [FieldError],
}

impl ProblemBody<'_> {
    pub(crate) fn title(&self) -> &str {
        self.title
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None, allow: None }
    }

    /// Nothing of this name.
    pub(crate) fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {what} '{id}'"))
    }

    /// The input has these faults.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            several => format!("{} fields cannot be used", several.len()),
        };
        Self { errors, ..Self::new(ProblemKind::InvalidInput, detail) }
    }

    /// The input has this one fault.
    pub(crate) fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Our own fault: the cause goes to the log and not to the caller.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Causes(cause), "a request failed inside");
        Self::new(ProblemKind::Internal, "something failed inside the server; its log says what")
    }

    pub(crate) fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    pub(crate) fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            r#type: format!("urn:livos:problem:{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        }
    }
}

/// An error and what caused it, in one line.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |error| error.source())
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_rfc_9457_has_it() {
        let problem = Problem::invalid(vec![
            FieldError { field: "text".into(), message: "is missing".into() },
            FieldError {
                field: "mode".into(),
                message: "must be steer, queue or interrupt".into(),
            },
        ]);
        insta::assert_json_snapshot!(problem.body());
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let mut slugs = ProblemKind::ALL.map(ProblemKind::slug).to_vec();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
    }
}
