//! The sessions, and what was said in them.

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::ToSql;
use rusqlite::params;

use super::queries;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::session_id;
use super::statement::session_key;
use super::statement::stored;
use super::statement::stored_limit;
use super::statement::to_text;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::SessionId;
use crate::store::Fork;
use crate::store::ImportedSession;
use crate::store::Page;
use crate::store::SessionPatch;
use crate::store::SessionQuery;
use crate::store::SessionRecord;
use crate::store::SessionStore;
use crate::store::SessionTransfer;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::session_query::finished_runs;
use crate::store::session_query::search_words;
use crate::store::session_query::words;

const COLUMNS: &str = "id, title, model, created_at, updated_at, parent";
/// The number under which a title is found; entries begin at 1.
const TITLE: u64 = 0;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create_session(&self, session: SessionRecord) -> Result<(), StoreError> {
        self.writer.run(move |db| insert(db, &session).map(|_| ())).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.reader.run(move |db| find(db, id)).await
    }

    async fn sessions(
        &self,
        query: SessionQuery,
        limit: usize,
    ) -> Result<Page<SessionRecord>, StoreError> {
        self.reader.run(move |db| list(db, &query, limit)).await
    }

    async fn update_session(
        &self,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<SessionRecord, StoreError> {
        self.writer.run(move |db| update(db, id, patch)).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        self.writer.submit(move |tables| tables.delete_session(id)).await
    }
}

#[async_trait]
impl SessionTransfer for SqliteStore {
    async fn fork(&self, new: Fork) -> Result<SessionRecord, StoreError> {
        self.writer.run(move |db| fork(db, new)).await
    }

    async fn import(&self, session: ImportedSession) -> Result<(), StoreError> {
        self.writer.run(move |db| import(db, &session)).await
    }
}

/// Adds a session. False when there is one already.
pub(super) fn insert(db: &Connection, session: &SessionRecord) -> Result<bool, StoreError> {
    let inserted = execute(
        db,
        "INSERT INTO sessions (id, title, model, created_at, updated_at, parent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        params![
            session_key(session.id),
            session.title,
            session.model.as_ref().map(ModelName::as_str),
            session.created_at.as_unix_micros(),
            session.updated_at.as_unix_micros(),
            session.parent.map(session_key)
        ],
    )?;
    if inserted > 0
        && let Some(title) = &session.title
    {
        index_title(db, session.id, title)?;
    }
    Ok(inserted > 0)
}

/// Makes sure that a session exists and notes that it changed.
pub(super) fn touch(db: &Connection, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO sessions (id, created_at, updated_at) VALUES (?1, ?2, ?2) \
         ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at",
        params![session_key(id), at.as_unix_micros()],
    )?;
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    let model: Option<String> = row.get(2)?;
    Ok(SessionRecord {
        id: session_id(row, 0)?,
        title: row.get(1)?,
        model: model.map(Into::into),
        created_at: Timestamp::from_unix_micros(row.get(3)?),
        updated_at: Timestamp::from_unix_micros(row.get(4)?),
        parent: row.get::<_, Option<[u8; 16]>>(5)?.map(|_| session_id(row, 5)).transpose()?,
    })
}

pub(super) fn find(db: &Connection, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
    row(db, &query, [session_key(id)], record)
}

fn get(db: &Connection, id: SessionId) -> Result<SessionRecord, StoreError> {
    find(db, id)?.ok_or_else(|| StoreError::not_found("session", &id))
}

pub(super) fn list(
    db: &Connection,
    wanted: &SessionQuery,
    limit: usize,
) -> Result<Page<SessionRecord>, StoreError> {
    let words = wanted.text.as_deref().map(matching).filter(|words| !words.is_empty());
    let place =
        wanted.after.map(|place| (place.updated_at.as_unix_micros(), session_key(place.id)));
    let limit_and_one = stored_limit(limit);
    let parent = wanted.parent.map(session_key);
    let mut query = format!("SELECT {COLUMNS} FROM sessions WHERE parent IS :parent");
    let mut values: Vec<(&str, &dyn ToSql)> =
        vec![(":limit", &limit_and_one), (":parent", &parent)];
    if let Some(words) = &words {
        query.push_str(
            " AND id IN (SELECT session_id FROM said WHERE id IN \
             (SELECT rowid FROM said_text WHERE said_text MATCH :words))",
        );
        values.push((":words", words));
    }
    if let Some((updated_at, id)) = &place {
        query.push_str(" AND (updated_at, id) < (:updated_at, :id)");
        values.extend([(":updated_at", updated_at as &dyn ToSql), (":id", id)]);
    }
    query.push_str(" ORDER BY updated_at DESC, id DESC LIMIT :limit");
    Ok(Page::cut(rows(db, &query, values.as_slice(), record)?, limit))
}

/// The words of a search in FTS5's language: all of them, each as the beginning of a word.
fn matching(text: &str) -> String {
    let words: Vec<_> = search_words(text).iter().map(|word| format!("\"{word}\"*")).collect();
    words.join(" AND ")
}

