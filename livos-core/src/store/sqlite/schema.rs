//! The tables, and the steps from each version of them to the next.

use rusqlite::Connection;
use rusqlite::params;

use super::Durability;
use super::failure::store_error;
use super::queries;
use super::queue;
use super::sessions;
use super::statement::count_up;
use super::statement::execute;
use super::statement::rows;
use super::statement::run_id;
use super::statement::run_key;
use super::statement::session_id;
use super::statement::session_key;
use super::statement::to_text;
use crate::store::RunState;
use crate::store::StoreError;

/// How long a write waits for another program that has locked the database: nobody else should.
const LOCK_PATIENCE_MS: u32 = 2000;

/// A step to the next version: statements, then what only a program can do.
struct Step {
    tables: &'static str,
    carry_over: fn(&Connection) -> Result<(), StoreError>,
}

/// Step N takes the tables from version N to N + 1; never change one that was released.
const STEPS: &[Step] = &[
    Step { tables: include_str!("schema_v1.sql"), carry_over: |_| Ok(()) },
    Step { tables: include_str!("schema_v2.sql"), carry_over: fill_v2 },
    Step { tables: include_str!("schema_v3.sql"), carry_over: |_| Ok(()) },
    Step { tables: include_str!("schema_v4.sql"), carry_over: |_| Ok(()) },
    Step { tables: include_str!("schema_v5.sql"), carry_over: |_| Ok(()) },
    Step { tables: include_str!("schema_v6.sql"), carry_over: |_| Ok(()) },
    Step { tables: include_str!("schema_v7.sql"), carry_over: |_| Ok(()) },
];

/// Makes what was said findable, and queues the runs that have not ended.
fn fill_v2(db: &Connection) -> Result<(), StoreError> {
    let sessions = rows(db, "SELECT id, title FROM sessions", [], |row| {
        Ok((session_id(row, 0)?, row.get::<_, Option<String>>(1)?))
    })?;
    for (session, title) in sessions {
        if let Some(title) = title {
            sessions::index_title(db, session, &title)?;
        }
        sessions::index_all(db, session)?;
    }
    let unfinished = rows(
        db,
        "SELECT id FROM runs WHERE state IN ('queued', 'running') ORDER BY id",
        [],
        |row| run_id(row, 0),
    )?;
    for id in unfinished {
        let Some(run) = queries::run(db, id)? else { continue };
        let place = count_up(db, "place")?;
        let begun = u32::from(run.state == RunState::Running);
        execute(
            db,
            "INSERT INTO queue (place, run_id, session_id, rank, state, attempts, origin) \
             VALUES (?1, ?2, ?3, ?1, 'waiting', ?4, ?5)",
            params![
                place,
                run_key(id),
                session_key(run.session_id),
                begun,
                to_text("origin", &run.origin)?
            ],
        )?;
        queue::set_ready(db, run.session_id)?;
    }
    Ok(())
}

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
            "PRAGMA busy_timeout = {LOCK_PATIENCE_MS}; PRAGMA journal_mode = WAL; \
             PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; \
             PRAGMA cache_size = -2000;"
        ))
        .map_err(store_error)?;
    migrate(connection)
}

/// The version of the tables, if this version reads them.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let supported = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    let found: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(store_error)?;
    match found > supported {
        true => Err(StoreError::NewerFormat { found, supported }),
        false => Ok(found),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    for (version, step) in (1..).zip(STEPS).skip(found as usize) {
        let transaction = connection.transaction().map_err(store_error)?;
        transaction.execute_batch(step.tables).map_err(store_error)?;
        (step.carry_over)(&transaction)?;
        transaction.pragma_update(None, "user_version", version).map_err(store_error)?;
        transaction.commit().map_err(store_error)?;
    }
    Ok(())
}
