//! What is remembered.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use super::statement::counted;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::stored;
use super::statement::stored_limit;
use super::statement::to_text;
use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::ChangedFact;
use crate::store::Embedding;
use crate::store::FactChange;
use crate::store::FactFilter;
use crate::store::FactRecord;
use crate::store::FactStore;
use crate::store::FactVersions;
use crate::store::FactsWritten;
use crate::store::Page;
use crate::store::SqliteStore;
use crate::store::StoreError;

#[async_trait]
impl FactStore for SqliteStore {
    async fn change_facts(&self, wanted: FactChange) -> Result<FactsWritten, StoreError> {
        self.writer.run(move |db| change(db, &wanted)).await
    }

    async fn facts_named(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
    ) -> Result<Vec<FactRecord>, StoreError> {
        let user = user.clone();
        self.reader.run(move |db| named(db, &user, &ids)).await
    }

    async fn facts(
        &self,
        filter: FactFilter,
        limit: usize,
    ) -> Result<Page<FactRecord>, StoreError> {
        self.reader.run(move |db| list(db, &filter, limit)).await
    }

    async fn fact_changes(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChangedFact>, StoreError> {
        let user = user.clone();
        self.reader.run(move |db| changes(db, &user, after, limit)).await
    }

    async fn recall_facts(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let user = user.clone();
        self.writer.run(move |db| recall(db, &user, &ids, at)).await
    }
}

fn key(id: FactId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

fn fact_id(row: &Row<'_>, column: usize) -> rusqlite::Result<FactId> {
    Ok(FactId::from_u128(u128::from_be_bytes(row.get(column)?)))
}

/// The columns that make a fact, in the order that [`Stored`] reads them.
const COLUMNS: &str = "record, recalled_at, coalesce(recalls, 0), embedding_model, embedding";
const COLUMNS_WITHOUT_EMBEDDING: &str = "record, recalled_at, coalesce(recalls, 0), NULL, NULL";
/// The tables that have them.
const TABLES: &str = "facts LEFT JOIN fact_recalls USING (user, id)";

struct Stored {
    record: String,
    recalled_at: Option<i64>,
    recalls: i64,
    model: Option<String>,
    values: Option<Vec<u8>>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            record: row.get(0)?,
            recalled_at: row.get(1)?,
            recalls: row.get(2)?,
            model: row.get(3)?,
            values: row.get(4)?,
        })
    }

    fn fact(self) -> Result<FactRecord, StoreError> {
        let mut fact: FactRecord = from_text("fact", &self.record)?;
        fact.recalled_at = self.recalled_at.map(Timestamp::from_unix_micros);
        fact.recalls = counted(self.recalls);
        fact.embedding = match (self.model, self.values) {
            (Some(model), Some(values)) => {
                Some(Embedding { model: model.into(), values: numbers(&values)? })
            }
            _ => None,
        };
        Ok(fact)
    }
}

fn numbers(bytes: &[u8]) -> Result<Arc<[f32]>, StoreError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        let message = "the length of an embedding is no multiple of 4".to_owned();
        return Err(StoreError::Corrupt { message });
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

fn change(db: &Connection, change: &FactChange) -> Result<FactsWritten, StoreError> {
    let user = change.user.as_str();
    for put in &change.puts {
        let query = "SELECT version FROM facts WHERE user = ?1 AND id = ?2";
        let version = row(db, query, params![user, key(put.id)], |row| row.get(0))?;
        put.follows(version.map_or(0, counted))?;
    }
    if let Some(known) = known(db, change)? {
        return Ok(FactsWritten::Known(known));
    }
    let statement = "INSERT INTO fact_revisions (user, revision) VALUES (?1, 1) \
                     ON CONFLICT (user) DO UPDATE SET revision = revision + 1 RETURNING revision";
    let revision: Option<i64> = row(db, statement, [user], |row| row.get(0))?;
    let revision = revision.unwrap_or_default();
    let mut removed = 0;
    for id in &change.removes {
        let statement = "DELETE FROM facts WHERE user = ?1 AND id = ?2";
        if execute(db, statement, params![user, key(*id)])? > 0 {
            let statement = "DELETE FROM fact_recalls WHERE user = ?1 AND id = ?2";
            execute(db, statement, params![user, key(*id)])?;
            let note = "INSERT INTO forgotten_facts (user, revision, id) VALUES (?1, ?2, ?3)";
            execute(db, note, params![user, revision, key(*id)])?;
            removed += 1;
        }
    }
    // Those that give their key up come first.
    let (current, old): (Vec<_>, Vec<_>) = change.puts.iter().partition(|put| put.is_current());
    for put in &change.puts {
        let free = "UPDATE facts SET is_current = 0 WHERE user = ?1 AND id = ?2";
        execute(db, free, params![user, key(put.id)])?;
    }
    for put in old.into_iter().chain(current) {
        insert(db, put, revision)?;
    }
    Ok(FactsWritten::Done { removed })
}