pub(super) fn update(
    db: &Connection,
    id: SessionId,
    patch: SessionPatch,
) -> Result<SessionRecord, StoreError> {
    let mut record = get(db, id)?;
    if let Some(title) = &patch.title {
        index_title(db, id, title)?;
    }
    patch.apply(&mut record);
    execute(
        db,
        "UPDATE sessions SET title = ?2, model = ?3, updated_at = ?4 WHERE id = ?1",
        params![
            session_key(id),
            record.title,
            record.model.as_ref().map(ModelName::as_str),
            record.updated_at.as_unix_micros()
        ],
    )?;
    Ok(record)
}

/// The sessions that a session started.
pub(super) fn children(db: &Connection, id: SessionId) -> Result<Vec<SessionId>, StoreError> {
    let query = "SELECT id FROM sessions WHERE parent = ?1";
    rows(db, query, [session_key(id)], |row| session_id(row, 0))
}

/// Deletes a session; its entries, runs, queue and deliveries go with it.
pub(super) fn delete(db: &Connection, id: SessionId) -> Result<bool, StoreError> {
    execute(
        db,
        "DELETE FROM said_text WHERE rowid IN (SELECT id FROM said WHERE session_id = ?1)",
        [session_key(id)],
    )?;
    execute(db, "DELETE FROM said WHERE session_id = ?1", [session_key(id)])?;
    Ok(execute(db, "DELETE FROM sessions WHERE id = ?1", [session_key(id)])? > 0)
}

/// Makes the words of a text of a session findable, instead of what had its number before.
pub(super) fn index(
    db: &Connection,
    session: SessionId,
    seq: u64,
    words: &str,
) -> Result<(), StoreError> {
    if seq == TITLE {
        let named = params![session_key(session), stored(TITLE)];
        execute(
            db,
            "DELETE FROM said_text WHERE rowid IN \
             (SELECT id FROM said WHERE session_id = ?1 AND seq = ?2)",
            named,
        )?;
        execute(db, "DELETE FROM said WHERE session_id = ?1 AND seq = ?2", named)?;
    }
    let place = params![session_key(session), stored(seq)];
    execute(db, "INSERT INTO said (session_id, seq) VALUES (?1, ?2)", place)?;
    let id = db.last_insert_rowid();
    execute(db, "INSERT INTO said_text (rowid, text) VALUES (?1, ?2)", params![id, words])?;
    Ok(())
}

/// Makes the title of a session findable.
pub(super) fn index_title(
    db: &Connection,
    session: SessionId,
    title: &str,
) -> Result<(), StoreError> {
    index(db, session, TITLE, &searchable(title))
}

/// The words of a text, for an index.
pub(super) fn searchable(text: &str) -> String {
    let mut searchable = String::with_capacity(text.len());
    for word in words(text) {
        searchable.push_str(&word);
        searchable.push(' ');
    }
    searchable
}

/// Makes everything findable that was said in a session.
pub(super) fn index_all(db: &Connection, session: SessionId) -> Result<(), StoreError> {
    // Of the others, none says anything.
    let query = "SELECT seq, kind FROM entries WHERE session_id = ?1 AND \
                 kind ->> 'type' IN ('run_admitted', 'input_joined', 'assistant_message')";
    let entries = rows(db, query, [session_key(session)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    for (seq, kind) in entries {
        let kind: EventKind = from_text("entry", &kind)?;
        if let Some(text) = kind.said() {
            index(db, session, super::statement::counted(seq), &searchable(&text))?;
        }
    }
    Ok(())
}

pub(super) fn fork(db: &Connection, fork: Fork) -> Result<SessionRecord, StoreError> {
    let Fork { from, up_to, mut into } = fork;
    into.inherit(&get(db, from)?);
    if queries::last_seq(db, from)? < up_to {
        return Err(StoreError::not_found("entry", &up_to));
    }
    insert_new(db, &into)?;
    execute(
        db,
        "INSERT INTO entries (session_id, seq, run_id, at, kind) \
         SELECT ?2, seq, run_id, at, kind FROM entries WHERE session_id = ?1 AND seq <= ?3",
        params![session_key(from), session_key(into.id), stored(up_to)],
    )?;
    index_all(db, into.id)?;
    Ok(into)
}

pub(super) fn import(db: &Connection, imported: &ImportedSession) -> Result<(), StoreError> {
    let ImportedSession { session, entries } = imported;
    insert_new(db, session)?;
    for (seq, entry) in (1..).zip(entries) {
        let kind = to_text("entry", &entry.kind)?;
        queries::insert_entry(db, session.id, seq, (entry.run_id, entry.at), &kind)?;
        if let Some(text) = entry.kind.said() {
            index(db, session.id, seq, &searchable(&text))?;
        }
    }
    for run in finished_runs(session.id, entries) {
        if queries::run(db, run.id)?.is_none() {
            queries::put_run(db, &run)?;
        }
    }
    Ok(())
}

fn insert_new(db: &Connection, session: &SessionRecord) -> Result<(), StoreError> {
    if insert(db, session)? {
        return Ok(());
    }
    Err(StoreError::conflict("session", &session.id, "it exists already"))
}
