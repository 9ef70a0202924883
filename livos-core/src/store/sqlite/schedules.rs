//! What is due, and what fired.

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use super::listing::Listing;
use super::sessions;
use super::statement::counted;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::schedule_key;
use super::statement::session_key;
use super::statement::stored;
use super::statement::stored_limit;
use super::statement::to_text;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::id::ScheduleId;
use crate::store::Admission;
use crate::store::DueSchedules;
use crate::store::FIRINGS_KEPT;
use crate::store::FiringRecord;
use crate::store::Page;
use crate::store::ScheduleChange;
use crate::store::ScheduleFilter;
use crate::store::ScheduleRecord;
use crate::store::ScheduleStatus;
use crate::store::ScheduleStore;
use crate::store::SessionRecord;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::WorkSignal;

#[async_trait]
impl ScheduleStore for SqliteStore {
    async fn create_schedule(
        &self,
        schedule: ScheduleRecord,
        session: Option<SessionRecord>,
    ) -> Result<(), StoreError> {
        let created = self.writer.submit(move |tables| {
            tables.signals.push(WorkSignal::ScheduleChanged);
            create(tables.db, &schedule, session.as_ref())
        });
        created.await
    }

    async fn change_schedule(
        &self,
        wanted: ScheduleChange,
    ) -> Result<Option<Admission>, StoreError> {
        self.writer.submit(move |tables| change(tables, &wanted)).await
    }

    async fn delete_schedule(&self, id: ScheduleId) -> Result<bool, StoreError> {
        self.writer.run(move |db| delete(db, id)).await
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError> {
        self.reader.run(move |db| find(db, id)).await
    }

    async fn schedules(
        &self,
        filter: ScheduleFilter,
        limit: usize,
    ) -> Result<Page<ScheduleRecord>, StoreError> {
        self.reader.run(move |db| list(db, &filter, limit)).await
    }

    async fn due_schedules(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueSchedules, StoreError> {
        self.reader.run(move |db| due(db, now, limit)).await
    }

    async fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Page<FiringRecord>, StoreError> {
        self.reader.run(move |db| firings(db, id, before, limit)).await
    }
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

fn create(
    db: &Connection,
    schedule: &ScheduleRecord,
    session: Option<&SessionRecord>,
) -> Result<(), StoreError> {
    if version(db, schedule.id)?.is_some() {
        return Err(StoreError::conflict("schedule", &schedule.id, "it exists already"));
    }
    match session {
        Some(session) => {
            sessions::insert(db, session)?;
        }
        None if sessions::find(db, schedule.session_id)?.is_some() => {}
        None => return Err(StoreError::not_found("session", &schedule.session_id)),
    }
    put(db, schedule)
}

fn version(db: &Connection, id: ScheduleId) -> Result<Option<u64>, StoreError> {
    let query = "SELECT version FROM schedules WHERE id = ?1";
    Ok(row(db, query, [schedule_key(id)], |row| row.get(0))?.map(counted))
}

fn put(db: &Connection, schedule: &ScheduleRecord) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO schedules (id, session_id, user, status, next_at, version, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
         status = excluded.status, next_at = excluded.next_at, version = excluded.version, \
         record = excluded.record",
        params![
            schedule_key(schedule.id),
            session_key(schedule.session_id),
            schedule.origin.user.as_str(),
            schedule.progress.status.name(),
            schedule.progress.next_at.map(Timestamp::as_unix_micros),
            stored(schedule.version),
            to_text("schedule", schedule)?
        ],
    )?;
    Ok(())
}

fn change(
    tables: &mut Tables<'_>,
    wanted: &ScheduleChange,
) -> Result<Option<Admission>, StoreError> {
    let id = wanted.schedule.id;
    let version = version(tables.db, id)?;
    wanted.check(version.ok_or_else(|| StoreError::not_found("schedule", &id))?)?;
    let admission = wanted.run.as_ref().map(|run| tables.admit(run)).transpose()?;
    for firing in &wanted.firings {
        execute(
            tables.db,
            "INSERT INTO firings (schedule_id, slot, record) VALUES (?1, ?2, ?3) \
             ON CONFLICT (schedule_id, slot) DO UPDATE SET record = excluded.record",
            params![schedule_key(id), firing.slot.as_unix_micros(), to_text("firing", firing)?],
        )?;
    }
    if !wanted.firings.is_empty() {
        let kept = i64::try_from(FIRINGS_KEPT).unwrap_or(i64::MAX);
        execute(
            tables.db,
            "DELETE FROM firings WHERE schedule_id = ?1 AND slot <= (SELECT slot FROM firings \
             WHERE schedule_id = ?1 ORDER BY slot DESC LIMIT 1 OFFSET ?2)",
            params![schedule_key(id), kept],
        )?;
    }
    put(tables.db, &wanted.schedule)?;
    if wanted.moves() {
        tables.signals.push(WorkSignal::ScheduleChanged);
    }
    Ok(admission)
}

fn delete(db: &Connection, id: ScheduleId) -> Result<bool, StoreError> {
    Ok(execute(db, "DELETE FROM schedules WHERE id = ?1", [schedule_key(id)])? > 0)
}

fn find(db: &Connection, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError> {
    let record = row(db, "SELECT record FROM schedules WHERE id = ?1", [schedule_key(id)], text)?;
    record.map(|record| from_text("schedule", &record)).transpose()
}

fn list(
    db: &Connection,
    filter: &ScheduleFilter,
    limit: usize,
) -> Result<Page<ScheduleRecord>, StoreError> {
    let session = filter.session_id.map(session_key);
    let user = filter.user.as_ref().map(|user| user.as_str().to_owned());
    let status = filter.status.map(ScheduleStatus::name);
    let before = filter.before.map(schedule_key);
    Listing::of("schedule", "schedules")
        .only("session_id = ?", session.as_ref())
        .only("user = ?", user.as_ref())
        .only("status = ?", status.as_ref())
        .only("id < ?", before.as_ref())
        .page(db, limit)
}

fn due(db: &Connection, now: Timestamp, limit: usize) -> Result<DueSchedules, StoreError> {
    let now = now.as_unix_micros();
    let query = "SELECT record FROM schedules WHERE next_at IS NOT NULL AND next_at <= ?1 \
                 ORDER BY next_at LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let due = rows(db, query, params![now, limit], text)?;
    let due: Result<Vec<_>, _> = due.iter().map(|record| from_text("schedule", record)).collect();
    let due = due?;
    let query = "SELECT next_at FROM schedules WHERE next_at IS NOT NULL \
                 ORDER BY next_at LIMIT 1 OFFSET ?1";
    let passed = i64::try_from(due.len()).unwrap_or(i64::MAX);
    let next = row(db, query, [passed], |row| row.get(0))?;
    Ok(DueSchedules { due, look_again_at: next.map(Timestamp::from_unix_micros) })
}

fn firings(
    db: &Connection,
    id: ScheduleId,
    before: Option<Timestamp>,
    limit: usize,
) -> Result<Page<FiringRecord>, StoreError> {
    let query = "SELECT record FROM firings WHERE schedule_id = ?1 AND slot < ?2 \
                 ORDER BY slot DESC LIMIT ?3";
    let before = before.map_or(i64::MAX, Timestamp::as_unix_micros);
    let found = rows(db, query, params![schedule_key(id), before, stored_limit(limit)], text)?;
    let found: Result<_, _> = found.iter().map(|record| from_text("firing", record)).collect();
    Ok(Page::cut(found?, limit))
}
