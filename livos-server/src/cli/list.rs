//! Lists of the API, as commands read them.

use serde_json::Value;

use super::client::Client;
use super::client::ClientError;
use super::status::items;
use super::status::text;

/// How many items the API gives at a time.
const PAGE: usize = 200;
/// How many items a command shows unless asked otherwise.
const USUAL: usize = 50;

/// How much of a list is wanted.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PageArgs {
    /// How many to show at most
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL)]
    limit: usize,
}

impl Default for PageArgs {
    fn default() -> Self {
        Self { limit: USUAL }
    }
}

/// Reads a list page by page, up to what is wanted.
pub(super) async fn read(
    client: &Client,
    path_of_list: &str,
    filter: &[(&str, &str)],
    page: &PageArgs,
) -> Result<Vec<Value>, ClientError> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    while all.len() < page.limit {
        let limit = (page.limit - all.len()).min(PAGE).to_string();
        let mut query = filter.to_vec();
        query.push(("limit", &limit));
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let next: Value = client.get(&path(path_of_list, &query)).await?;
        all.extend(items(&next, "items").cloned());
        text(&next, "next_cursor").clone_into(&mut cursor);
        if cursor.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// A path with parameters.
pub(super) fn path(path: &str, query: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}

/// A time to the second: `2026-01-31 17:05:09`.
pub(super) fn moment(rfc3339: &str) -> String {
    let seconds = rfc3339.split(['.', 'Z']).next().unwrap_or(rfc3339);
    seconds.replace('T', " ")
}
