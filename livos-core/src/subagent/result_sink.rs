//! Takes the result of a sub-agent to the session that waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::crash_point::CrashPoint;
use crate::delivery::DeliveryAttempt;
use crate::delivery::Repetition;
use crate::delivery::ReplySink;
use crate::delivery::SinkAnswer;
use crate::event::RunStatus;
use crate::id::SessionId;
use crate::message::Message;
use crate::origin::Trigger;
use crate::store::Admission;
use crate::store::IdempotencyKey;
use crate::store::NewRun;
use crate::store::ReplyAddress;
use crate::store::Store;
use crate::store::StoreError;

/// The kind of address that means a session of this store.
const KIND: &str = "session";

/// Takes results to sessions of the same store, as messages.
///
/// The delivery's id is the message's idempotency key: however often it is sent, and whoever dies
/// meanwhile, the parent's journal has it once. Until it has, the result stays owed.
#[derive(Debug)]
pub struct ResultSink {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Address {
    session_id: SessionId,
}

/// The address of a session.
pub(super) fn result_address(session_id: SessionId) -> ReplyAddress {
    let address = serde_json::json!({ "session_id": session_id });
    ReplyAddress { kind: KIND.into(), address }
}

impl ResultSink {
    /// A sink that writes into the store whose outbox it serves.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn admit(&self, attempt: &DeliveryAttempt) -> Result<SinkAnswer, StoreError> {
        let address: Address = match serde_json::from_value(attempt.address.clone()) {
            Ok(address) => address,
            Err(error) => return Ok(rejected(format!("not the address of a session: {error}"))),
        };
        let to = address.session_id;
        if self.store.session(to).await?.is_none() {
            return Ok(rejected(format!("session {to} was deleted")));
        }
        let Some(child) = self.store.run(attempt.run_id).await? else {
            return Ok(rejected(format!("run {} was deleted", attempt.run_id)));
        };
        let mut run = NewRun::new(to, Message::user(told(attempt)), self.clock.now());
        let run_id = run.run_id;
        run.trigger = Trigger::Subagent;
        run.origin = child.origin;
        run.key = Some(IdempotencyKey::new("subagent-result", attempt.id.to_string()));
        let by = match self.store.admit(run).await {
            Ok(Admission::Admitted { .. }) => run_id,
            Ok(Admission::Known { run_id, .. } | Admission::Joined { run_id, .. }) => run_id,
            Err(StoreError::Busy { .. }) => {
                let error = format!("session {to} has too many messages waiting");
                return Ok(SinkAnswer::Retry { after: None, error });
            }
            Err(error) => return Err(error),
        };
        CrashPoint::ResultArrived.pass();
        Ok(SinkAnswer::Receipt(by.to_string()))
    }
}

fn rejected(error: String) -> SinkAnswer {
    SinkAnswer::Rejected { error }
}

/// What the parent reads. The child's words are marked as such: they are no instructions of the user.
fn told(attempt: &DeliveryAttempt) -> String {
    let ended = match attempt.reply.status {
        RunStatus::Completed => "is done",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "was stopped",
        RunStatus::Exhausted => "used up its budget",
    };
    let why = attempt.reply.error.as_ref();
    let why = why.map(|error| format!(" ({})", error.message)).unwrap_or_default();
    format!(
        "[The agent in session {} {ended}{why}. What it said:]\n{}",
        attempt.session_id, attempt.reply.text
    )
}

#[async_trait]
impl ReplySink for ResultSink {
    fn kind(&self) -> &str {
        KIND
    }

    fn repetition(&self) -> Repetition {
        Repetition::Harmless
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        match self.admit(attempt).await {
            Ok(answer) => answer,
            Err(error) => SinkAnswer::Retry { after: None, error: error.to_string() },
        }
    }
}
