//! What the executor of tool calls costs: the call decided about, its arguments checked, run, shown and
//! answered. The journal keeps nothing and the provider is in memory, so nothing else is in the figure.
//!
//! Ten rounds a run, with 64 calls in each, as the provider asks for them; the time is per call. `guarded`
//! has the policies and a hundred rules that fit nothing, `unguarded` has no approvals at all.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use divan::counter::ItemsCount;
use livos_benches::in_process::InProcess;
use livos_benches::mock::Script;
use livos_benches::ours;
use livos_core::AgentEvent;
use livos_core::Answerer;
use livos_core::Append;
use livos_core::ApprovalManager;
use livos_core::ApprovalRule;
use livos_core::Delivery;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::RuleAction;
use livos_core::RulePattern;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::Timestamp;

const ROUNDS: u32 = 10;
const CALLS: u32 = 64;
const RULES: usize = 100;

fn main() {
    divan::main();
}

/// Numbers entries and forgets them.
#[derive(Debug, Default)]
struct Forgetful(AtomicU64);

#[async_trait]
impl Journal for Forgetful {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        Ok(self.0.fetch_add(append.entries.len() as u64, Ordering::Relaxed) + 1)
    }

    async fn read(&self, _: SessionId, _: u64, _: usize) -> Result<Vec<AgentEvent>, StoreError> {
        Ok(Vec::new())
    }

    async fn last_seq(&self, _: SessionId) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[derive(Debug, Clone, Copy)]
enum Guard {
    Unguarded,
    Guarded,
}

#[divan::bench(args = [Guard::Unguarded, Guard::Guarded])]
fn call(bencher: divan::Bencher<'_, '_>, guard: Guard) {
    let script = Script { rounds: ROUNDS, deltas: 1, ..Script::default() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let approvals = runtime.block_on(approvals());
    let provider = Arc::new(InProcess::new(script).with_calls_per_round(CALLS));
    let Ok(builder) = ours::builder(provider, Delivery::Streamed) else { return };
    let builder = builder.journal(Arc::new(Forgetful::default()));
    let agent = match (guard, approvals) {
        (Guard::Guarded, Some(approvals)) => builder.approvals(approvals).build(),
        (Guard::Unguarded | Guard::Guarded, _) => builder.build(),
    };
    bencher
        .counter(ItemsCount::new(ROUNDS * CALLS))
        .bench_local(|| runtime.block_on(ours::run(&agent)).map(|outcome| outcome.tool_calls));
}

async fn approvals() -> Option<ApprovalManager> {
    let approvals = ApprovalManager::new(Arc::new(MemoryStore::new()));
    for number in 0..RULES {
        let pattern = RulePattern::new(&format!("other_{number}*")).ok()?;
        let rule = ApprovalRule::new(RuleAction::Allow, pattern, Timestamp::from_unix_micros(0));
        approvals.add_rule(rule, Answerer::owner("bench")).await.ok()?;
    }
    Some(approvals)
}
