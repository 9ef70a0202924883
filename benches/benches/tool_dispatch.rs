//! What a tool call costs in the loop itself: checked, journalled, run, shown, answered.
//!
//! The provider is in memory, so nothing else is in the figure. Ten rounds a
//! run, with one, eight and 64 calls in each; the time is per call.

use std::sync::Arc;

use divan::counter::ItemsCount;
use livos_benches::in_process::InProcess;
use livos_benches::mock::Script;
use livos_benches::ours;
use livos_core::Delivery;

const ROUNDS: u32 = 10;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 8, 64])]
fn calls_per_round(bencher: divan::Bencher<'_, '_>, calls: u32) {
    let script = Script { rounds: ROUNDS, deltas: 1, ..Script::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let provider = InProcess::new(script).with_calls_per_round(calls);
    let (Ok(runtime), Ok(agent)) = (runtime, ours::agent(Arc::new(provider), Delivery::Streamed))
    else {
        return;
    };
    bencher
        .counter(ItemsCount::new(ROUNDS * calls))
        .bench_local(|| runtime.block_on(ours::run(&agent)).map(|outcome| outcome.tool_calls));
}
