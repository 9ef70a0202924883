//! The statements, and rows to values.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;

use super::failure::damaged;
use super::failure::store_error;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Page;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::SessionPatch;
use crate::store::SessionRecord;
use crate::store::StoreError;

pub(super) fn key(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

fn stored_seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn stored_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn last_seq(db: &Connection, session_id: SessionId) -> Result<u64, StoreError> {
    let seq: i64 = db
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM entries WHERE session_id = ?1")
        .and_then(|mut query| query.query_row([key(session_id.as_u128())], |row| row.get(0)))
        .map_err(store_error)?;
    Ok(u64::try_from(seq).unwrap_or_default())
}

pub(super) fn entries(
    db: &Connection,
    session_id: SessionId,
    after: u64,
    limit: usize,
) -> Result<Vec<AgentEvent>, StoreError> {
    let mut query = db
        .prepare_cached(
            "SELECT seq, run_id, at, kind FROM entries \
             WHERE session_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )
        .map_err(store_error)?;
    let mut rows = query
        .query(params![key(session_id.as_u128()), stored_seq(after), stored_limit(limit)])
        .map_err(store_error)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        events.push(entry(row, session_id)?);
    }
    Ok(events)
}

fn entry(row: &Row<'_>, session_id: SessionId) -> Result<AgentEvent, StoreError> {
    let seq: i64 = row.get(0).map_err(store_error)?;
    let run_id: [u8; 16] = row.get(1).map_err(store_error)?;
    let at: i64 = row.get(2).map_err(store_error)?;
    let kind = row.get_ref(3).map_err(store_error)?;
    let kind = kind.as_str().map_err(|error| store_error(error.into()))?;
    Ok(AgentEvent {
        session_id,
        run_id: RunId::from_u128(u128::from_be_bytes(run_id)),
        position: Position::Seq(u64::try_from(seq).unwrap_or_default()),
        at: Timestamp::from_unix_micros(at),
        kind: serde_json::from_str(kind).map_err(|error| damaged("entry", &error))?,
    })
}

/// Adds an entry of which only the kind was made text before.
pub(super) fn insert_entry(
    db: &Connection,
    session_id: SessionId,
    seq: u64,
    (run_id, at): (RunId, Timestamp),
    kind: &str,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO entries (session_id, seq, run_id, at, kind) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .and_then(|mut query| {
        query.execute(params![
            key(session_id.as_u128()),
            stored_seq(seq),
            key(run_id.as_u128()),
            at.as_unix_micros(),
            kind
        ])
    })
    .map_err(store_error)?;
    Ok(())
}

pub(super) fn insert_session(db: &Connection, session: &SessionRecord) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO sessions (id, title, model, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
    )
    .and_then(|mut query| {
        query.execute(params![
            key(session.id.as_u128()),
            session.title,
            session.model.as_ref().map(crate::id::ModelName::as_str),
            session.created_at.as_unix_micros(),
            session.updated_at.as_unix_micros()
        ])
    })
    .map_err(store_error)?;
    Ok(())
}

/// Makes sure that a session exists and notes that it changed.
pub(super) fn touch_session(
    db: &Connection,
    id: SessionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO sessions (id, created_at, updated_at) VALUES (?1, ?2, ?2) \
         ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at",
    )
    .and_then(|mut query| query.execute(params![key(id.as_u128()), at.as_unix_micros()]))
    .map_err(store_error)?;
    Ok(())
}

const SESSION_COLUMNS: &str = "id, title, model, created_at, updated_at";

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    let id: [u8; 16] = row.get(0)?;
    let model: Option<String> = row.get(2)?;
    Ok(SessionRecord {
        id: SessionId::from_u128(u128::from_be_bytes(id)),
        title: row.get(1)?,
        model: model.map(Into::into),
        created_at: Timestamp::from_unix_micros(row.get(3)?),
        updated_at: Timestamp::from_unix_micros(row.get(4)?),
    })
}

