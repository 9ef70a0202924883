//! What a run may spend: turns, tokens, money and time; a tree, children draw from their parent.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::tool::Spent;

/// The limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Model calls.
    pub turns: u32,
    /// Tokens of all prompts and answers together.
    pub tokens: u64,
    /// Time from start to end.
    pub wall_clock: Duration,
    /// Money, where prices are known.
    pub cost: Option<MicroUsd>,
}

impl Default for Budget {
    /// 15 turns, 200,000 tokens, 600 seconds, no cap on money (STAB-06).
    fn default() -> Self {
        Self { turns: 15, tokens: 200_000, wall_clock: Duration::from_secs(600), cost: None }
    }
}

impl Budget {
    /// What a sub-agent gets at most: 8 turns, 50,000 tokens, 120 seconds (MULTI-05).
    pub fn subagent() -> Self {
        Self { turns: 8, tokens: 50_000, wall_clock: Duration::from_secs(120), cost: None }
    }

    /// Sets the number of model calls.
    pub fn with_turns(mut self, turns: u32) -> Self {
        self.turns = turns;
        self
    }

    /// Sets the number of tokens.
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the time.
    pub fn with_wall_clock(mut self, time: Duration) -> Self {
        self.wall_clock = time;
        self
    }

    /// Sets a cap on money.
    pub fn with_cost(mut self, cap: MicroUsd) -> Self {
        self.cost = Some(cap);
        self
    }
}

/// Which limit was reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetLimit {
    /// Model calls.
    Turns,
    /// Tokens.
    Tokens,
    /// Time.
    WallClock,
    /// Money.
    Cost,
}

/// Counts what is spent against a budget. Clones count together, and a child's
/// spending is its parent's too.
///
/// ```
/// use livos_core::{Budget, BudgetLimit, BudgetMeter, Timestamp, Usage};
///
/// let start = Timestamp::from_unix_micros(0);
/// let parent = BudgetMeter::new(Budget::default().with_tokens(100), start);
/// let child = parent.child(Budget::subagent(), start);
/// child.charge_tokens(Usage { output_tokens: 150, ..Usage::default() }, None);
/// assert_eq!(parent.reached(start), Some(BudgetLimit::Tokens));
/// assert_eq!(child.reached(start), Some(BudgetLimit::Tokens), "its parent has nothing left");
/// ```
#[derive(Debug, Clone)]
pub struct BudgetMeter(Arc<Node>);

#[derive(Debug)]
struct Node {
    limit: Budget,
    started_at: Timestamp,
    parent: Option<BudgetMeter>,
    turns: AtomicU64,
    tokens: AtomicU64,
    micro_usd: AtomicU64,
    drawn: Drawn,
    pauses: Pauses,
}

/// What others spent of it, wherever they run.
#[derive(Debug, Default)]
struct Drawn {
    tokens: AtomicU64,
    micro_usd: AtomicU64,
}

/// When the clock stands still, in microseconds.
#[derive(Debug, Default)]
struct Pauses {
    /// How many wait now.
    open: AtomicU32,
    /// Since when the first of them does.
    since: AtomicI64,
    /// How long it stood still before.
    total: AtomicI64,
}

/// As long as this lives, the time of a budget does not run.
#[derive(Debug)]
#[must_use = "time runs again when it is dropped"]
pub struct PausedBudget {
    meter: BudgetMeter,
    clock: Arc<dyn Clock>,
}

impl Drop for PausedBudget {
    fn drop(&mut self) {
        let now = self.clock.now().as_unix_micros();
        for node in self.meter.lineage() {
            if node.pauses.open.fetch_sub(1, Ordering::AcqRel) == 1 {
                let stood = now - node.pauses.since.load(Ordering::Acquire);
                node.pauses.total.fetch_add(stood.max(0), Ordering::AcqRel);
            }
        }
    }
}

impl BudgetMeter {
    /// A meter of a root run.
    pub fn new(limit: Budget, started_at: Timestamp) -> Self {
        Self::with_parent(limit, started_at, None)
    }

    /// A meter whose spending counts here too.
    pub fn child(&self, limit: Budget, started_at: Timestamp) -> Self {
        Self::with_parent(limit, started_at, Some(self.clone()))
    }

    fn with_parent(limit: Budget, started_at: Timestamp, parent: Option<Self>) -> Self {
        Self(Arc::new(Node {
            limit,
            started_at,
            parent,
            turns: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            micro_usd: AtomicU64::new(0),
            drawn: Drawn::default(),
            pauses: Pauses::default(),
        }))
    }

