//! What is written down together.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Lease;
use crate::store::UsageRow;

/// A fact to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The run it belongs to.
    pub run_id: RunId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened; must be [durable](EventKind::is_durable).
    pub kind: EventKind,
}

/// Facts of one session that are written down together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The session; made when there is none and no lease is given.
    pub session_id: SessionId,
    /// The facts, in order.
    pub entries: Vec<NewEntry>,
    /// The right to drive the run, for runs that came out of a queue.
    pub lease: Option<Lease>,
    /// The waiting inputs that join the run with these entries, by [`PendingInput::id`](super::PendingInput::id).
    pub joins: Vec<RunId>,
    /// What model calls used, kept in the same transaction as their answer.
    pub usage: Vec<UsageRow>,
    name: Uuid,
}

impl Append {
    /// Entries of a run that nobody else can drive.
    pub fn new(session_id: SessionId, entries: Vec<NewEntry>) -> Self {
        let (joins, usage) = (Vec::new(), Vec::new());
        Self { session_id, entries, lease: None, joins, usage, name: new_name() }
    }

    /// What a clone is known by: a store whose answer may be lost on its way writes an append that is
    /// repeated, because nobody knew whether it was written, once.
    pub fn name(&self) -> Uuid {
        self.name
    }

    /// Written only if the lease was not lost to another worker.
    #[must_use]
    pub fn under(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Takes inputs that waited for the run; the entries must hold an `input_joined` for each.
    #[must_use]
    pub fn joining(mut self, inputs: Vec<RunId>) -> Self {
        self.joins = inputs;
        self
    }

    /// Accounts for model calls.
    #[must_use]
    pub fn using(mut self, usage: Vec<UsageRow>) -> Self {
        self.usage = usage;
        self
    }
}

/// A name that no other append has, of this process or another. Each entry of a run needs one, so
/// the system is asked for chance once, and numbers follow.
fn new_name() -> Uuid {
    static FIRST: LazyLock<Uuid> = LazyLock::new(Uuid::now_v7);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128(FIRST.as_u128().wrapping_add(number.into()))
}
