//! What waits and who drives it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::RedisStore;
use super::answer::Answer;
use super::entry::EntryPlan;
use super::entry::Parcel;
use super::failure::damaged;
use super::fields::micros;
use super::fields::time_of_score;
use super::journal::LeasePlan;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::DeliveryId;
use crate::id::RunId;
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
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::PendingInput;
use crate::store::RenewRequest;
use crate::store::Renewal;
use crate::store::RunLeases;
use crate::store::RunQueue;
use crate::store::RunStore;
use crate::store::StoreError;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

#[async_trait]
impl RunQueue for RedisStore {
    async fn admit(&self, run: NewRun) -> Result<Admission, StoreError> {
        let parcel = Parcel::of(&run, before(run.at), MAX_WAITING)?;
        let answer = self.once(&self.scripts.admit, &parcel).await?;
        if answer.verdict() == "busy" {
            return Err(StoreError::Busy { session_id: run.session_id, limit: MAX_WAITING });
        }
        admission(&answer)
    }

    async fn request_cancel(&self, cancel: CancelRequest) -> Result<Cancellation, StoreError> {
        let CancelRequest { run_id, at } = cancel;
        let missing = || StoreError::not_found("queued run", &run_id);
        // The script uses the entry only if nobody began the run, and then nothing has changed since.
        let run = self.run(run_id).await?.ok_or_else(missing)?;
        let entry = NewEntry { run_id, at, kind: run.cancelled(at) };
        let entry = EntryPlan::of(run.session_id, &entry)?;
        let plan = json!({ "entry": entry, "delivery": DeliveryId::generate() });
        let answer = self.once(&self.scripts.cancel, &plan).await?;
        match (answer.verdict(), answer.text(1)) {
            ("missing", _) => Err(missing()),
            (_, Some("requested")) => Ok(Cancellation::Requested),
            (_, Some("over")) => Ok(Cancellation::Over),
            _ => Ok(Cancellation::Ended { seq: answer.parse(2)? }),
        }
    }
}

/// What became of a message, as the scripts say it.
pub(super) fn admission(answer: &Answer) -> Result<Admission, StoreError> {
    match answer.text(1) {
        Some("admitted") => Ok(Admission::Admitted { seq: answer.parse(2)? }),
        Some("joined") => Ok(Admission::Joined { run_id: answer.parse(2)?, seq: answer.parse(3)? }),
        _ => Ok(Admission::Known { run_id: answer.parse(2)?, seq: answer.parse(3)? }),
    }
}

/// The time before which keys may be forgotten.
pub(super) fn before(now: Timestamp) -> Timestamp {
    let retention = i64::try_from(KEY_RETENTION.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.as_unix_micros().saturating_sub(retention))
}

#[async_trait]
impl RunLeases for RedisStore {
    async fn claim(&self, claim: ClaimRequest) -> Result<Claimed, StoreError> {
        let expires_at = expiry(claim.now, claim.lease_for);
        let plan = json!({
            "now": micros(claim.now),
            "latest": micros(latest_expiry(claim.now)),
            "expires": micros(expires_at),
            "foreground": claim.scope == ClaimScope::Foreground,
        });
        let answer = self.once(&self.scripts.claim, &plan).await?;
        if answer.verdict() != "ok" {
            let look_again_at = answer.text(1).and_then(time_of_score);
            let passed_over = answer.text(2) == Some("passed_over");
            return Ok(Claimed::Nothing { look_again_at, passed_over });
        }
        let token = LeaseToken(answer.parse(2)?);
        Ok(Claimed::Run(Claim {
            lease: Lease { run_id: answer.parse(1)?, token },
            session_id: answer.parse(3)?,
            attempt: answer.parse(4)?,
            expires_at,
            cancel_requested: answer.text(5) == Some("1"),
        }))
    }

    async fn renew(&self, renewal: RenewRequest) -> Result<Renewal, StoreError> {
        let expires_at = expiry(renewal.now, renewal.lease_for);
        let lease = LeasePlan::from(renewal.lease);
        let plan = json!({ "lease": lease, "expires": micros(expires_at) });
        let answer = self.freely(&self.scripts.renew, &plan).await?;
        if answer.verdict() != "ok" {
            return Err(StoreError::lease_lost("run", &renewal.lease.run_id));
        }
        Ok(Renewal {
            expires_at,
            cancel_requested: answer.text(1) == Some("1"),
            pending_inputs: answer.parse(2)?,
        })
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let plan = json!({ "lease": LeasePlan::from(lease) });
        let answer = self.once(&self.scripts.release, &plan).await?;
        match answer.verdict() {
            "ok" => Ok(()),
            _ => Err(StoreError::lease_lost("run", &lease.run_id)),
        }
    }

    async fn pending_inputs(&self, run_id: RunId) -> Result<Vec<PendingInput>, StoreError> {
        let mut range = self.command("LRANGE", &[&"inputs", &run_id]);
        let inputs: Vec<String> = self.ask(range.arg(0).arg(-1)).await?;
        inputs.iter().map(|input| pending(input)).collect()
    }
}

/// What a waiting message's [`Parcel`] says of it.
#[derive(Deserialize)]
struct Waiting {
    run: RunId,
    at: String,
    kind: String,
}

fn pending(input: &str) -> Result<PendingInput, StoreError> {
    let broken = |why: &dyn std::fmt::Display| damaged("waiting input", &why.to_string());
    let Waiting { run, at, kind } = serde_json::from_str(input).map_err(|error| broken(&error))?;
    let micros = at.parse().map_err(|_| broken(&"its time is something else"))?;
    let kind = serde_json::from_str(&kind).map_err(|error| broken(&error))?;
    let EventKind::RunAdmitted { trigger, origin, input, .. } = kind else {
        return Err(broken(&"it admits nothing"));
    };
    let at = Timestamp::from_unix_micros(micros);
    Ok(PendingInput { id: run, at, trigger, origin, message: Arc::clone(&input) })
}
