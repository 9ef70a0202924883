//! What a tool round and a streamed delta cost, beside a loop by hand.
//!
//! Gated on instructions counted by callgrind: the difference of two run
//! lengths, so that start and end drop out. CPU and wall clock are printed
//! beside them and gate nothing. Both sides get the same bytes from the same
//! mock, streamed (ten events a round) or whole; ours has its events on, one
//! observer and the in-memory journal.

use std::process::ExitCode;

use livos_benches::bench::Bench;
use livos_benches::bench::rounds_script;
use livos_benches::probe::Failure;
use livos_benches::probe::Measured;
use livos_benches::probe::Side;
use livos_benches::report::Report;

/// Native runs per figure; the middle one counts.
const REPEATS: u32 = 7;
/// Rounds of the longer native run.
const ROUNDS: u32 = 100;

fn main() -> Result<ExitCode, Failure> {
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), env!("CARGO_BIN_EXE_probe"))?;
    let mut report = Report::new("agent_loop: instructions");
    let (ours, raw) = (bench.round_cost(Side::OURS)?, bench.round_cost(Side::Raw)?);
    report.gate("tool round (of 20), streamed", ours.per_round, raw.per_round, 1.0);
    report.gate("more for each earlier round, streamed", ours.slope, raw.slope, 0.2);
    let (ours, raw) = (bench.round_cost(Side::OursWhole)?, bench.round_cost(Side::RawWhole)?);
    report.gate("tool round (of 20), whole answers", ours.per_round, raw.per_round, 1.0);
    report.gate("more for each earlier round, whole answers", ours.slope, raw.slope, 0.2);
    let (ours, raw) = (bench.delta_instructions(Side::OURS)?, bench.delta_instructions(Side::Raw)?);
    report.gate("streamed delta", ours, raw, 1.0);

    let mut times = Report::new("agent_loop: microseconds (not gated)");
    let run = |rounds| {
        let job = |side| bench.job(side, rounds_script(rounds));
        bench.in_turns(&job(Side::OURS), &job(Side::Raw), REPEATS)
    };
    let (short, long) = (run(0)?, run(ROUNDS)?);
    for (name, figure) in FIGURES {
        let (short, long) = (short.medians(figure), long.medians(figure));
        let per_round = |long: f64, short: f64| (long - short) / f64::from(ROUNDS);
        times.show(name, per_round(long.0, short.0), per_round(long.1, short.1));
    }
    Ok(report.finish())
}

type Figure = fn(&Measured) -> u64;
const FIGURES: [(&str, Figure); 2] = [
    ("tool round (of 100), cpu", |measured| measured.cpu_us),
    ("tool round (of 100), wall", |measured| measured.wall_us),
];
