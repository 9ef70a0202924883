//! What is owed.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryClaim;
use crate::store::DeliveryFilter;
use crate::store::DeliveryRecord;
use crate::store::DeliveryState;
use crate::store::DueDeliveries;
use crate::store::LeaseToken;
use crate::store::Page;
use crate::store::Reply;
use crate::store::ReplyAddress;
use crate::store::Settlement;
use crate::store::StoreError;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Each with the token of its newest claim.
    owed: BTreeMap<DeliveryId, (DeliveryRecord, LeaseToken)>,
    last_token: u64,
}

impl Deliveries {
    pub(super) fn owe(
        &mut self,
        (run_id, session_id): (RunId, SessionId),
        to: ReplyAddress,
        reply: Reply,
        at: Timestamp,
    ) {
        let delivery = DeliveryRecord::owed(run_id, session_id, to, reply, at);
        self.owed.insert(delivery.id, (delivery, LeaseToken(0)));
    }

    pub(super) fn forget(&mut self, session_id: SessionId) {
        self.owed.retain(|_, (delivery, _)| delivery.session_id != session_id);
    }

    pub(super) fn claim_due(&mut self, claim: &DeliveryClaim) -> DueDeliveries {
        let expires_at = expiry(claim.now, claim.lease_for);
        let mut claimed = Vec::new();
        let mut look_again_at: Option<Timestamp> = None;
        for (delivery, token) in self.owed.values_mut() {
            if !matches!(delivery.state, DeliveryState::Due | DeliveryState::InFlight) {
                continue;
            }
            let is_gone = delivery.state == DeliveryState::InFlight
                && delivery.next_at > latest_expiry(claim.now);
            let is_due = delivery.claimable_at() <= claim.now || is_gone;
            if is_due && claimed.len() < claim.limit {
                self.last_token += 1;
                *token = LeaseToken(self.last_token);
                delivery.hand_out(expires_at);
                claimed.push(ClaimedDelivery { delivery: delivery.clone(), token: *token });
            }
            let next = delivery.claimable_at();
            look_again_at = Some(look_again_at.map_or(next, |at| at.min(next)));
        }
        DueDeliveries { claimed, look_again_at }
    }

    pub(super) fn settle(&mut self, settlement: Settlement) -> Result<(), StoreError> {
        let Settlement { id, token, outcome } = settlement;
        let (delivery, _) = self
            .owed
            .get_mut(&id)
            .filter(|(delivery, newest)| {
                *newest == token && delivery.state == DeliveryState::InFlight
            })
            .ok_or_else(|| StoreError::lease_lost("delivery", &id))?;
        delivery.settle(outcome);
        Ok(())
    }

    pub(super) fn requeue(
        &mut self,
        id: DeliveryId,
        due_at: Timestamp,
    ) -> Result<DeliveryRecord, StoreError> {
        let (delivery, _) =
            self.owed.get_mut(&id).ok_or_else(|| StoreError::not_found("delivery", &id))?;
        delivery.requeue(due_at)?;
        Ok(delivery.clone())
    }

    pub(super) fn list(&self, filter: &DeliveryFilter, limit: usize) -> Page<DeliveryRecord> {
        let newest_first = self.owed.values().rev().map(|(delivery, _)| delivery);
        let wanted = newest_first.filter(|delivery| filter.accepts(delivery));
        Page::cut(wanted.take(limit.saturating_add(1)).cloned().collect(), limit)
    }
}
