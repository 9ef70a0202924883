//! Pages of records, the newest first.

use rusqlite::Connection;
use rusqlite::ToSql;
use serde::de::DeserializeOwned;

use super::statement::from_text;
use super::statement::rows;
use super::statement::stored_limit;
use crate::store::Page;
use crate::store::StoreError;

/// A query for one page. It has only the conditions that there are, so that each combination of them
/// finds its index.
pub(super) struct Listing<'a> {
    what: &'static str,
    query: String,
    values: Vec<&'a dyn ToSql>,
}

impl<'a> Listing<'a> {
    /// Everything in a table; `what` says what damage is told of.
    pub(super) fn of(what: &'static str, table: &'static str) -> Self {
        Self { what, query: format!("SELECT record FROM {table} WHERE TRUE"), values: Vec::new() }
    }

    /// Leaves only what meets a condition on one value, if there is one: `state = ?`.
    pub(super) fn only<V: ToSql>(mut self, condition: &str, value: Option<&'a V>) -> Self {
        if let Some(value) = value {
            self.query.push_str(" AND ");
            self.query.push_str(condition);
            self.values.push(value);
        }
        self
    }

    /// The newest of what is left.
    pub(super) fn page<T: DeserializeOwned>(
        self,
        db: &Connection,
        limit: usize,
    ) -> Result<Page<T>, StoreError> {
        let limit_and_one = stored_limit(limit);
        let Self { what, mut query, values } = self;
        let mut values: Vec<&dyn ToSql> = values;
        query.push_str(" ORDER BY id DESC LIMIT ?");
        values.push(&limit_and_one);
        let records = rows(db, &query, values.as_slice(), |row| row.get::<_, String>(0))?;
        let records: Result<_, _> = records.iter().map(|record| from_text(what, record)).collect();
        Ok(Page::cut(records?, limit))
    }
}
