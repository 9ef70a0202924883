//! Answers.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::json;

use super::problem::Problem;
use super::problem::ProblemKind;

pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;
pub(crate) type Response = hyper::Response<ReplyBody>;
pub(crate) type Answer = Result<Response, Problem>;

/// Makes answers.
pub(crate) struct Reply;

impl Reply {
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
        let text = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
        Ok(Self::bytes(status, "application/json", text))
    }

    pub(crate) fn ok(value: &impl Serialize) -> Answer {
        Self::json(StatusCode::OK, value)
    }

    pub(crate) fn no_content() -> Response {
        Self::empty(StatusCode::NO_CONTENT)
    }

    pub(crate) fn empty(status: StatusCode) -> Response {
        let mut response = Response::new(Empty::new().boxed_unsync());
        *response.status_mut() = status;
        response
    }

    pub(crate) fn bytes(
        status: StatusCode,
        content_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Response {
        let mut response = Response::new(Full::new(content.into()).boxed_unsync());
        *response.status_mut() = status;
        set(response.headers_mut(), header::CONTENT_TYPE, content_type);
        response
    }

    /// Sends a browser elsewhere, to be asked for with GET.
    pub(crate) fn see_other(location: &str) -> Answer {
        let mut response = Self::empty(StatusCode::SEE_OTHER);
        let location =
            HeaderValue::from_str(location).map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    }

    /// A problem in the shape that clients of the path understand.
    pub(crate) fn problem(problem: &Problem, shape: ErrorShape) -> Response {
        let status = shape.status(problem.kind);
        let (content_type, text) = match shape {
            ErrorShape::ProblemJson => {
                ("application/problem+json", serde_json::to_vec(&problem.body()))
            }
            ErrorShape::OpenAi => ("application/json", serde_json::to_vec(&openai_error(problem))),
        };
        let mut response = Self::bytes(status, content_type, text.unwrap_or_default());
        let headers = response.headers_mut();
        if let Some(pause) = problem.retry_after {
            let seconds = pause.as_secs().max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(allow)) = problem.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::ALLOW, allow);
        }
        if problem.kind == ProblemKind::Unauthorized {
            set(headers, header::WWW_AUTHENTICATE, "Bearer realm=\"livos\"");
        }
        if closes_connection(problem.kind) {
            set(headers, header::CONNECTION, "close");
        }
        response
    }
}

/// How an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    ProblemJson,
    /// Below `/v1/`, where OpenAI's own clients call.
    OpenAi,
}

impl ErrorShape {
    pub(crate) fn of_path(path: &str) -> Self {
        if path.starts_with("/v1/") { Self::OpenAi } else { Self::ProblemJson }
    }

    /// OpenAI answers 400 where we say 422, and its clients expect that.
    pub(crate) fn status(self, kind: ProblemKind) -> StatusCode {
        match (self, kind) {
            (Self::OpenAi, ProblemKind::InvalidInput) => StatusCode::BAD_REQUEST,
            (_, kind) => kind.status(),
        }
    }
}

/// What is left of the body is not read, so the connection cannot be used again.
fn closes_connection(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::PayloadTooLarge | ProblemKind::RequestTimeout)
}

pub(crate) fn openai_error(problem: &Problem) -> serde_json::Value {
    let kind = match problem.kind.status() {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {
        "message": problem.detail,
        "type": kind,
        "param": problem.errors.first().map(|error| &error.field),
        "code": problem.kind.slug().replace('-', "_"),
    }})
}

pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
