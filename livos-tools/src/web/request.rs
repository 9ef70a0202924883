//! `http_request`: talks to a service over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use reqwest::Method;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

use super::charset::decode;
use super::kind::Declared;
use super::kind::Kind;
use super::paging::part;
use crate::outgoing::Answer;
use crate::outgoing::BodyEnd;
use crate::outgoing::GuardedClient;
use crate::outgoing::Limits;
use crate::outgoing::Redirects;
use crate::outgoing::Request;

/// Makes HTTP requests of any method.
///
/// One tool has one effect, so that of its strongest method: [`Effect::Destructive`]. Reading needs
/// no such tool: `web_fetch` is read-only.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    client: GuardedClient,
}

/// The arguments of `http_request`. Its `Debug` shows no header and no body: they may hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequestArgs {
    /// The address: http or https, without user and password.
    url: String,
    /// The method. Default: GET.
    #[serde(default)]
    method: Verb,
    /// Headers by name, at most 40.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What to send, at most 1 MiB. JSON is sent as application/json unless headers say otherwise.
    body: Option<String>,
    /// Whether to follow redirects. Default: only for GET and HEAD.
    follow_redirects: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
enum Verb {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
            Self::Options => Method::OPTIONS,
        }
    }
}

impl std::fmt::Debug for HttpRequestArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRequestArgs")
            .field("method", &self.method)
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

/// What the client sets itself, or what would change how the message is read on its way.
const OF_THE_CLIENT: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
];

impl HttpRequest {
    const MAX_HEADERS: usize = 40;
    /// How many bytes may be sent.
    const MAX_SENT: usize = 1024 * 1024;
    /// How many bytes of an answer are kept, unpacked.
    const MAX_BODY: usize = 256 * 1024;
    /// How many bytes of an answer are shown.
    const MAX_SHOWN: usize = 32 * 1024;
    /// How many bytes of an answer's headers are shown.
    const MAX_HEADERS_SHOWN: usize = 4 * 1024;
    const TIME: Duration = Duration::from_secs(45);

    /// Talks to what `client` may reach.
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }
}

impl Tool for HttpRequest {
    type Args = HttpRequestArgs;

    fn name(&self) -> &str {
        "http_request"
    }

    fn description(&self) -> &str {
        include_str!("request.md")
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(&self, args: HttpRequestArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let url = self.client.guard().check_url(&args.url)?;
        let mut headers = headers(&args.headers)?;
        let changes_nothing = matches!(args.method, Verb::Get | Verb::Head | Verb::Options);
        let redirects = match args.follow_redirects.unwrap_or(changes_nothing) {
            true => Redirects::Follow,
            false => Redirects::Show,
        };
        let mut request = Request::new(args.method.method(), url).with_redirects(redirects);
        if let Some(body) = args.body {
            if body.len() > Self::MAX_SENT {
                return Err(ToolError::model(format!(
                    "body has {} bytes: at most {} can be sent",
                    body.len(),
                    Self::MAX_SENT
                )));
            }
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            let media_type = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert_with(|| HeaderValue::from_static(media_type));
            request = request.with_body(body);
        }
        let request = request.with_headers(headers);
        let answer = self.client.send(request, Limits::new(Self::MAX_BODY, Self::TIME)).await?;
        Ok(shown(&answer))
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_output_limit(Self::MAX_SHOWN + Self::MAX_HEADERS_SHOWN + 4 * 1024)
            .with_disclosure(Disclosure::WhenFound)
    }
}

fn headers(typed: &BTreeMap<String, String>) -> Result<HeaderMap, ToolError> {
    if typed.len() > HttpRequest::MAX_HEADERS {
        return Err(ToolError::model(format!(
            "headers has {} entries: at most {} can be sent",
            typed.len(),
            HttpRequest::MAX_HEADERS
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in typed {
        // Names only: a value may be a secret, and errors are written down.
        let wrong = |problem: &str| ToolError::model(format!("headers: '{name}' {problem}"));
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong("is no header name"))?;
        if OF_THE_CLIENT.contains(&name) {
            return Err(wrong("is set by the client; leave it out"));
        }
        let mut value = HeaderValue::try_from(value.as_str())
            .map_err(|_| wrong("has a value with control characters"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn shown(answer: &Answer) -> ToolOutput {
    let mut text = format!("HTTP {}\n", answer.status);
    for (name, value) in &answer.headers {
        // A session that the model has no use for, and that would stay in the journal.
        let value = match *name == header::SET_COOKIE {
            true => "(not shown)".into(),
            false => String::from_utf8_lossy(value.as_bytes()),
        };
        if text.len() + name.as_str().len() + value.len() > HttpRequest::MAX_HEADERS_SHOWN {
            text.push_str("[more headers are not shown]\n");
            break;
        }
        let _ = writeln!(text, "{name}: {value}");
    }
    let declared = Declared::of(&answer.headers);
    let bytes = &answer.body.bytes;
    let mut remark = None;
    match Kind::of(bytes, &declared) {
        Kind::Html | Kind::Text => {
            let body = decode(bytes, declared.charset.as_deref());
            let part = part(&body, 0, usize::MAX, HttpRequest::MAX_SHOWN);
            if let Some(part) = part {
                let _ = write!(text, "\n{}", part.text);
                if part.end < part.total || answer.body.end != BodyEnd::Whole {
                    remark = Some(format!(
                        "\n[the first {} bytes of the body are shown; there is more]",
                        part.text.len()
                    ));
                }
            }
        }
        Kind::Image(_) | Kind::Pdf | Kind::Other => {
            let _ = write!(text, "\n[a body of {} bytes that is no text]", bytes.len());
        }
    }
    let mut output = ToolOutput::text(text).untrusted(answer.url.as_str());
    if let Some(remark) = remark {
        output.content.push(livos_core::ContentBlock::text(remark));
        output = output.truncated();
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<HeaderMap, ToolError> {
        headers(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn headers_that_are_not_the_models_are_refused_by_name() {
        for (name, value) in [
            ("Host", "x"),
            ("content-length", "1"),
            ("bad name", "x"),
            ("x", "a\r\nb: c"),
            ("", "x"),
        ] {
            let error = one(name, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("headers: '{name}'")), "{error}");
        }
        let error = one("authorization", "Bearer s3cret\n").unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        let headers = one("Authorization", "Bearer s3cret").unwrap();
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[test]
    fn arguments_show_no_secrets() {
        let args: HttpRequestArgs = serde_json::from_value(serde_json::json!({
            "url": "https://example.org/?key=s3cret",
            "headers": {"authorization": "s3cret"},
            "body": "s3cret",
        }))
        .unwrap();
        assert!(!format!("{args:?}").contains("s3cret"));
    }
}
