//! SearXNG, a search engine one can run oneself.

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::Age;
use super::Found;
use super::InvalidSearchSettings;
use super::SearchBackend;
use super::SearchError;
use super::SearchQuery;
use super::endpoint::Endpoint;
use super::plain;
use crate::outgoing::Request;

/// An instance of SearXNG. Its settings must have `json` among `search.formats`.
#[derive(Debug, Clone)]
pub struct SearXng {
    endpoint: Endpoint,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    title: String,
    url: String,
    // Engines that show pictures have none.
    content: Option<String>,
    #[serde(rename = "publishedDate")]
    published_date: Option<String>,
}

impl SearXng {
    /// Searches by the instance at `address`.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(address: &str) -> Result<Self, InvalidSearchSettings> {
        let endpoint = Endpoint::new("SearXNG", "SEARXNG_URL", address, "SEARXNG_URL")?;
        Ok(Self { endpoint })
    }
}

#[async_trait]
impl SearchBackend for SearXng {
    fn name(&self) -> &str {
        "SearXNG"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Found>, SearchError> {
        let mut url = self.endpoint.at("search")?;
        url.query_pairs_mut().append_pair("q", &query.text).append_pair("format", "json");
        if let Some(age) = query.age {
            let range = match age {
                Age::Day => "day",
                Age::Week => "week",
                Age::Month => "month",
                Age::Year => "year",
            };
            url.query_pairs_mut().append_pair("time_range", range);
        }
        let headers = [(header::ACCEPT, HeaderValue::from_static("application/json"))];
        let request = Request::new(Method::GET, url).with_headers(HeaderMap::from_iter(headers));
        let answer: Answer = self.endpoint.ask(request).await.map_err(|error| match error {
            // It has no key: what it refuses is the form of the answer.
            SearchError::Key { service, .. } => SearchError::Unavailable {
                service,
                reason: "the instance does not give JSON; add json to search.formats in its settings.yml"
                    .to_owned(),
            },
            other => other,
        })?;
        let found = answer.results.into_iter().map(|page| Found {
            title: plain(&page.title),
            url: page.url,
            excerpt: plain(&page.content.unwrap_or_default()),
            date: page.published_date,
        });
        Ok(found.collect())
    }
}