    /// Stops the time of this meter and of all further up, while a person is waited for.
    pub fn pause(&self, clock: Arc<dyn Clock>) -> PausedBudget {
        let now = clock.now().as_unix_micros();
        for node in self.lineage() {
            if node.pauses.open.fetch_add(1, Ordering::AcqRel) == 0 {
                node.pauses.since.store(now, Ordering::Release);
            }
        }
        PausedBudget { meter: self.clone(), clock }
    }

    /// Counts one model call about to be made. A child's calls are not its parent's turns.
    pub fn charge_turn(&self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what a model call used.
    pub fn charge_tokens(&self, usage: Usage, cost: Option<MicroUsd>) {
        for meter in self.lineage() {
            meter.tokens.fetch_add(usage.total_tokens(), Ordering::Relaxed);
            meter.micro_usd.fetch_add(cost.unwrap_or_default().0, Ordering::Relaxed);
        }
    }

    /// Sets what runs elsewhere have spent of this budget so far, instead of what was known of them before.
    /// It counts for the meters below as well.
    pub fn set_drawn(&self, spent: Spent) {
        let Drawn { tokens, micro_usd } = &self.0.drawn;
        tokens.store(spent.usage.total_tokens(), Ordering::Relaxed);
        micro_usd.store(spent.cost_micro_usd.unwrap_or_default().0, Ordering::Relaxed);
    }

    /// The meter that this one's spending counts in too.
    pub(crate) fn parent(&self) -> Option<&Self> {
        self.0.parent.as_ref()
    }

    /// The limit that is reached, here or further up.
    pub fn reached(&self, now: Timestamp) -> Option<BudgetLimit> {
        self.lineage().find_map(|meter| meter.reached(now))
    }

    /// How much time is left before the first deadline, here or further up.
    pub fn time_left(&self, now: Timestamp) -> Option<Duration> {
        self.lineage().map(|meter| meter.time_left(now)).min()
    }

    /// What is left, here or further up, whichever is less. Turns are this meter's own.
    pub fn left(&self, now: Timestamp) -> Budget {
        let own = &self.0;
        let spent = u32::try_from(own.turns.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let tokens = |node: &Node| node.limit.tokens.saturating_sub(node.tokens_spent());
        let cost = |node: &Node| {
            let spent = node.micro_usd_spent();
            node.limit.cost.map(|cap| MicroUsd(cap.0.saturating_sub(spent)))
        };
        Budget {
            turns: own.limit.turns.saturating_sub(spent),
            tokens: self.lineage().map(tokens).min().unwrap_or_default(),
            wall_clock: self.time_left(now).unwrap_or_default(),
            cost: self.lineage().filter_map(cost).min(),
        }
    }

    /// The limits of this meter.
    pub fn limit(&self) -> Budget {
        self.0.limit
    }

    fn lineage(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(&*self.0), |node| node.parent.as_ref().map(|meter| &*meter.0))
    }
}

impl Pauses {
    /// What time it is for whom the pauses did not happen.
    fn as_counted(&self, now: Timestamp) -> Timestamp {
        let now = match self.open.load(Ordering::Acquire) {
            0 => now.as_unix_micros(),
            _ => self.since.load(Ordering::Acquire),
        };
        Timestamp::from_unix_micros(now.saturating_sub(self.total.load(Ordering::Acquire)))
    }
}

impl Node {
    fn reached(&self, now: Timestamp) -> Option<BudgetLimit> {
        let cost_reached = self.limit.cost.is_some_and(|cap| self.micro_usd_spent() >= cap.0);
        if self.turns.load(Ordering::Relaxed) >= u64::from(self.limit.turns) {
            Some(BudgetLimit::Turns)
        } else if self.tokens_spent() >= self.limit.tokens {
            Some(BudgetLimit::Tokens)
        } else if cost_reached {
            Some(BudgetLimit::Cost)
        } else if self.time_left(now).is_zero() {
            Some(BudgetLimit::WallClock)
        } else {
            None
        }
    }

    fn tokens_spent(&self) -> u64 {
        let drawn = self.drawn.tokens.load(Ordering::Relaxed);
        self.tokens.load(Ordering::Relaxed).saturating_add(drawn)
    }

    fn micro_usd_spent(&self) -> u64 {
        let drawn = self.drawn.micro_usd.load(Ordering::Relaxed);
        self.micro_usd.load(Ordering::Relaxed).saturating_add(drawn)
    }

    fn time_left(&self, now: Timestamp) -> Duration {
        self.limit.wall_clock.saturating_sub(self.pauses.as_counted(now).since(self.started_at))
    }
}
