//! `web_search`: finds pages, by whichever service is configured.

mod brave;
mod endpoint;
mod searxng;
mod tavily;

use std::fmt::Write;

use async_trait::async_trait;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::brave::Brave;
pub use self::endpoint::InvalidSearchSettings;
pub use self::searxng::SearXng;
pub use self::tavily::Tavily;

/// A service that searches the web.
///
/// # For implementors
/// The future may be dropped at any await point. Leave waiting and repeating to the model.
#[async_trait]
pub trait SearchBackend: Send + Sync + 'static {
    /// Its name, for people and models.
    fn name(&self) -> &str;

    /// Finds pages, best first.
    ///
    /// # Errors
    /// When the service does not answer as it should.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<Found>, SearchError>;
}

#[async_trait]
impl SearchBackend for Box<dyn SearchBackend> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Found>, SearchError> {
        (**self).search(query).await
    }
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchQuery {
    /// The words.
    pub text: String,
    /// How many pages are wanted, 1 to 20.
    pub count: u8,
    /// How old a page may be.
    pub age: Option<Age>,
}

/// How old a page may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Age {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl SearchQuery {
    /// The most pages one search brings.
    pub const MAX_COUNT: u8 = 20;

    /// A search for some pages of any age.
    pub fn new(text: impl Into<String>, count: u8) -> Self {
        Self { text: text.into(), count: count.clamp(1, Self::MAX_COUNT), age: None }
    }
}

/// A page that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// A few words of it, without markup.
    pub excerpt: String,
    /// When it was written, in the words of the service.
    pub date: Option<String>,
}

/// Why a search brought nothing, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The service does not take the key.
    #[error("{service} does not accept the key; its owner must set a valid {setting}")]
    Key {
        /// Who.
        service: &'static str,
        /// The setting to correct.
        setting: &'static str,
    },
    /// What was paid for is used up.
    #[error("the searches paid for at {service} are used up; do without, and tell the user")]
    Quota {
        /// Who.
        service: &'static str,
    },
    /// Too many at once.
    #[error("{service} is asked too often; wait some seconds before the next search")]
    RateLimited {
        /// Who.
        service: &'static str,
    },
    /// The service does not understand the search.
    #[error("{service} does not accept the search: {message}")]
    Refused {
        /// Who.
        service: &'static str,
        /// What it said.
        message: String,
    },
    /// No answer, or none that can be read.
    #[error("{service} cannot be asked: {reason}")]
    Unavailable {
        /// Who.
        service: &'static str,
        /// Why.
        reason: String,
    },
}

impl From<SearchError> for ToolError {
    fn from(error: SearchError) -> Self {
        Self::model(error.to_string())
    }
}

/// Searches the web.
#[derive(Debug, Clone)]
pub struct WebSearch<B> {
    backend: B,
    description: String,
}

/// The arguments of `web_search`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSearchArgs {
    /// What to look for, at most 400 characters.
    query: String,
    /// How many pages to name. Default: 5, maximum: 20.
    count: Option<u8>,
    /// Only pages that are younger than this.
    newer_than: Option<NewerThan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum NewerThan {
    Day,
    Week,
    Month,
    Year,
}

impl From<NewerThan> for Age {
    fn from(newer: NewerThan) -> Self {
        match newer {
            NewerThan::Day => Self::Day,
            NewerThan::Week => Self::Week,
            NewerThan::Month => Self::Month,
            NewerThan::Year => Self::Year,
        }
    }
}

/// How many characters a search may have: the services refuse more.
const MAX_QUERY: usize = 400;
const DEFAULT_COUNT: u8 = 5;
/// How many bytes are shown of one page that was found.
const MAX_EXCERPT: usize = 1_000;

impl<B: SearchBackend> WebSearch<B> {
    /// Searches by this service.
    pub fn new(backend: B) -> Self {
        let description = include_str!("search/search.md").replace("{service}", backend.name());
        Self { backend, description }
    }
}

impl<B: SearchBackend> Tool for WebSearch<B> {
    type Args = WebSearchArgs;

    fn name(&self) -> &str {
        "web_search"
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: WebSearchArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let text = args.query.trim();
        if text.is_empty() || text.chars().count() > MAX_QUERY {
            return Err(ToolError::model(format!("query must have 1 to {MAX_QUERY} characters")));
        }
        let mut query = SearchQuery::new(text, args.count.unwrap_or(DEFAULT_COUNT));
        query.age = args.newer_than.map(Age::from);
        let mut found = self.backend.search(&query).await?;
        found.truncate(query.count.into());
        if found.is_empty() {
            return Ok(ToolOutput::text("[nothing was found; try other words]"));
        }
        Ok(ToolOutput::text(list(&found)).untrusted(self.backend.name()))
    }
}

fn list(found: &[Found]) -> String {
    let mut text = String::new();
    for (at, page) in found.iter().enumerate() {
        let title = if page.title.is_empty() { &page.url } else { &page.title };
        let date = page.date.as_deref().map(|date| format!(" ({date})")).unwrap_or_default();
        let excerpt = page.excerpt.get(..page.excerpt.floor_char_boundary(MAX_EXCERPT));
        let excerpt = excerpt.unwrap_or_default();
        let _ = write!(text, "{}. {title}{date}\n   {}\n   {excerpt}\n\n", at + 1, page.url);
    }
    text.trim_end().to_owned()
}

/// Text as one line, without the tags that services mark words with.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let is_mark = ["<strong>", "</strong>", "<b>", "</b>", "<em>", "</em>"]
            .into_iter()
            .find(|mark| tag.starts_with(mark));
        match is_mark {
            Some(mark) => rest = tag.get(mark.len()..).unwrap_or_default(),
            None => {
                plain.push('<');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_services_are_taken_out() {
        assert_eq!(plain("a <strong>b</strong>\n c <i> 1 < 2"), "a b c <i> 1 < 2");
        assert_eq!(plain("<"), "<");
    }
}
