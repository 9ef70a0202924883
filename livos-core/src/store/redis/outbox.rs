//! Replies that are owed: a hash each, in lists by id and, while they are to be sent, by time.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::RedisStore;
use super::failure::damaged;
use super::fields::Fields;
use super::fields::micros;
use super::fields::name_of;
use super::fields::time_of_score;
use super::runs::CHUNK;
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
use crate::store::StoreError;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

/// How many deliveries one claim takes at most.
const MAX_CLAIMED: usize = 256;
/// How often a change is thought out again because somebody else was faster.
const ATTEMPTS: u32 = 8;

/// Whether workers are told of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    Workers,
    Nobody,
}

#[async_trait]
impl Outbox for RedisStore {
    async fn claim_due(&self, claim: DeliveryClaim) -> Result<DueDeliveries, StoreError> {
        let plan = json!({
            "now": micros(claim.now),
            "latest": micros(latest_expiry(claim.now)),
            "expires": micros(expiry(claim.now, claim.lease_for)),
            "limit": claim.limit.min(MAX_CLAIMED),
        });
        let answer = self.once(&self.scripts.claim_deliveries, &plan).await?;
        let mut claimed = Vec::new();
        for (id, fields) in answer.hashes(3) {
            let id = id.parse().map_err(|error| damaged("id", &error))?;
            claimed
                .push(ClaimedDelivery { delivery: record(id, &fields)?, token: token(&fields)? });
        }
        claimed.sort_by_key(|claimed| claimed.delivery.id);
        let next =
            [1, 2].into_iter().filter_map(|index| answer.text(index).and_then(time_of_score));
        Ok(DueDeliveries { claimed, look_again_at: next.min() })
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let Settlement { id, token, outcome } = settlement;
        let lost = || StoreError::lease_lost("delivery", &id);
        let (mut delivery, newest) = self.delivery(id).await?.ok_or_else(lost)?;
        if newest != token || delivery.state != DeliveryState::InFlight {
            return Err(lost());
        }
        delivery.settle(outcome);
        let before = (DeliveryState::InFlight, token);
        if self.change_delivery(&delivery, before, Tell::Nobody).await? {
            Ok(())
        } else {
            Err(lost())
        }
    }

    async fn requeue(
        &self,
        id: DeliveryId,
        due_at: Timestamp,
    ) -> Result<DeliveryRecord, StoreError> {
        for _ in 0..ATTEMPTS {
            let found = self.delivery(id).await?;
            let (mut delivery, token) =
                found.ok_or_else(|| StoreError::not_found("delivery", &id))?;
            let before = (delivery.state, token);
            delivery.requeue(due_at)?;
            if self.change_delivery(&delivery, before, Tell::Workers).await? {
                return Ok(delivery);
            }
        }
        Err(StoreError::conflict("delivery", &id, "it changes all the time"))
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        let list = match (filter.run_id, filter.session_id, filter.state) {
            (Some(run), _, _) => self.key(&[&"deliveries", &"run", &run]),
            (None, Some(session), _) => self.key(&[&"deliveries", &"session", &session]),
            (None, None, Some(state)) => self.key(&[&"deliveries", &"state", &state.name()]),
            (None, None, None) => self.key(&[&"deliveries"]),
        };
        let mut before = filter.before;
        let mut found = Vec::new();
        while found.len() <= limit {
            let wanted = limit.saturating_sub(found.len()).saturating_add(1).min(CHUNK);
            let ids: Vec<DeliveryId> = self.ids_before(&list, before, wanted).await?;
            let hashes = self.hashes("delivery", &ids).await?;
            before = ids.last().copied();
            for (id, fields) in ids.iter().zip(&hashes).filter(|(_, fields)| !fields.is_empty()) {
                found.push(record(*id, fields)?);
            }
            found.retain(|delivery| filter.accepts(delivery));
            if ids.len() < wanted {
                break;
            }
        }
        Ok(Page::cut(found, limit))
    }
}

impl RedisStore {
    /// A delivery with the token of its newest claim.
    async fn delivery(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRecord, LeaseToken)>, StoreError> {
        let fields = self.hash(self.key(&[&"delivery", &id])).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        Ok(Some((record(id, &fields)?, token(&fields)?)))
    }

    /// Writes a delivery down if it is still as it was before. False when it is not.
    async fn change_delivery(
        &self,
        delivery: &DeliveryRecord,
        (state, token): (DeliveryState, LeaseToken),
        tell: Tell,
    ) -> Result<bool, StoreError> {
        let mut fields = BTreeMap::from([
            ("state", name_of(&delivery.state)),
            ("next", micros(delivery.next_at)),
            ("attempts", delivery.attempts.to_string()),
            ("failures", delivery.failures.to_string()),
            ("sent", u8::from(delivery.possibly_sent).to_string()),
        ]);
        fields.extend(delivery.last_error.clone().map(|error| ("error", error)));
        fields.extend(delivery.receipt.clone().map(|receipt| ("receipt", receipt)));
        let plan = json!({
            "id": delivery.id,
            "state": state,
            "token": token.0.to_string(),
            "fields": fields,
            "tell": tell == Tell::Workers,
        });
        let answer = self.once(&self.scripts.change_delivery, &plan).await?;
        Ok(answer.verdict() == "ok")
    }
}

fn token(fields: &Fields) -> Result<LeaseToken, StoreError> {
    fields.parse("token").map(LeaseToken)
}

fn record(id: DeliveryId, fields: &Fields) -> Result<DeliveryRecord, StoreError> {
    Ok(DeliveryRecord {
        id,
        run_id: fields.parse("run")?,
        session_id: fields.parse("session")?,
        to: fields.json("to")?,
        reply: fields.json("reply")?,
        state: fields.named("state")?,
        attempts: fields.parse("attempts")?,
        failures: fields.text("failures").map_or(Ok(0), |_| fields.parse("failures"))?,
        possibly_sent: fields.text("sent") == Some("1"),
        created_at: fields.time("created")?,
        next_at: fields.time("next")?,
        last_error: fields.text("error").map(str::to_owned),
        receipt: fields.text("receipt").map(str::to_owned),
    })
}
