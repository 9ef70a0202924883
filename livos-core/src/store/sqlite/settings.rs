//! Named values.

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
use super::statement::to_text;
use crate::store::Setting;
use crate::store::SettingChange;
use crate::store::Settings;
use crate::store::SqliteStore;
use crate::store::StoreError;

#[async_trait]
impl Settings for SqliteStore {
    async fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError> {
        let key = key.to_owned();
        self.reader.run(move |db| find(db, &key)).await
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, StoreError> {
        let prefix = prefix.to_owned();
        self.reader.run(move |db| list(db, &prefix)).await
    }

    async fn change_setting(&self, wanted: SettingChange) -> Result<u64, StoreError> {
        self.writer.run(move |db| change(db, &wanted)).await
    }
}

type Stored = (String, String, i64);

fn stored_setting(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn setting((key, value, version): Stored) -> Result<Setting, StoreError> {
    Ok(Setting { key, value: from_text("setting", &value)?, version: counted(version) })
}

pub(super) fn find(db: &Connection, key: &str) -> Result<Option<Setting>, StoreError> {
    let query = "SELECT key, value, version FROM settings WHERE key = ?1";
    row(db, query, [key], stored_setting)?.map(setting).transpose()
}

pub(super) fn list(db: &Connection, prefix: &str) -> Result<Vec<Setting>, StoreError> {
    // The greatest character ends the range of keys that begin so.
    let query = "SELECT key, value, version FROM settings \
                 WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY key";
    rows(db, query, [prefix], stored_setting)?.into_iter().map(setting).collect()
}

pub(super) fn change(db: &Connection, change: &SettingChange) -> Result<u64, StoreError> {
    let version = find(db, &change.key)?.map_or(0, |setting| setting.version);
    change.check(version)?;
    execute(
        db,
        "INSERT INTO settings (key, value, version) VALUES (?1, ?2, ?3) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version",
        params![change.key, to_text("setting", &change.value)?, stored(version + 1)],
    )?;
    Ok(version + 1)
}
