//! The tables, and the steps from each version of them to the next.

use rusqlite::Connection;

use super::Durability;
use super::failure::store_error;
use crate::store::StoreError;

/// Step N takes the tables from version N to N + 1; never change one that was released.
const STEPS: &[&str] = &[include_str!("schema_v1.sql")];

/// Sets the connection up and brings the tables to this version.
pub(super) fn prepare(
    connection: &mut Connection,
    durability: Durability,
) -> Result<(), StoreError> {
    let synchronous = match durability {
        Durability::Strict => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
             PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -2000;"
        ))
        .map_err(store_error)?;
    migrate(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let supported = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    let found: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(store_error)?;
    if found > supported {
        return Err(StoreError::NewerFormat { found, supported });
    }
    for (version, step) in (1..).zip(STEPS).skip(found as usize) {
        let transaction = connection.transaction().map_err(store_error)?;
        transaction.execute_batch(step).map_err(store_error)?;
        transaction.pragma_update(None, "user_version", version).map_err(store_error)?;
        transaction.commit().map_err(store_error)?;
    }
    Ok(())
}
