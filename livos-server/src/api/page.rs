//! Lists, part by part.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::http::Query;
use crate::openapi::Operation;

/// How many items a list has unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// How many items one answer may have.
const MAX_LIMIT: usize = 200;

/// Part of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct List<T> {
    /// The items, in the order of the list.
    pub(super) items: Vec<T>,
    /// Give this as `cursor` to get the items that follow; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A list that is all there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// The number of items asked for.
pub(super) fn limit(query: &mut Query<'_>) -> usize {
    let expected = "a number from 1 to 200";
    let limit = query.value("limit", expected).unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        query.fault("limit", format!("must be {expected}"));
    }
    limit.clamp(1, MAX_LIMIT)
}

/// The place to go on at.
pub(super) fn cursor<T: FromStr>(query: &mut Query<'_>) -> Option<T> {
    query.value("cursor", "a next_cursor of an earlier answer")
}

/// Says that a route takes `limit`.
pub(super) fn describe_limit(operation: Operation) -> Operation {
    let schema =
        json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT});
    operation.query("limit", &schema, "How many items to give at most.")
}

/// Says that a route takes `cursor` and `limit`.
pub(super) fn describe_paging(operation: Operation) -> Operation {
    let schema = json!({"type": "string"});
    describe_limit(operation.query("cursor", &schema, "The `next_cursor` of the answer before."))
}

/// Larger numbers are not exact in JSON, and no journal gets there.
const MAX_ENTRY: u64 = (1 << 53) - 1;

/// The number of a journal entry.
pub(super) fn entry(query: &mut Query<'_>, name: &str) -> Option<u64> {
    let expected = "the number of a journal entry";
    let number = query.value(name, expected)?;
    if number > MAX_ENTRY {
        query.fault(name, format!("must be {expected}"));
    }
    Some(number)
}

/// The schema of such a number.
pub(super) fn entry_number() -> serde_json::Value {
    json!({"type": "integer", "minimum": 0, "maximum": MAX_ENTRY})
}
