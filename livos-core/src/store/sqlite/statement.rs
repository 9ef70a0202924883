//! One statement at a time, prepared once, with the store's errors; and the columns of ids.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Params;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::damaged;
use super::failure::store_error;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::ScheduleId;
use crate::id::SessionId;
use crate::store::StoreError;

/// Carries a statement out, and tells how many rows it changed.
pub(super) fn execute(
    db: &Connection,
    statement: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    db.prepare_cached(statement)
        .and_then(|mut statement| statement.execute(params))
        .map_err(store_error)
}

/// All rows of a query.
pub(super) fn rows<T>(
    db: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    db.prepare_cached(query)
        .and_then(|mut query| query.query_map(params, read)?.collect())
        .map_err(store_error)
}

/// The first row of a query.
pub(super) fn row<T>(
    db: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    db.prepare_cached(query)
        .and_then(|mut query| query.query_row(params, read).optional())
        .map_err(store_error)
}

/// The next value of a counter.
pub(super) fn count_up(db: &Connection, counter: &'static str) -> Result<i64, StoreError> {
    let statement = "UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value";
    let value = row(db, statement, [counter], |row| row.get(0))?;
    value.ok_or_else(|| StoreError::Corrupt { message: format!("the counter {counter} is gone") })
}

pub(super) fn to_text(what: &str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(what, &error))
}

pub(super) fn from_text<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(what, &error))
}

pub(super) fn run_key(id: RunId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

pub(super) fn session_key(id: SessionId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

pub(super) fn schedule_key(id: ScheduleId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

pub(super) fn delivery_key(id: DeliveryId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

pub(super) fn run_id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    Ok(RunId::from_u128(u128::from_be_bytes(row.get(column)?)))
}

pub(super) fn session_id(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    Ok(SessionId::from_u128(u128::from_be_bytes(row.get(column)?)))
}

/// A number that cannot be negative, as SQLite has it.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that SQLite has, as what it was.
pub(super) fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// One more than asked for tells whether there is more.
pub(super) fn stored_limit(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}
