//! The journal and the runs.

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use super::failure::damaged;
use super::failure::store_error;
use super::listing::Listing;
use super::statement::counted;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::run_key;
use super::statement::session_key;
use super::statement::stored;
use super::statement::to_text;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Trigger;
use crate::store::Append;
use crate::store::Journal;
use crate::store::Page;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::RunStore;
use crate::store::SqliteStore;
use crate::store::StoreError;

#[async_trait]
impl Journal for SqliteStore {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        self.writer.append(append).await
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        self.reader.run(move |db| entries(db, session_id, after, limit)).await
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        self.reader.run(move |db| last_seq(db, session_id)).await
    }
}

#[async_trait]
impl RunStore for SqliteStore {
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.reader.run(move |db| run(db, id)).await
    }

    async fn runs(&self, filter: RunFilter, limit: usize) -> Result<Page<RunRecord>, StoreError> {
        self.reader.run(move |db| runs(db, &filter, limit)).await
    }
}

pub(super) fn last_seq(db: &Connection, session_id: SessionId) -> Result<u64, StoreError> {
    let query = "SELECT coalesce(max(seq), 0) FROM entries WHERE session_id = ?1";
    let seq = row(db, query, [session_key(session_id)], |row| row.get(0))?;
    Ok(counted(seq.unwrap_or_default()))
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
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows =
        query.query(params![session_key(session_id), stored(after), limit]).map_err(store_error)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        events.push(entry(row, session_id)?);
    }
    Ok(events)
}

fn entry(row: &Row<'_>, session_id: SessionId) -> Result<AgentEvent, StoreError> {
    let kind = row.get_ref(3).map_err(store_error)?;
    let kind = kind.as_str().map_err(|error| store_error(error.into()))?;
    Ok(AgentEvent {
        session_id,
        run_id: super::statement::run_id(row, 1).map_err(store_error)?,
        position: Position::Seq(counted(row.get(0).map_err(store_error)?)),
        at: Timestamp::from_unix_micros(row.get(2).map_err(store_error)?),
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
    execute(
        db,
        "INSERT INTO entries (session_id, seq, run_id, at, kind) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![session_key(session_id), stored(seq), run_key(run_id), at.as_unix_micros(), kind],
    )?;
    Ok(())
}

pub(super) fn run(db: &Connection, id: RunId) -> Result<Option<RunRecord>, StoreError> {
    let query = "SELECT record FROM runs WHERE id = ?1";
    let record = row(db, query, [run_key(id)], |row| row.get::<_, String>(0))?;
    record.map(|record| from_text("run", &record)).transpose()
}

pub(super) fn runs(
    db: &Connection,
    filter: &RunFilter,
    limit: usize,
) -> Result<Page<RunRecord>, StoreError> {
    let session = filter.session_id.map(session_key);
    let state = filter.state.map(state_name);
    let before = filter.before.map(run_key);
    let parent = filter.parent.map(run_key);
    let trigger = filter.trigger.map(trigger_name).transpose()?;
    Listing::of("run", "runs")
        .only("session_id = ?", session.as_ref())
        .only("state = ?", state.as_ref())
        .only("parent = ?", parent.as_ref())
        .only("trigger = ?", trigger.as_ref())
        .only("id < ?", before.as_ref())
        .page(db, limit)
}

pub(super) fn put_run(db: &Connection, run: &RunRecord) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO runs (id, session_id, state, record, parent, trigger) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record",
        params![
            run_key(run.id),
            session_key(run.session_id),
            state_name(run.state),
            to_text("run", run)?,
            run.parent_run_id.map(run_key),
            trigger_name(run.trigger)?,
        ],
    )?;
    Ok(())
}

fn trigger_name(trigger: Trigger) -> Result<String, StoreError> {
    let name = serde_json::to_value(trigger).map_err(|error| damaged("trigger", &error))?;
    Ok(name.as_str().unwrap_or_default().to_owned())
}

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "queued",
        RunState::Waiting => "waiting",
        RunState::Running => "running",
        RunState::Completed => "completed",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Exhausted => "exhausted",
    }
}
