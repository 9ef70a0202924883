//! Brave Search.

use async_trait::async_trait;
use livos_core::Secret;
use reqwest::Method;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::Age;
use super::Found;
use super::InvalidSearchSettings;
use super::SearchBackend;
use super::SearchError;
use super::SearchQuery;
use super::endpoint::Endpoint;
use super::endpoint::key_header;
use super::plain;
use crate::outgoing::Request;

/// The search API of Brave.
#[derive(Debug, Clone)]
pub struct Brave {
    endpoint: Endpoint,
    key: HeaderValue,
}

#[derive(Deserialize)]
struct Answer {
    // Left out when nothing was found.
    web: Option<Web>,
}

#[derive(Deserialize)]
struct Web {
    #[serde(default)]
    results: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    title: String,
    url: String,
    #[serde(default)]
    description: String,
    age: Option<String>,
    page_age: Option<String>,
}

impl Brave {
    /// Where it is.
    pub const ADDRESS: &'static str = "https://api.search.brave.com/res/v1";
    const SETTING: &'static str = "BRAVE_API_KEY";
    const TOKEN: HeaderName = HeaderName::from_static("x-subscription-token");

    /// Searches with this key, at `address` ([`ADDRESS`](Self::ADDRESS) unless it is another).
    ///
    /// # Errors
    /// When the key or the address cannot be used.
    pub fn new(key: &Secret, address: &str) -> Result<Self, InvalidSearchSettings> {
        let endpoint = Endpoint::new("Brave Search", Self::SETTING, address, "BRAVE_BASE_URL")?;
        Ok(Self { endpoint, key: key_header("", key, Self::SETTING)? })
    }
}

#[async_trait]
impl SearchBackend for Brave {
    fn name(&self) -> &str {
        "Brave Search"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Found>, SearchError> {
        let mut url = self.endpoint.at("web/search")?;
        url.query_pairs_mut()
            .append_pair("q", &query.text)
            .append_pair("count", &query.count.to_string())
            .append_pair("text_decorations", "false");
        if let Some(age) = query.age {
            let freshness = match age {
                Age::Day => "pd",
                Age::Week => "pw",
                Age::Month => "pm",
                Age::Year => "py",
            };
            url.query_pairs_mut().append_pair("freshness", freshness);
        }
        let headers = HeaderMap::from_iter([
            (Self::TOKEN, self.key.clone()),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let request = Request::new(Method::GET, url).with_headers(headers);
        let answer: Answer = self.endpoint.ask(request).await?;
        let pages = answer.web.map(|web| web.results).unwrap_or_default();
        let found = pages.into_iter().map(|page| Found {
            title: plain(&page.title),
            url: page.url,
            excerpt: plain(&page.description),
            date: page.age.or(page.page_age),
        });
        Ok(found.collect())
    }
}
