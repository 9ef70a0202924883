//! Whose turn it is, and who has to wait until there is room in a lane.

use rusqlite::Connection;
use rusqlite::params;

use super::statement::execute;
use super::statement::row;
use super::statement::rows;
use super::statement::run_id;
use super::statement::run_key;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::ClaimScope;
use crate::store::Lane;
use crate::store::NewRun;
use crate::store::StoreError;

/// The turn of a run that is admitted now: after the last one taken, and after its user's others.
pub(super) fn next_turn(db: &Connection, run: &NewRun) -> Result<i64, StoreError> {
    let next = row(
        db,
        "SELECT max(coalesce((SELECT taken FROM turns WHERE priority = ?1), 0), \
         coalesce((SELECT max(turn) FROM queue WHERE priority = ?1 AND user = ?2), 0)) + 1",
        params![run.priority.rank(), run.origin.user.as_str()],
        |row| row.get(0),
    )?;
    Ok(next.unwrap_or(1))
}

/// The first that is ready and whose lane has room; those before it whose lane has none are parked.
pub(super) fn next_to_go(db: &Connection, scope: ClaimScope) -> Result<Option<i64>, StoreError> {
    const READY: &str = "SELECT place, priority, turn, lane, width FROM queue \
                         WHERE state = 'ready' ORDER BY priority, turn LIMIT 1";
    // The triggers of `Trigger::BACKGROUND`, as they are written.
    const FOREGROUND: &str = "SELECT place, priority, turn, lane, width FROM queue \
                              JOIN runs ON runs.id = queue.run_id WHERE queue.state = 'ready' \
                              AND runs.trigger NOT IN ('schedule', 'task', 'memory') \
                              ORDER BY priority, turn LIMIT 1";
    let query = match scope {
        ClaimScope::All => READY,
        ClaimScope::Foreground => FOREGROUND,
    };
    loop {
        let first = row(db, query, [], |row| {
            let lane = row.get::<_, Option<String>>(3)?;
            let lane = lane.map(|name| Ok::<_, rusqlite::Error>(Lane::new(name, row.get(4)?)));
            Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, lane.transpose()?))
        })?;
        let Some((place, priority, turn, lane)) = first else { return Ok(None) };
        if let Some(lane) = lane
            && !lane.admits(going(db, &lane)?)
        {
            execute(db, "UPDATE queue SET state = 'parked' WHERE place = ?1", [place])?;
            continue;
        }
        execute(
            db,
            "INSERT INTO turns (priority, taken) VALUES (?1, ?2) \
             ON CONFLICT (priority) DO UPDATE SET taken = max(taken, excluded.taken)",
            [priority, turn],
        )?;
        return Ok(Some(place));
    }
}

/// Whether some run is ready, whatever it is.
pub(super) fn has_ready(db: &Connection) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM queue WHERE state = 'ready')";
    Ok(row(db, query, [], |row| row.get(0))?.unwrap_or_default())
}

fn going(db: &Connection, lane: &Lane) -> Result<usize, StoreError> {
    let query = "SELECT count(*) FROM queue WHERE lane = ?1 AND state = 'held'";
    let count: Option<i64> = row(db, query, [&*lane.name], |row| row.get(0))?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
}

/// Lets the first go on that is parked in a lane, since there may be room now.
pub(super) fn wake(db: &Connection, lane: Option<&str>) -> Result<(), StoreError> {
    let Some(lane) = lane else { return Ok(()) };
    execute(
        db,
        "UPDATE queue SET state = 'ready' WHERE place = (SELECT place FROM queue \
         WHERE lane = ?1 AND state = 'parked' ORDER BY priority, turn LIMIT 1)",
        [lane],
    )?;
    Ok(())
}

/// Lets all look again that are parked in the lanes of a session, which is about to be deleted.
pub(super) fn wake_all(db: &Connection, session: SessionId) -> Result<(), StoreError> {
    execute(
        db,
        "UPDATE queue SET state = 'ready' WHERE state = 'parked' AND lane IN \
         (SELECT lane FROM queue WHERE session_id = ?1)",
        [super::statement::session_key(session)],
    )?;
    Ok(())
}

/// Asks runs to stop, with every run that they asked for, and gives those that were told.
pub(super) fn stop_with_descendants(db: &Connection, run: RunId) -> Result<Vec<RunId>, StoreError> {
    const STOP: &str = "WITH RECURSIVE tree (id) AS (SELECT ?1 UNION \
                        SELECT queue.run_id FROM queue JOIN tree ON queue.parent = tree.id) \
                        UPDATE queue SET cancel_requested = 1 WHERE run_id IN tree RETURNING run_id";
    rows(db, STOP, [run_key(run)], |row| run_id(row, 0))
}
