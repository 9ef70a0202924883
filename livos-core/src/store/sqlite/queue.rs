//! Who is next.

use async_trait::async_trait;
use futures::stream::BoxStream;
use rusqlite::Connection;
use rusqlite::params;

use super::lanes;
use super::statement::count_up;
use super::statement::counted;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::run_id;
use super::statement::run_key;
use super::statement::session_id;
use super::statement::session_key;
use super::statement::stored;
use super::statement::to_text;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::store::Admission;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::KEY_RETENTION;
use crate::store::Lease;
use crate::store::LeaseToken;
use crate::store::MAX_WAITING;
use crate::store::NewRun;
use crate::store::PendingInput;
use crate::store::QueueMode;
use crate::store::RenewRequest;
use crate::store::Renewal;
use crate::store::ReplyAddress;
use crate::store::RunLeases;
use crate::store::RunQueue;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::WorkSignals;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

#[async_trait]
impl RunQueue for SqliteStore {
    async fn admit(&self, run: NewRun) -> Result<Admission, StoreError> {
        self.writer.submit(move |tables| tables.admit(&run)).await
    }

    async fn request_cancel(&self, cancel: CancelRequest) -> Result<Cancellation, StoreError> {
        self.writer.submit(move |tables| tables.request_cancel(cancel)).await
    }
}

#[async_trait]
impl RunLeases for SqliteStore {
    async fn claim(&self, request: ClaimRequest) -> Result<Claimed, StoreError> {
        self.writer.run(move |db| claim(db, &request)).await
    }

    async fn renew(&self, renewal: RenewRequest) -> Result<Renewal, StoreError> {
        self.writer.run(move |db| renew(db, renewal)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let released = self.writer.submit(move |tables| {
            tables.signals.push(WorkSignal::RunReady);
            release(tables.db, lease)
        });
        released.await
    }

    async fn pending_inputs(&self, run_id: RunId) -> Result<Vec<PendingInput>, StoreError> {
        self.reader.run(move |db| pending_inputs(db, run_id)).await
    }
}

impl WorkSignals for SqliteStore {
    fn signals(&self) -> BoxStream<'static, WorkSignal> {
        self.signals.stream()
    }
}

/// How many old keys one admission forgets, so that none takes long.
const MAX_FORGOTTEN: i64 = 16;

/// A run that was taken out of the queue, since it ended.
pub(super) struct Done {
    pub(super) session_id: SessionId,
    pub(super) replies: Vec<ReplyAddress>,
    pub(super) inputs: Vec<NewRun>,
}

pub(super) fn known(db: &Connection, run: &NewRun) -> Result<Option<Admission>, StoreError> {
    let Some(key) = &run.key else { return Ok(None) };
    let query = "SELECT run_id, seq FROM idempotency_keys WHERE source = ?1 AND key = ?2";
    row(db, query, params![key.source, key.key], |row| {
        Ok(Admission::Known { run_id: run_id(row, 0)?, seq: counted(row.get(1)?) })
    })
}

pub(super) fn remember(
    db: &Connection,
    run: &NewRun,
    became: RunId,
    seq: u64,
) -> Result<(), StoreError> {
    let Some(key) = &run.key else { return Ok(()) };
    let retention = i64::try_from(KEY_RETENTION.as_micros()).unwrap_or(i64::MAX);
    execute(
        db,
        "DELETE FROM idempotency_keys WHERE (source, key) IN \
         (SELECT source, key FROM idempotency_keys WHERE at < ?1 ORDER BY at LIMIT ?2)",
        params![run.at.as_unix_micros().saturating_sub(retention), MAX_FORGOTTEN],
    )?;
    execute(
        db,
        "INSERT INTO idempotency_keys (source, key, run_id, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![key.source, key.key, run_key(became), stored(seq), run.at.as_unix_micros()],
    )?;
    Ok(())
}

pub(super) fn make_room(db: &Connection, session_id: SessionId) -> Result<(), StoreError> {
    let query = "SELECT (SELECT count(*) FROM queue WHERE session_id = ?1) + (SELECT count(*) \
                 FROM queue JOIN pending_inputs USING (run_id) WHERE session_id = ?1)";
    let waiting: Option<i64> = row(db, query, [session_key(session_id)], |row| row.get(0))?;
    if waiting.map(counted).unwrap_or_default() >= MAX_WAITING as u64 {
        return Err(StoreError::Busy { session_id, limit: MAX_WAITING });
    }
    Ok(())
}

