//! One request on its way to its handler.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::auth::Caller;
use super::body;
use super::body::BodyLimits;
use super::problem::Problem;
use super::query::Query;
use crate::app::App;

/// One request, let in and matched to its route.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) peer: IpAddr,
    pub(super) parts: Parts,
    pub(super) body: Incoming,
    pub(super) params: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The request as it came, for a service of its own.
    pub(crate) fn into_request(self) -> hyper::Request<Incoming> {
        hyper::Request::from_parts(self.parts, self.body)
    }

    /// The parameters after the question mark.
    pub(crate) fn query(&self) -> Query<'_> {
        Query::parse(self.parts.uri.query().unwrap_or_default())
    }

    /// A segment of the path, such as `id` in `/api/sessions/{id}`.
    pub(crate) fn segment(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// A segment as an id; text that cannot be one names nothing.
    pub(crate) fn id<T: FromStr>(&self, what: &str) -> Result<T, Problem> {
        let text = self.segment("id");
        text.parse().map_err(|_| Problem::not_found(what, text))
    }

    /// Reads the body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let limit = self.app.http.max_body_bytes;
        self.json_within(limit).await
    }

    /// Reads a body as JSON that may bring pictures and files.
    pub(crate) async fn json_with_uploads<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let limit = self.app.http.max_upload_bytes;
        self.json_within(limit).await
    }

    /// Reads a body of another type that may be as large as an upload.
    pub(crate) async fn text_with_uploads(self, media_type: &str) -> Result<Bytes, Problem> {
        body::require_type(&self.parts.headers, media_type)?;
        let limits =
            BodyLimits { bytes: self.app.http.max_upload_bytes, time: self.app.http.body_timeout };
        body::read(self.body, limits).await
    }

    async fn json_within<T: DeserializeOwned>(self, bytes: usize) -> Result<T, Problem> {
        body::require_json(&self.parts.headers)?;
        let limits = BodyLimits { bytes, time: self.app.http.body_timeout };
        body::parse_json(&body::read(self.body, limits).await?)
    }
}
