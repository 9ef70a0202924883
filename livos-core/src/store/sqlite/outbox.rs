//! Replies that are owed.

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use super::listing::Listing;
use super::statement::count_up;
use super::statement::counted;
use super::statement::delivery_key;
use super::statement::execute;
use super::statement::from_text;
use super::statement::row;
use super::statement::rows;
use super::statement::run_key;
use super::statement::session_key;
use super::statement::stored;
use super::statement::to_text;
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryClaim;
use crate::store::DeliveryFilter;
use crate::store::DeliveryRecord;
use crate::store::DeliveryState;
use crate::store::DueDeliveries;
use crate::store::LeaseToken;
use crate::store::Outbox;
use crate::store::Page;
use crate::store::Settlement;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_due(&self, claim: DeliveryClaim) -> Result<DueDeliveries, StoreError> {
        self.writer.run(move |db| claim_due(db, &claim)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.writer.run(move |db| settle(db, settlement)).await
    }

    async fn requeue(
        &self,
        id: DeliveryId,
        due_at: Timestamp,
    ) -> Result<DeliveryRecord, StoreError> {
        let requeued = self.writer.submit(move |tables| {
            tables.signals.push(WorkSignal::DeliveryDue);
            requeue(tables.db, id, due_at)
        });
        requeued.await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        self.reader.run(move |db| list(db, &filter, limit)).await
    }
}

pub(super) fn put(
    db: &Connection,
    delivery: &DeliveryRecord,
    token: LeaseToken,
) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO deliveries (id, run_id, session_id, state, next_at, token, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, next_at = excluded.next_at, token = excluded.token, \
         record = excluded.record",
        params![
            delivery_key(delivery.id),
            run_key(delivery.run_id),
            session_key(delivery.session_id),
            delivery.state.name(),
            delivery.claimable_at().as_unix_micros(),
            stored(token.0),
            to_text("delivery", delivery)?
        ],
    )?;
    Ok(())
}

pub(super) fn claim_due(
    db: &Connection,
    claim: &DeliveryClaim,
) -> Result<DueDeliveries, StoreError> {
    let expires_at = expiry(claim.now, claim.lease_for);
    let now = claim.now.as_unix_micros();
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let mut due = rows(
        db,
        "SELECT record FROM deliveries WHERE state IN ('due', 'in_flight') AND next_at <= ?1 \
         ORDER BY next_at, id LIMIT ?2",
        params![now, limit],
        text,
    )?;
    // Left in flight by a worker whose clock was set back since.
    due.extend(rows(
        db,
        "SELECT record FROM deliveries WHERE state IN ('due', 'in_flight') \
         AND state = 'in_flight' AND next_at > ?1 ORDER BY next_at LIMIT ?2",
        params![latest_expiry(claim.now).as_unix_micros(), limit],
        text,
    )?);
    let mut claimed = Vec::new();
    for record in due.iter().take(claim.limit) {
        let mut delivery: DeliveryRecord = from_text("delivery", record)?;
        let token = LeaseToken(counted(count_up(db, "token")?));
        delivery.hand_out(expires_at);
        put(db, &delivery, token)?;
        claimed.push(ClaimedDelivery { delivery, token });
    }
    claimed.sort_by_key(|claimed| claimed.delivery.id);
    let next = "SELECT min(next_at) FROM deliveries WHERE state IN ('due', 'in_flight')";
    let next: Option<Option<i64>> = row(db, next, [], |row| row.get(0))?;
    let look_again_at = next.flatten().map(Timestamp::from_unix_micros);
    Ok(DueDeliveries { claimed, look_again_at })
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

pub(super) fn settle(db: &Connection, settlement: Settlement) -> Result<(), StoreError> {
    let Settlement { id, token, outcome } = settlement;
    let record = row(
        db,
        "SELECT record FROM deliveries WHERE id = ?1 AND token = ?2 AND state = 'in_flight'",
        params![delivery_key(id), stored(token.0)],
        text,
    )?;
    let record = record.ok_or_else(|| StoreError::lease_lost("delivery", &id))?;
    let mut delivery: DeliveryRecord = from_text("delivery", &record)?;
    delivery.settle(outcome);
    put(db, &delivery, token)
}

pub(super) fn requeue(
    db: &Connection,
    id: DeliveryId,
    due_at: Timestamp,
) -> Result<DeliveryRecord, StoreError> {
    let record = row(db, "SELECT record FROM deliveries WHERE id = ?1", [delivery_key(id)], text)?;
    let record = record.ok_or_else(|| StoreError::not_found("delivery", &id))?;
    let mut delivery: DeliveryRecord = from_text("delivery", &record)?;
    delivery.requeue(due_at)?;
    put(db, &delivery, LeaseToken(0))?;
    Ok(delivery)
}

pub(super) fn list(
    db: &Connection,
    filter: &DeliveryFilter,
    limit: usize,
) -> Result<Page<DeliveryRecord>, StoreError> {
    let state = filter.state.map(DeliveryState::name);
    let session = filter.session_id.map(session_key);
    let run = filter.run_id.map(run_key);
    let before = filter.before.map(delivery_key);
    Listing::of("delivery", "deliveries")
        .only("state = ?", state.as_ref())
        .only("session_id = ?", session.as_ref())
        .only("run_id = ?", run.as_ref())
        .only("id < ?", before.as_ref())
        .page(db, limit)
}