/// The run that a message joins: the one that was begun, or else the last that waits.
pub(super) fn steered_by(db: &Connection, run: &NewRun) -> Result<Option<RunId>, StoreError> {
    if run.mode != QueueMode::Steer {
        return Ok(None);
    }
    let target = row(
        db,
        "SELECT run_id, origin FROM queue WHERE session_id = ?1 AND NOT cancel_requested \
         ORDER BY attempts > 0 DESC, rank DESC LIMIT 1",
        [session_key(run.session_id)],
        |row| Ok((run_id(row, 0)?, row.get::<_, String>(1)?)),
    )?;
    let Some((target, origin)) = target else { return Ok(None) };
    let origin: Origin = from_text("origin", &origin)?;
    Ok(run.may_join(&origin).then_some(target))
}

pub(super) fn wait_for(db: &Connection, target: RunId, run: &NewRun) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO pending_inputs (id, run_id, input) VALUES (?1, ?2, ?3)",
        params![run_key(run.run_id), run_key(target), to_text("input", run)?],
    )?;
    Ok(())
}

/// Asks the begun run of the session to stop, and gives those that were told.
pub(super) fn interrupt(db: &Connection, session: SessionId) -> Result<Vec<RunId>, StoreError> {
    let query = "SELECT run_id FROM queue WHERE session_id = ?1 AND attempts > 0";
    match row(db, query, [session_key(session)], |row| run_id(row, 0))? {
        Some(begun) => lanes::stop_with_descendants(db, begun),
        None => Ok(Vec::new()),
    }
}

/// Puts an admitted run in the queue.
pub(super) fn add(db: &Connection, run: &NewRun) -> Result<(), StoreError> {
    let place = count_up(db, "place")?;
    let rank = match run.mode {
        QueueMode::Interrupt => -place,
        QueueMode::Steer | QueueMode::Queue => place,
    };
    let parent = run.parent_run_id.map(run_key);
    execute(
        db,
        "INSERT INTO queue (place, run_id, session_id, rank, state, attempts, origin, user, \
         priority, turn, lane, width, parent, cancel_requested) \
         VALUES (?1, ?2, ?3, ?4, 'waiting', 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
         coalesce((SELECT cancel_requested FROM queue WHERE run_id = ?11), 0))",
        params![
            place,
            run_key(run.run_id),
            session_key(run.session_id),
            rank,
            to_text("origin", &run.origin)?,
            run.origin.user.as_str(),
            run.priority.rank(),
            lanes::next_turn(db, run)?,
            run.lane.as_ref().map(|lane| &*lane.name),
            run.lane.as_ref().map(|lane| lane.width.get()),
            parent,
        ],
    )?;
    for address in run.told() {
        owe_reply(db, run.run_id, address)?;
    }
    set_ready(db, run.session_id)
}

fn owe_reply(db: &Connection, run: RunId, to: &ReplyAddress) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO reply_addresses (run_id, kind, address) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO NOTHING",
        params![run_key(run), to.kind, to_text("address", &to.address)?],
    )?;
    Ok(())
}

/// Lets the first run of a session be claimed, unless one is.
pub(super) fn set_ready(db: &Connection, session: SessionId) -> Result<(), StoreError> {
    let session = [session_key(session)];
    execute(
        db,
        "UPDATE queue SET state = 'waiting' WHERE session_id = ?1 AND state IN ('ready', 'parked')",
        session,
    )?;
    execute(
        db,
        "UPDATE queue SET state = 'ready' WHERE state = 'waiting' AND place = \
         (SELECT place FROM queue WHERE session_id = ?1 ORDER BY attempts = 0, rank LIMIT 1)",
        session,
    )?;
    Ok(())
}

