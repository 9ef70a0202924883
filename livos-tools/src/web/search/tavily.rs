//! Tavily.

use async_trait::async_trait;
use livos_core::Secret;
use reqwest::Method;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;

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

/// The search API of Tavily.
#[derive(Debug, Clone)]
pub struct Tavily {
    endpoint: Endpoint,
    key: HeaderValue,
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
    #[serde(default)]
    content: String,
    published_date: Option<String>,
}

impl Tavily {
    /// Where it is.
    pub const ADDRESS: &'static str = "https://api.tavily.com";
    const SETTING: &'static str = "TAVILY_API_KEY";

    /// Searches with this key, at `address` ([`ADDRESS`](Self::ADDRESS) unless it is another).
    ///
    /// # Errors
    /// When the key or the address cannot be used.
    pub fn new(key: &Secret, address: &str) -> Result<Self, InvalidSearchSettings> {
        let endpoint = Endpoint::new("Tavily", Self::SETTING, address, "TAVILY_BASE_URL")?;
        Ok(Self { endpoint, key: key_header("Bearer ", key, Self::SETTING)? })
    }
}

#[async_trait]
impl SearchBackend for Tavily {
    fn name(&self) -> &str {
        "Tavily"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Found>, SearchError> {
        let url = self.endpoint.at("search")?;
        let mut body = json!({"query": query.text, "max_results": query.count});
        if let (Some(age), Some(fields)) = (query.age, body.as_object_mut()) {
            let range = match age {
                Age::Day => "day",
                Age::Week => "week",
                Age::Month => "month",
                Age::Year => "year",
            };
            fields.insert("time_range".to_owned(), range.into());
        }
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, self.key.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        let request =
            Request::new(Method::POST, url).with_headers(headers).with_body(body.to_string());
        let answer: Answer = self.endpoint.ask(request).await?;
        let found = answer.results.into_iter().map(|page| Found {
            title: plain(&page.title),
            url: page.url,
            excerpt: plain(&page.content),
            date: page.published_date,
        });
        Ok(found.collect())
    }
}