/// The fact that has the key of one that is put, and keeps it.
fn known(db: &Connection, change: &FactChange) -> Result<Option<FactId>, StoreError> {
    let moves =
        |id: FactId| change.removes.contains(&id) || change.puts.iter().any(|put| put.id == id);
    for put in change.puts.iter().filter(|put| put.is_current()) {
        let query = "SELECT id FROM facts WHERE user = ?1 AND key = ?2 AND is_current";
        let holder = row(db, query, params![change.user.as_str(), put.key], |row| fact_id(row, 0))?;
        if let Some(holder) = holder.filter(|id| !moves(*id)) {
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

fn insert(db: &Connection, fact: &FactRecord, revision: i64) -> Result<(), StoreError> {
    let bare = FactRecord { embedding: None, recalled_at: None, recalls: 0, ..fact.clone() };
    let values = fact.embedding.as_ref().map(|embedding| {
        embedding.values.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>()
    });
    let statement = "INSERT INTO facts \
         (user, id, version, revision, kind, key, is_current, record, embedding_model, embedding) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (user, id) DO UPDATE SET \
         version = excluded.version, revision = excluded.revision, kind = excluded.kind, \
         key = excluded.key, is_current = excluded.is_current, record = excluded.record, \
         embedding_model = excluded.embedding_model, embedding = excluded.embedding";
    let row = params![
        fact.user.as_str(),
        key(fact.id),
        stored(fact.version),
        revision,
        fact.kind.name(),
        fact.key,
        fact.is_current(),
        to_text("fact", &bare)?,
        fact.embedding.as_ref().map(|embedding| &*embedding.model),
        values,
    ];
    execute(db, statement, row).map(drop)
}

fn named(db: &Connection, user: &UserId, ids: &[FactId]) -> Result<Vec<FactRecord>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE user = ?1 AND id = ?2");
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let stored = row(db, &query, params![user.as_str(), key(*id)], Stored::read)?;
        found.extend(stored.map(Stored::fact).transpose()?);
    }
    Ok(found)
}

fn list(
    db: &Connection,
    filter: &FactFilter,
    limit: usize,
) -> Result<Page<FactRecord>, StoreError> {
    let current = match filter.versions {
        FactVersions::Current => " AND is_current",
        FactVersions::All => "",
    };
    let query = format!(
        "SELECT {COLUMNS_WITHOUT_EMBEDDING} FROM {TABLES} WHERE user = ?1 AND id < ?2 \
         AND (?3 IS NULL OR kind = ?3){current} ORDER BY id DESC LIMIT ?4"
    );
    // No id is greater than the greatest.
    let before = filter.before.map_or([u8::MAX; 16], key);
    let kind = filter.kind.map(crate::store::FactKind::name);
    let params = params![filter.user.as_str(), before, kind, stored_limit(limit)];
    let found = rows(db, &query, params, Stored::read)?;
    let facts = found.into_iter().map(Stored::fact).collect::<Result<_, _>>()?;
    Ok(Page::cut(facts, limit))
}

fn changes(
    db: &Connection,
    user: &UserId,
    after: u64,
    limit: usize,
) -> Result<Vec<ChangedFact>, StoreError> {
    // Up to which revision: each is given whole, so that the next call can begin after it.
    let query = "SELECT max(revision) FROM (SELECT revision FROM (\
         SELECT * FROM (SELECT revision FROM facts WHERE user = ?1 AND revision > ?2 \
         ORDER BY revision LIMIT ?3) UNION ALL \
         SELECT * FROM (SELECT revision FROM forgotten_facts WHERE user = ?1 AND revision > ?2 \
         ORDER BY revision LIMIT ?3)) ORDER BY revision LIMIT ?3)";
    let (after, most) = (stored(after), i64::try_from(limit).unwrap_or(i64::MAX));
    let last = row(db, query, params![user.as_str(), after, most], |row| row.get(0))?.flatten();
    let Some(last): Option<i64> = last else { return Ok(Vec::new()) };
    let range = params![user.as_str(), after, last];
    let query = format!(
        "SELECT {COLUMNS}, revision FROM {TABLES} \
         WHERE user = ?1 AND revision > ?2 AND revision <= ?3"
    );
    let there = rows(db, &query, range, |row| Ok((Stored::read(row)?, row.get(5)?)))?;
    let mut changed = Vec::with_capacity(there.len());
    for (stored, revision) in there {
        let fact = stored.fact()?;
        changed.push(ChangedFact { revision: counted(revision), id: fact.id, fact: Some(fact) });
    }
    let query = "SELECT id, revision FROM forgotten_facts \
                 WHERE user = ?1 AND revision > ?2 AND revision <= ?3";
    let gone = rows(db, query, range, |row| Ok((fact_id(row, 0)?, row.get(1)?)))?;
    let gone = gone.into_iter().map(|(id, revision)| (id, counted(revision)));
    changed.extend(gone.map(|(id, revision)| ChangedFact { revision, id, fact: None }));
    changed.sort_by_key(|change| (change.revision, change.id));
    Ok(changed)
}

fn recall(db: &Connection, user: &UserId, ids: &[FactId], at: Timestamp) -> Result<(), StoreError> {
    let statement = "INSERT INTO fact_recalls (user, id, recalls, recalled_at) \
                     SELECT user, id, 1, ?3 FROM facts WHERE user = ?1 AND id = ?2 \
                     ON CONFLICT (user, id) DO UPDATE SET recalls = recalls + 1, recalled_at = ?3";
    for id in ids {
        execute(db, statement, params![user.as_str(), key(*id), at.as_unix_micros()])?;
    }
    Ok(())
}
