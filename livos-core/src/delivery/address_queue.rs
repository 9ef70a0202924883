//! Replies to one address go in order, one by one.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryOutcome;
use crate::store::ReplyAddress;

/// By how much a reply follows the one that it waits for, so that they are claimed in order.
const STEP: Duration = Duration::from_millis(1);

/// What was claimed and is not settled, by address.
#[derive(Debug, Default)]
pub(super) struct AddressQueues {
    waiting: HashMap<ReplyAddress, VecDeque<ClaimedDelivery>>,
    /// Addresses whose oldest reply is to be sent again at a time: the others go after it.
    held: HashMap<ReplyAddress, Timestamp>,
}

/// What to do with a claimed delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Send it now.
    Now(Box<ClaimedDelivery>),
    /// It waits here until the one before it is settled.
    Later,
    /// It is not to be sent before this time: the one before it is not.
    NotBefore(Box<ClaimedDelivery>, Timestamp),
}

impl AddressQueues {
    /// Takes in what was claimed, in the order of claims.
    pub(super) fn claimed(&mut self, claimed: ClaimedDelivery, now: Timestamp) -> Turn {
        let to = claimed.delivery.to.clone();
        if let Some(queue) = self.waiting.get_mut(&to) {
            queue.push_back(claimed);
            return Turn::Later;
        }
        if let Entry::Occupied(held) = self.held.entry(to.clone()) {
            let until = *held.get();
            if until > now {
                let after = super::attempt::later(until, STEP);
                return Turn::NotBefore(Box::new(claimed), after);
            }
            held.remove();
        }
        self.waiting.insert(to, VecDeque::new());
        Turn::Now(Box::new(claimed))
    }

    /// Takes in how an attempt ended, and gives what waits for the address next.
    pub(super) fn settled(&mut self, to: &ReplyAddress, outcome: &DeliveryOutcome) -> Vec<Turn> {
        if let DeliveryOutcome::NotSent { retry_at, .. }
        | DeliveryOutcome::MaybeSent { retry_at, .. } = outcome
        {
            return self.hold(to, *retry_at);
        }
        let mut queue = self.waiting.remove(to).unwrap_or_default();
        let Some(next) = queue.pop_front() else { return Vec::new() };
        self.waiting.insert(to.clone(), queue);
        vec![Turn::Now(Box::new(next))]
    }

    /// Sends nothing to an address until a time, and gives what waits for it: all go after its oldest.
    pub(super) fn hold(&mut self, to: &ReplyAddress, until: Timestamp) -> Vec<Turn> {
        let queue = self.waiting.remove(to).unwrap_or_default();
        self.held.insert(to.clone(), until);
        let after = super::attempt::later(until, STEP);
        queue.into_iter().map(|claimed| Turn::NotBefore(Box::new(claimed), after)).collect()
    }

    /// Forgets addresses that nothing is held back for any more.
    pub(super) fn prune(&mut self, now: Timestamp) {
        self.held.retain(|_, until| *until > now);
    }

    /// How many deliveries are held, those that are being sent included.
    pub(super) fn len(&self) -> usize {
        self.waiting.values().map(|queue| 1 + queue.len()).sum()
    }

    /// How many addresses are being sent to.
    pub(super) fn busy(&self) -> usize {
        self.waiting.len()
    }
}