pub(super) fn holds(db: &Connection, run: RunId) -> Result<bool, StoreError> {
    let found = row(db, "SELECT 1 FROM queue WHERE run_id = ?1", [run_key(run)], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Asks a begun run to stop, with every run that it asked for, and gives those that were told.
/// None when nobody ever began it.
pub(super) fn mark_cancelled(
    db: &Connection,
    run: RunId,
) -> Result<Option<Vec<RunId>>, StoreError> {
    let query = "SELECT 1 FROM queue WHERE run_id = ?1 AND attempts > 0";
    match row(db, query, [run_key(run)], |_| Ok(()))? {
        Some(()) => lanes::stop_with_descendants(db, run).map(Some),
        None => Ok(None),
    }
}

/// Takes an ended run out. None when it was not queued.
pub(super) fn remove(db: &Connection, run: RunId) -> Result<Option<Done>, StoreError> {
    let key = [run_key(run)];
    let query = "SELECT session_id, lane FROM queue WHERE run_id = ?1";
    let found =
        row(db, query, key, |row| Ok((session_id(row, 0)?, row.get::<_, Option<String>>(1)?)))?;
    let Some((session_id, lane)) = found else { return Ok(None) };
    let replies =
        rows(db, "SELECT kind, address FROM reply_addresses WHERE run_id = ?1", key, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
    let replies = replies.into_iter().map(|(kind, address)| {
        Ok(ReplyAddress { kind: kind.into(), address: from_text("address", &address)? })
    });
    let replies = replies.collect::<Result<_, StoreError>>()?;
    let inputs = inputs(db, run)?;
    execute(db, "DELETE FROM queue WHERE run_id = ?1", key)?;
    set_ready(db, session_id)?;
    lanes::wake(db, lane.as_deref())?;
    Ok(Some(Done { session_id, replies, inputs }))
}

/// Inputs that were left by an ended run wait for the one that the first of them became.
pub(super) fn wait_again(
    db: &Connection,
    target: RunId,
    inputs: &[NewRun],
) -> Result<(), StoreError> {
    for input in inputs {
        if input.run_id != target {
            wait_for(db, target, input)?;
        }
        if let Some(key) = &input.key {
            execute(
                db,
                "UPDATE idempotency_keys SET run_id = ?3 WHERE source = ?1 AND key = ?2",
                params![key.source, key.key, run_key(target)],
            )?;
        }
    }
    Ok(())
}

fn inputs(db: &Connection, run: RunId) -> Result<Vec<NewRun>, StoreError> {
    let query = "SELECT input FROM pending_inputs WHERE run_id = ?1 ORDER BY arrival";
    let inputs = rows(db, query, [run_key(run)], |row| row.get::<_, String>(0))?;
    inputs.iter().map(|input| from_text("input", input)).collect()
}

pub(super) fn pending_inputs(db: &Connection, run: RunId) -> Result<Vec<PendingInput>, StoreError> {
    Ok(inputs(db, run)?.iter().map(PendingInput::from).collect())
}

/// Hands inputs of a run over. Its reply is then owed to their senders too.
pub(super) fn join(db: &Connection, run: RunId, joins: &[RunId]) -> Result<(), StoreError> {
    for id in joins {
        let input = row(
            db,
            "DELETE FROM pending_inputs WHERE id = ?1 AND run_id = ?2 RETURNING input",
            params![run_key(*id), run_key(run)],
            |row| row.get::<_, String>(0),
        )?;
        let input = input.ok_or_else(|| StoreError::not_found("pending input", id))?;
        let input: NewRun = from_text("input", &input)?;
        for address in input.told() {
            owe_reply(db, run, address)?;
        }
    }
    Ok(())
}

pub(super) fn claim(db: &Connection, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
    let Some(place) = free(db, claim)? else {
        let query = "SELECT min(expires_at) FROM queue WHERE state = 'held'";
        let next: Option<Option<i64>> = row(db, query, [], |row| row.get(0))?;
        let look_again_at = next.flatten().map(Timestamp::from_unix_micros);
        let passed_over = claim.scope == ClaimScope::Foreground && lanes::has_ready(db)?;
        return Ok(Claimed::Nothing { look_again_at, passed_over });
    };
    let token = count_up(db, "token")?;
    let expires_at = expiry(claim.now, claim.lease_for);
    let claimed = row(
        db,
        "UPDATE queue SET state = 'held', token = ?2, expires_at = ?3, worker = ?4, \
         attempts = attempts + 1 WHERE place = ?1 \
         RETURNING run_id, session_id, attempts, cancel_requested",
        params![place, token, expires_at.as_unix_micros(), claim.worker.as_str()],
        |row| {
            Ok(Claim {
                lease: Lease { run_id: run_id(row, 0)?, token: LeaseToken(counted(token)) },
                session_id: session_id(row, 1)?,
                attempt: row.get(2)?,
                expires_at,
                cancel_requested: row.get(3)?,
            })
        },
    )?;
    let nothing = Claimed::Nothing { look_again_at: None, passed_over: false };
    Ok(claimed.map_or(nothing, Claimed::Run))
}

/// The run to claim: one whose worker is gone, or else the oldest that is ready.
fn free(db: &Connection, claim: &ClaimRequest) -> Result<Option<i64>, StoreError> {
    const EXPIRED: &str = "SELECT place FROM queue WHERE state = 'held' AND expires_at <= ?1 \
                           ORDER BY expires_at LIMIT 1";
    // Claimed by a clock that was set back since.
    const FROM_THE_FUTURE: &str = "SELECT place FROM queue WHERE state = 'held' \
                                   AND expires_at > ?1 ORDER BY expires_at DESC LIMIT 1";
    let now = claim.now;
    if let Some(place) = row(db, EXPIRED, [now.as_unix_micros()], |row| row.get(0))? {
        return Ok(Some(place));
    }
    let latest = latest_expiry(now).as_unix_micros();
    if let Some(place) = row(db, FROM_THE_FUTURE, [latest], |row| row.get(0))? {
        return Ok(Some(place));
    }
    lanes::next_to_go(db, claim.scope)
}

pub(super) fn renew(db: &Connection, renewal: RenewRequest) -> Result<Renewal, StoreError> {
    let RenewRequest { lease, now, lease_for } = renewal;
    let expires_at = expiry(now, lease_for);
    let cancel_requested = row(
        db,
        "UPDATE queue SET expires_at = ?3 WHERE run_id = ?1 AND token = ?2 AND state = 'held' \
         RETURNING cancel_requested",
        params![run_key(lease.run_id), stored(lease.token.0), expires_at.as_unix_micros()],
        |row| row.get(0),
    )?;
    let cancel_requested = cancel_requested.ok_or_else(|| lost(lease))?;
    let query = "SELECT count(*) FROM pending_inputs WHERE run_id = ?1";
    let waiting: Option<i64> = row(db, query, [run_key(lease.run_id)], |row| row.get(0))?;
    let pending_inputs = usize::try_from(waiting.unwrap_or_default()).unwrap_or_default();
    Ok(Renewal { expires_at, cancel_requested, pending_inputs })
}

pub(super) fn release(db: &Connection, lease: Lease) -> Result<(), StoreError> {
    let released = row(
        db,
        "UPDATE queue SET state = 'waiting', expires_at = NULL \
         WHERE run_id = ?1 AND token = ?2 AND state = 'held' RETURNING session_id, lane",
        params![run_key(lease.run_id), stored(lease.token.0)],
        |row| Ok((session_id(row, 0)?, row.get::<_, Option<String>>(1)?)),
    )?;
    let (session, lane) = released.ok_or_else(|| lost(lease))?;
    set_ready(db, session)?;
    lanes::wake(db, lane.as_deref())
}

/// Fails when the lease is not the newest of its run.
pub(super) fn check(db: &Connection, lease: Lease) -> Result<(), StoreError> {
    let query = "SELECT 1 FROM queue WHERE run_id = ?1 AND token = ?2 AND state = 'held'";
    let held = row(db, query, params![run_key(lease.run_id), stored(lease.token.0)], |_| Ok(()))?;
    held.ok_or_else(|| lost(lease))
}

fn lost(lease: Lease) -> StoreError {
    StoreError::lease_lost("run", &lease.run_id)
}

/// Frees what an earlier process held: the file was locked by it, so it is dead.
pub(super) fn free_all(db: &Connection) -> Result<(), StoreError> {
    execute(db, "UPDATE queue SET state = 'ready', expires_at = NULL WHERE state = 'held'", [])?;
    execute(db, "UPDATE queue SET state = 'ready' WHERE state = 'parked'", [])?;
    execute(db, "UPDATE deliveries SET next_at = 0 WHERE state = 'in_flight'", [])?;
    Ok(())
}