pub(super) fn session(db: &Connection, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
    db.prepare_cached(&format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE id = ?1"))
        .and_then(|mut query| query.query_row([key(id.as_u128())], session_row).optional())
        .map_err(store_error)
}

pub(super) fn sessions(
    db: &Connection,
    before: Option<SessionId>,
    limit: usize,
) -> Result<Page<SessionRecord>, StoreError> {
    let before = before.map(|id| key(id.as_u128()));
    let items = db
        .prepare_cached(&format!(
            "SELECT {SESSION_COLUMNS} FROM sessions \
             WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2"
        ))
        .and_then(|mut query| {
            let rows = query
                .query_map(params![before, stored_limit(limit.saturating_add(1))], session_row)?;
            rows.collect::<Result<Vec<_>, _>>()
        })
        .map_err(store_error)?;
    Ok(Page::cut(items, limit))
}

pub(super) fn update_session(
    db: &Connection,
    id: SessionId,
    patch: SessionPatch,
) -> Result<SessionRecord, StoreError> {
    let mut record = session(db, id)?
        .ok_or_else(|| StoreError::NotFound { what: "session", id: id.to_string() })?;
    patch.apply(&mut record);
    db.prepare_cached("UPDATE sessions SET title = ?2, model = ?3, updated_at = ?4 WHERE id = ?1")
        .and_then(|mut query| {
            query.execute(params![
                key(id.as_u128()),
                record.title,
                record.model.as_ref().map(crate::id::ModelName::as_str),
                record.updated_at.as_unix_micros()
            ])
        })
        .map_err(store_error)?;
    Ok(record)
}

/// Deletes a session; its entries and runs go with it.
pub(super) fn delete_session(db: &Connection, id: SessionId) -> Result<bool, StoreError> {
    db.prepare_cached("DELETE FROM sessions WHERE id = ?1")
        .and_then(|mut query| query.execute([key(id.as_u128())]))
        .map(|deleted| deleted > 0)
        .map_err(store_error)
}

pub(super) fn run(db: &Connection, id: RunId) -> Result<Option<RunRecord>, StoreError> {
    let record: Option<String> = db
        .prepare_cached("SELECT record FROM runs WHERE id = ?1")
        .and_then(|mut query| query.query_row([key(id.as_u128())], |row| row.get(0)).optional())
        .map_err(store_error)?;
    record.map(|record| run_record(&record)).transpose()
}

pub(super) fn runs(
    db: &Connection,
    filter: &RunFilter,
    limit: usize,
) -> Result<Page<RunRecord>, StoreError> {
    let records = db
        .prepare_cached(
            "SELECT record FROM runs WHERE (?1 IS NULL OR session_id = ?1) \
             AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR id < ?3) \
             ORDER BY id DESC LIMIT ?4",
        )
        .and_then(|mut query| {
            let rows = query.query_map(
                params![
                    filter.session_id.map(|id| key(id.as_u128())),
                    filter.state.map(state_name),
                    filter.before.map(|id| key(id.as_u128())),
                    stored_limit(limit.saturating_add(1))
                ],
                |row| row.get::<_, String>(0),
            )?;
            rows.collect::<Result<Vec<_>, _>>()
        })
        .map_err(store_error)?;
    let records: Result<Vec<_>, _> = records.iter().map(|record| run_record(record)).collect();
    Ok(Page::cut(records?, limit))
}

pub(super) fn put_run(db: &Connection, run: &RunRecord) -> Result<(), StoreError> {
    let record = serde_json::to_string(run).map_err(|error| damaged("run", &error))?;
    db.prepare_cached(
        "INSERT INTO runs (id, session_id, state, record) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record",
    )
    .and_then(|mut query| {
        query.execute(params![
            key(run.id.as_u128()),
            key(run.session_id.as_u128()),
            state_name(run.state),
            record
        ])
    })
    .map_err(store_error)?;
    Ok(())
}

fn run_record(text: &str) -> Result<RunRecord, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged("run", &error))
}

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Completed => "completed",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Exhausted => "exhausted",
    }
}
