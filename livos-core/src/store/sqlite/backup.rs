//! Copies that are whole, and whether a store is.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::SqliteStore;
use super::failure::Damage;
use super::failure::store_error;
use super::lock;
use super::open_to_read;
use super::reader::Reader;
use super::schema;
use super::statement::row;
use super::statement::rows;
use super::statement::session_id;
use crate::store::StoreError;

/// How many faults a check names at most.
const MAX_FAULTS: usize = 100;

/// What a check of a store found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreCheck {
    /// How many sessions there are.
    pub sessions: u64,
    /// How many entries their journals have.
    pub entries: u64,
    /// What is wrong, for people; at most 100. None is a whole store.
    pub faults: Vec<String>,
}

impl SqliteStore {
    /// Copies the store as it is at one moment into a new file, while others go on writing.
    ///
    /// The copy is small (nothing free is copied) and on the disk when this returns. A file that
    /// exists must be empty: make it beforehand to say who may read it.
    ///
    /// # Errors
    /// When the file exists and is not empty, or when it cannot be written.
    pub async fn backup(&self, path: impl AsRef<Path> + Send) -> Result<(), StoreError> {
        let path = path.as_ref().to_owned();
        // On a thread of its own: other reads go on meanwhile.
        let copier = Reader::start(open_to_read(self.location())?, self.damage.clone())?;
        copier.run(move |db| copy(db, &path)).await
    }

    /// Reads the whole store and looks for damage, and for gaps in the journals.
    ///
    /// Takes time in proportion to its size.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub async fn check(&self) -> Result<StoreCheck, StoreError> {
        Reader::start(open_to_read(self.location())?, self.damage.clone())?.run(check).await
    }

    /// Reads a store that nobody has open and looks for damage, as [`check`](Self::check) does,
    /// without bringing it to this version.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when it cannot be read at all.
    pub async fn examine(path: impl AsRef<Path> + Send) -> Result<StoreCheck, StoreError> {
        let _lock = lock(path.as_ref())?;
        Reader::start(open_to_read(path.as_ref())?, Damage::default())?
            .run(|db| {
                schema::version(db)?;
                check(db)
            })
            .await
    }
}

fn copy(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Unavailable {
        message: format!("the copy '{}' cannot be written", path.display()),
        source: Some(error.into()),
    };
    let Some(target) = path.to_str() else {
        return Err(StoreError::unavailable(format!("'{}' is no UTF-8", path.display())));
    };
    db.execute("VACUUM INTO ?1", [target]).map_err(store_error)?;
    // SQLite does not wait for the disk here.
    File::open(path).and_then(|file| file.sync_all()).map_err(failed)
}

fn check(db: &Connection) -> Result<StoreCheck, StoreError> {
    let integrity = format!("PRAGMA integrity_check({MAX_FAULTS})");
    let mut faults = rows(db, &integrity, [], |row| row.get::<_, String>(0))?;
    faults.retain(|fault| fault != "ok");
    let orphans = rows(db, "PRAGMA foreign_key_check", [], |row| row.get::<_, String>(0))?;
    faults.extend(orphans.iter().map(|table| format!("a row of {table} refers to nothing")));
    let gaps = rows(
        db,
        "SELECT session_id FROM entries GROUP BY session_id \
         HAVING min(seq) <> 1 OR max(seq) <> count(*)",
        [],
        |row| session_id(row, 0),
    )?;
    faults.extend(gaps.iter().map(|id| format!("the journal of session {id} has a gap")));
    faults.truncate(MAX_FAULTS);
    let count = |query| row(db, query, [], |row| row.get::<_, i64>(0));
    let counted = |count: Option<i64>| count.map(super::statement::counted).unwrap_or_default();
    Ok(StoreCheck {
        sessions: counted(count("SELECT count(*) FROM sessions")?),
        entries: counted(count("SELECT count(*) FROM entries")?),
        faults,
    })
}
