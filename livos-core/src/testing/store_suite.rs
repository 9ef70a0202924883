//! What every store must do.

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

mod admission;
mod approvals;
mod facts;
mod journal;
mod lanes;
mod leases;
mod ledger;
mod outbox;
mod schedules;
mod sessions;
mod steering;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::message::Usage;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::store::Append;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::Lease;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::QueueMode;
use crate::store::ReplyAddress;
use crate::store::Store;
use crate::store::StoreError;

type Shared = Arc<dyn Store>;
/// What a check found, in words.
type Verdict = Result<(), String>;

/// How long a claim of the suite lasts.
const LEASE: Duration = Duration::from_secs(15);

/// Checks a store against the promises of [`Store`]'s traits. The closure gives an empty store each
/// time that it is called; whether it is a new one or an old one that was emptied does not matter.
///
/// ```
/// use std::sync::Arc;
/// use livos_core::{MemoryStore, Store, testing::check_store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), String> {
/// check_store(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>).await
/// # }
/// ```
///
/// # Errors
/// The first promise that is not kept, in words.
pub async fn check_store(empty: impl AsyncFn() -> Arc<dyn Store>) -> Result<(), String> {
    journal::check(&empty).await?;
    sessions::check(&empty).await?;
    admission::check(&empty).await?;
    steering::check(&empty).await?;
    leases::check(&empty).await?;
    lanes::check(&empty).await?;
    outbox::check(&empty).await?;
    approvals::check(&empty).await?;
    ledger::check(&empty).await?;
    schedules::check(&empty).await?;
    facts::check(&empty).await
}

#[expect(clippy::needless_pass_by_value, reason = "called by `map_err`")]
fn failed(error: StoreError) -> String {
    format!("the store failed: {error}")
}

/// The suite's time, in seconds after its beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros((1_767_225_600 + seconds) * 1_000_000)
}

fn admission_entry(run_id: RunId, text: &str) -> NewEntry {
    NewEntry {
        run_id,
        at: at(0),
        kind: EventKind::RunAdmitted {
            trigger: Trigger::Message,
            origin: Origin::default(),
            input: Arc::new(Message::user(text)),
            model: None,
            parent_run_id: None,
            budget: None,
            profile: None,
        },
    }
}

fn turn(run_id: RunId, turn: u32) -> NewEntry {
    NewEntry { run_id, at: at(1 + i64::from(turn)), kind: EventKind::TurnStarted { turn } }
}

fn joined(run_id: RunId, text: &str) -> NewEntry {
    let message = Arc::new(Message::user(text));
    NewEntry { run_id, at: at(2), kind: EventKind::InputJoined { message, trigger: None } }
}

fn finished(run_id: RunId, text: &str) -> NewEntry {
    let kind = EventKind::RunFinished {
        status: RunStatus::Completed,
        text: text.to_owned(),
        error: None,
        usage: Usage::default(),
        cost_micro_usd: None,
        turns: 1,
        tool_calls: 0,
        duration_ms: 7,
    };
    NewEntry { run_id, at: at(3), kind }
}

/// A message that gets a run of its own.
fn message(session_id: SessionId, text: &str) -> NewRun {
    steering_message(session_id, text).in_mode(QueueMode::Queue)
}

/// A message that joins what runs.
fn steering_message(session_id: SessionId, text: &str) -> NewRun {
    NewRun::new(session_id, Message::user(text), at(0))
}

impl NewRun {
    fn in_mode(mut self, mode: QueueMode) -> Self {
        self.mode = mode;
        self
    }

    fn replying_to(mut self, chat: u32) -> Self {
        let address = serde_json::json!({ "chat": chat });
        self.reply_to = Some(ReplyAddress { kind: "suite".into(), address });
        self
    }

    fn also_telling(mut self, chat: u32) -> Self {
        let address = serde_json::json!({ "chat": chat });
        self.also_tell = Some(ReplyAddress { kind: "suite".into(), address });
        self
    }
}

async fn claim_at(store: &Shared, seconds: i64) -> Result<Claimed, String> {
    let worker = "suite".into();
    let request =
        ClaimRequest { worker, now: at(seconds), lease_for: LEASE, scope: ClaimScope::All };
    store.claim(request).await.map_err(failed)
}

/// Claims what must be there.
async fn claimed(store: &Shared, seconds: i64) -> Result<Claim, String> {
    match claim_at(store, seconds).await? {
        Claimed::Run(claim) => Ok(claim),
        Claimed::Nothing { .. } => Err("there is no run to claim, but one waits".to_owned()),
    }
}

async fn nothing_to_claim(store: &Shared, seconds: i64) -> Result<Option<Timestamp>, String> {
    match claim_at(store, seconds).await? {
        Claimed::Run(claim) => Err(format!("{claim:?} was claimed, but nothing may be")),
        Claimed::Nothing { look_again_at, .. } => Ok(look_again_at),
    }
}

/// Ends a claimed run.
async fn finish(store: &Shared, claim: &Claim) -> Verdict {
    let entry = finished(claim.lease.run_id, "done");
    let append = Append::new(claim.session_id, vec![entry]).under(claim.lease);
    store.append(append).await.map(|_| ()).map_err(failed)
}

async fn append_under(
    store: &Shared,
    session: SessionId,
    lease: Lease,
    entry: NewEntry,
) -> Result<u64, StoreError> {
    store.append(Append::new(session, vec![entry]).under(lease)).await
}

/// The entries of a session by name.
async fn names(store: &Shared, session: SessionId) -> Result<Vec<&'static str>, String> {
    let entries = store.read(session, 0, 1000).await.map_err(failed)?;
    Ok(entries.iter().map(|entry| entry.kind.name()).collect())
}

/// Fails unless the numbers of a session are 1, 2, 3…
async fn gapless(store: &Shared, session: SessionId) -> Verdict {
    let entries = store.read(session, 0, 10_000).await.map_err(failed)?;
    let numbers: Vec<_> = entries.iter().filter_map(AgentEvent::seq).collect();
    ensure!(numbers.iter().copied().eq(1..=entries.len() as u64), "the numbers are {numbers:?}");
    Ok(())
}
