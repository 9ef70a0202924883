//! The one task that claims runs and tells those that drive them what they must know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::MAX_ASIDE;
use super::Shared;
use super::TakeOver;
use super::drive::drive;
use super::orders::Orders;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::pause::Pauses;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::LeaseToken;
use crate::store::WorkSignal;

/// When to look for a run to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Now,
    At(Instant),
    /// When a signal says so.
    WhenTold,
}

impl Look {
    /// The same, and no later than after this.
    fn within(self, pause: Duration) -> Self {
        let latest = Instant::now() + pause;
        match self {
            Self::Now => Self::Now,
            Self::At(at) => Self::At(at.min(latest)),
            Self::WhenTold => Self::At(latest),
        }
    }
}

pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    signals: BoxStream<'static, WorkSignal>,
    drives: JoinSet<(RunId, LeaseToken)>,
    driving: HashMap<RunId, Orders>,
    look: Look,
    pauses: Pauses,
    /// Whether leases of others count as expired.
    takes_over: bool,
    /// Whether the machine could take no more when it was asked last.
    overloaded: bool,
}

enum Happening {
    Stopping,
    Signal(Option<WorkSignal>),
    Ended(Option<(RunId, LeaseToken)>),
    PlaceFree,
    Time,
}

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        // Before the first look, so that nothing that comes after it is missed.
        let signals = shared.store.signals();
        let takes_over = shared.settings.take_over == TakeOver::AtStart;
        Self {
            shared,
            signals,
            drives: JoinSet::new(),
            driving: HashMap::new(),
            look: Look::Now,
            pauses: Pauses::short(),
            takes_over,
            overloaded: false,
        }
    }

    pub(super) async fn run(mut self) {
        let stopping = self.shared.stopping.clone();
        while !stopping.is_cancelled() {
            self.claim_what_there_is().await;
            match self.next().await {
                Happening::Stopping => break,
                Happening::Signal(Some(signal)) => self.obey(signal),
                Happening::Signal(None) => self.signals = futures::stream::pending().boxed(),
                Happening::Ended(ended) => self.ended(ended),
                Happening::PlaceFree => {}
                Happening::Time => self.look = Look::Now,
            }
        }
        // Cancels still reach the runs that may finish.
        while !self.drives.is_empty() {
            tokio::select! {
                ended = self.drives.join_next() => {
                    let ended = ended.and_then(Result::ok);
                    self.ended(ended);
                }
                Some(signal) = self.signals.next() => self.obey(signal),
            }
        }
    }

    async fn next(&mut self) -> Happening {
        let look = self.look;
        let has_place = self.has_place();
        let time = async {
            match look {
                Look::At(at) if has_place => tokio::time::sleep_until(at).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => Happening::Stopping,
            signal = self.signals.next() => Happening::Signal(signal),
            Some(ended) = self.drives.join_next() => Happening::Ended(ended.ok()),
            // The next look claims; what there is to claim is known by then.
            () = self.shared.place_free.notified() => Happening::PlaceFree,
            () = time => Happening::Time,
        }
    }

    fn has_place(&self) -> bool {
        let aside = self.shared.aside.load(Ordering::Acquire).min(MAX_ASIDE);
        self.drives.len().saturating_sub(aside) < self.shared.settings.max_concurrent_runs.max(1)
    }

    fn obey(&mut self, signal: WorkSignal) {
        match signal {
            WorkSignal::RunReady => self.look = Look::Now,
            WorkSignal::CancelRequested(run_id) => {
                if let Some(orders) = self.driving.get(&run_id) {
                    orders.cancel.cancel();
                }
            }
            WorkSignal::Missed => {
                self.look = Look::Now;
                self.driving.values().for_each(|orders| orders.look.notify_one());
            }
            // A run looks for inputs itself, at each turn, and for decisions while it waits for them;
            // the others are for other workers.
            WorkSignal::InputArrived(_)
            | WorkSignal::ApprovalResolved(_)
            | WorkSignal::RunEnded(..)
            | WorkSignal::DeliveryDue
            | WorkSignal::ScheduleChanged => {}
        }
    }

    fn ended(&mut self, ended: Option<(RunId, LeaseToken)>) {
        let Some((run_id, token)) = ended else { return };
        if self.driving.get(&run_id).is_some_and(|orders| orders.token == token) {
            self.driving.remove(&run_id);
        }
    }

    async fn claim_what_there_is(&mut self) {
        while self.look == Look::Now && self.has_place() {
            self.reap();
            let ask_again_after = self.overloaded();
            let scope = ask_again_after.map_or(ClaimScope::All, |_| ClaimScope::Foreground);
            // A lease is counted from before it was asked for, so that it never seems to last too long.
            let asked_at = Instant::now();
            match self.shared.store.claim(self.request(scope)).await {
                Ok(Claimed::Run(claim)) => self.begin(claim, asked_at),
                Ok(Claimed::Nothing { look_again_at, passed_over }) => {
                    self.takes_over = false;
                    self.pauses = Pauses::short();
                    let look = look_again_at.map_or(Look::WhenTold, |at| self.at(at));
                    // Unless something waits for the machine, nobody asks how it is.
                    let pause = ask_again_after.filter(|_| passed_over);
                    self.look = pause.map_or(look, |pause| look.within(pause));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "no run could be claimed; trying again");
                    self.look = Look::At(Instant::now() + self.pauses.next());
                }
            }
        }
    }

    /// When to ask again whether the machine can take more, if it cannot now.
    fn overloaded(&mut self) -> Option<Duration> {
        let answer = self.shared.settings.gate.as_ref().map_or(Ok(()), |gate| gate.admits());
        let was_overloaded = std::mem::replace(&mut self.overloaded, answer.is_err());
        match answer {
            Ok(()) if was_overloaded => {
                tracing::info!("runs in the background begin again");
                None
            }
            Ok(()) => None,
            Err(overloaded) => {
                if !was_overloaded {
                    let reason = overloaded.reason;
                    tracing::warn!(reason, "no more runs in the background begin for now");
                }
                Some(overloaded.ask_again_after)
            }
        }
    }

    /// Takes note of the runs that ended meanwhile.
    fn reap(&mut self) {
        while let Some(ended) = self.drives.try_join_next() {
            self.ended(ended.ok());
        }
    }

    fn request(&self, scope: ClaimScope) -> ClaimRequest {
        let settings = &self.shared.settings;
        let now = self.shared.agent.clock().now();
        let now = match self.takes_over {
            // Every lease was given for no longer than this, by a process that is dead.
            true => later(now, settings.lease),
            false => now,
        };
        ClaimRequest { worker: settings.id.clone(), now, lease_for: settings.lease, scope }
    }

    fn begin(&mut self, claim: Claim, claimed_at: Instant) {
        let (run_id, token) = (claim.lease.run_id, claim.lease.token);
        let orders = Orders::new(token, &self.shared.leaving);
        // Its lease expired while this worker drove it, and this worker got it again.
        if let Some(older) = self.driving.insert(run_id, orders.clone()) {
            older.leave.cancel();
        }
        let driven = drive(Arc::clone(&self.shared), claim, orders, claimed_at);
        self.drives.spawn(driven.map(move |()| (run_id, token)));
    }

    fn at(&self, time: Timestamp) -> Look {
        Look::At(Instant::now() + time.since(self.shared.agent.clock().now()))
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(time.as_unix_micros().saturating_add(micros))
}
