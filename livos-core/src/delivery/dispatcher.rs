//! The one task that claims deliveries and starts their attempts.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ATTEMPT_TIMEOUT;
use super::LEASE;
use super::Shared;
use super::address_queue::AddressQueues;
use super::address_queue::Turn;
use super::attempt::deliver;
use super::attempt::later;
use super::attempt::settle;
use crate::clock::Timestamp;
use crate::pause::Pauses;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryClaim;
use crate::store::DeliveryOutcome;
use crate::store::ReplyAddress;
use crate::store::Settlement;
use crate::store::WorkSignal;

/// How many deliveries are held for each address that may be sent to at a time.
const HELD_PER_PLACE: usize = 4;
/// Why a reply is put off behind another.
const IN_LINE: &str = "waits for an earlier reply to the same address";

/// When to look for what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Now,
    At(Instant),
    /// When a signal says so.
    WhenTold,
}

pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    signals: BoxStream<'static, WorkSignal>,
    attempts: JoinSet<(ReplyAddress, DeliveryOutcome)>,
    addresses: AddressQueues,
    look: Look,
    pauses: Pauses,
}

enum Happening {
    Stopping,
    Signal(Option<WorkSignal>),
    Settled(Option<(ReplyAddress, DeliveryOutcome)>),
    Time,
}

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        // Before the first look, so that nothing that comes after it is missed.
        let signals = shared.store.signals();
        Self {
            shared,
            signals,
            attempts: JoinSet::new(),
            addresses: AddressQueues::default(),
            look: Look::Now,
            pauses: Pauses::short(),
        }
    }

    pub(super) async fn run(mut self) {
        let stopping = self.shared.stopping.clone();
        while !stopping.is_cancelled() {
            self.claim_what_is_due().await;
            match self.next().await {
                Happening::Stopping => break,
                Happening::Signal(Some(WorkSignal::DeliveryDue | WorkSignal::Missed))
                | Happening::Time => self.look = Look::Now,
                Happening::Signal(Some(_)) => {}
                Happening::Signal(None) => self.signals = futures::stream::pending().boxed(),
                Happening::Settled(settled) => self.settled(settled).await,
            }
        }
        while let Some(settled) = self.attempts.join_next().await {
            self.settled(settled.ok()).await;
        }
    }

    async fn next(&mut self) -> Happening {
        let (look, has_place) = (self.look, self.places() > 0);
        let time = async {
            match look {
                Look::At(at) if has_place => tokio::time::sleep_until(at).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => Happening::Stopping,
            Some(settled) = self.attempts.join_next() => Happening::Settled(settled.ok()),
            signal = self.signals.next() => Happening::Signal(signal),
            () = time => Happening::Time,
        }
    }

    fn places(&self) -> usize {
        let places = self.shared.settings.max_concurrent.max(1);
        let free = places.saturating_sub(self.addresses.busy());
        free.min((places * HELD_PER_PLACE).saturating_sub(self.addresses.len()))
    }

    async fn claim_what_is_due(&mut self) {
        while self.look == Look::Now && self.places() > 0 {
            let now = self.shared.clock.now();
            self.addresses.prune(now);
            let claim = DeliveryClaim {
                worker: self.shared.settings.id.clone(),
                now,
                lease_for: LEASE,
                limit: self.places(),
            };
            let limit = claim.limit;
            match self.shared.store.claim_due(claim).await {
                Ok(due) => {
                    self.pauses = Pauses::short();
                    if due.claimed.len() < limit {
                        self.look = due.look_again_at.map_or(Look::WhenTold, |at| self.at(at));
                    }
                    for claimed in due.claimed {
                        let turn = self.addresses.claimed(claimed, now);
                        self.take(turn).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "no delivery could be claimed; trying again");
                    self.look = Look::At(Instant::now() + self.pauses.next());
                }
            }
        }
    }

    async fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Later => {}
            Turn::Now(claimed) => self.begin(*claimed).await,
            Turn::NotBefore(claimed, time) => self.put_off(*claimed, time, IN_LINE).await,
        }
    }

    async fn begin(&mut self, claimed: ClaimedDelivery) {
        let now = self.shared.clock.now();
        // With less than an attempt's time left another worker could begin before it ends.
        if self.shared.stopping.is_cancelled()
            || later(now, ATTEMPT_TIMEOUT) > claimed.delivery.next_at
        {
            let to = claimed.delivery.to.clone();
            self.put_off(claimed, now, "was claimed too long ago to be sent").await;
            for turn in self.addresses.hold(&to, now) {
                if let Turn::NotBefore(claimed, time) = turn {
                    self.put_off(*claimed, time, IN_LINE).await;
                }
            }
            return;
        }
        let shared = Arc::clone(&self.shared);
        let to = claimed.delivery.to.clone();
        let attempt = async move { deliver(&shared, claimed).await };
        self.attempts.spawn(attempt.map(move |outcome| (to, outcome)));
    }

    async fn put_off(&mut self, claimed: ClaimedDelivery, until: Timestamp, reason: &str) {
        let ClaimedDelivery { delivery, token } = claimed;
        let outcome = DeliveryOutcome::Postponed { until, reason: reason.to_owned() };
        settle(&self.shared, Settlement { id: delivery.id, token, outcome }).await;
        self.look_at(until);
    }

    async fn settled(&mut self, settled: Option<(ReplyAddress, DeliveryOutcome)>) {
        // An attempt that panicked outside its sink leaves its address held until the next start.
        let Some((to, outcome)) = settled else { return };
        if let DeliveryOutcome::NotSent { retry_at, .. }
        | DeliveryOutcome::MaybeSent { retry_at, .. } = &outcome
        {
            self.look_at(*retry_at);
        }
        for turn in self.addresses.settled(&to, &outcome) {
            self.take(turn).await;
        }
    }

    /// Looks again at a time, or earlier if that was meant already.
    fn look_at(&mut self, time: Timestamp) {
        let Look::At(at) = self.at(time) else { return };
        self.look = match self.look {
            Look::Now => Look::Now,
            Look::At(earlier) => Look::At(earlier.min(at)),
            Look::WhenTold => Look::At(at),
        };
    }

    fn at(&self, time: Timestamp) -> Look {
        let pause = time.since(self.shared.clock.now());
        // Never at once: a time that is due already was looked at just now.
        Look::At(Instant::now() + pause.max(Duration::from_millis(1)))
    }
}
