//! One attempt, and what is written down of it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use super::ATTEMPT_TIMEOUT;
use super::DeliveryAttempt;
use super::DeliverySettings;
use super::MAX_AGE;
use super::Repetition;
use super::ReplySink;
use super::Shared;
use super::SinkAnswer;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::pause::Pauses;
use crate::store::ClaimedDelivery;
use crate::store::DeliveryOutcome;
use crate::store::DeliveryRecord;
use crate::store::Settlement;
use crate::store::StoreError;

/// How many times the result of an attempt is written before it is left to the next claim.
const SETTLE_ATTEMPTS: u32 = 8;

/// Attempts a delivery and writes down what came of it.
pub(super) async fn deliver(shared: &Shared, claimed: ClaimedDelivery) -> DeliveryOutcome {
    let ClaimedDelivery { delivery, token } = claimed;
    CrashPoint::DeliveryClaimed.pass();
    let outcome = outcome(shared, &delivery).await;
    CrashPoint::Delivered.pass();
    tracing::debug!(delivery_id = %delivery.id, ?outcome, "a delivery was attempted");
    if let DeliveryOutcome::Dead { error } | DeliveryOutcome::Ambiguous { error } = &outcome {
        tracing::warn!(delivery_id = %delivery.id, run_id = %delivery.run_id, %error, "a reply is not delivered");
    }
    settle(shared, Settlement { id: delivery.id, token, outcome: outcome.clone() }).await;
    outcome
}

/// Writes down what came of an attempt. What cannot be written counts as possibly sent once the lease expired.
pub(super) async fn settle(shared: &Shared, settlement: Settlement) {
    let mut pauses = Pauses::short();
    for _ in 0..SETTLE_ATTEMPTS {
        match shared.store.settle(settlement.clone()).await {
            Ok(()) => return,
            Err(error) => {
                let id = settlement.id;
                tracing::warn!(error = %error, delivery_id = %id, "a delivery could not be settled");
                if matches!(error, StoreError::LeaseLost { .. }) {
                    return;
                }
            }
        }
        tokio::time::sleep(pauses.next()).await;
    }
}

async fn outcome(shared: &Shared, delivery: &DeliveryRecord) -> DeliveryOutcome {
    let Some(sink) = shared.sinks.get(&*delivery.to.kind) else {
        let error = format!("there is no sink for addresses of kind '{}'", delivery.to.kind);
        return DeliveryOutcome::Dead { error };
    };
    let is_doubled = delivery.possibly_sent && sink.repetition() == Repetition::Doubles;
    if is_doubled {
        let error = "an earlier attempt may have arrived, and its sink cannot tell".to_owned();
        return DeliveryOutcome::Ambiguous { error };
    }
    let answer = ask(&**sink, delivery).await;
    let now = shared.clock.now();
    let verdict = Verdict { delivery, now, settings: &shared.settings };
    verdict.of(answer, sink.repetition())
}

async fn ask(sink: &dyn ReplySink, delivery: &DeliveryRecord) -> SinkAnswer {
    let attempt = DeliveryAttempt {
        id: delivery.id,
        run_id: delivery.run_id,
        session_id: delivery.session_id,
        address: delivery.to.address.clone(),
        reply: delivery.reply.clone(),
        number: delivery.attempts,
        possibly_sent: delivery.possibly_sent,
    };
    let delivering = AssertUnwindSafe(sink.deliver(&attempt)).catch_unwind();
    match tokio::time::timeout(ATTEMPT_TIMEOUT, delivering).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => {
            SinkAnswer::Ambiguous { error: "the sink failed inside (it panicked)".to_owned() }
        }
        Err(_) => SinkAnswer::Ambiguous {
            error: format!("there was no answer within {} seconds", ATTEMPT_TIMEOUT.as_secs()),
        },
    }
}

/// Decides what becomes of a delivery after an attempt.
struct Verdict<'a> {
    delivery: &'a DeliveryRecord,
    now: Timestamp,
    settings: &'a DeliverySettings,
}

impl Verdict<'_> {
    fn of(&self, answer: SinkAnswer, repetition: Repetition) -> DeliveryOutcome {
        match (answer, repetition) {
            (SinkAnswer::Receipt(receipt), _) => DeliveryOutcome::Delivered { receipt },
            (SinkAnswer::Rejected { error }, _) => DeliveryOutcome::Dead { error },
            (SinkAnswer::Ambiguous { error }, Repetition::Doubles) => {
                DeliveryOutcome::Ambiguous { error }
            }
            (SinkAnswer::Ambiguous { error }, Repetition::Harmless) => match self.retry_at(None) {
                Some(retry_at) => DeliveryOutcome::MaybeSent { retry_at, error },
                None => DeliveryOutcome::Dead { error: self.given_up(&error) },
            },
            (SinkAnswer::Retry { after, error }, _) => match self.retry_at(after) {
                Some(retry_at) => DeliveryOutcome::NotSent { retry_at, error },
                None => DeliveryOutcome::Dead { error: self.given_up(&error) },
            },
        }
    }

    /// When to try again; none when it is to be given up. Attempts whose worker died count for neither.
    fn retry_at(&self, after: Option<Duration>) -> Option<Timestamp> {
        let doubled = 2_u32.saturating_pow(self.delivery.failures.min(20));
        let own = self.settings.first_pause.saturating_mul(doubled);
        let pause = after.unwrap_or(own.min(self.settings.longest_pause));
        let age = self.now.since(self.delivery.created_at);
        let may_go_on = self.failures() < self.settings.max_attempts && age + pause < MAX_AGE;
        may_go_on.then(|| later(self.now, pause))
    }

    /// How many attempts failed, with the one that is judged.
    fn failures(&self) -> u32 {
        self.delivery.failures.saturating_add(1)
    }

    fn given_up(&self, error: &str) -> String {
        format!("given up after {} attempts: {error}", self.failures())
    }
}

pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(time.as_unix_micros().saturating_add(micros))
}
