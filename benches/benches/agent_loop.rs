//! What a tool round and a streamed delta cost, beside a loop by hand.
//!
//! Gated on instructions counted by callgrind: the difference of two run
//! lengths, so that start and end drop out. CPU and wall clock are printed
//! beside them and gate nothing. Both sides stream the same bytes from the
//! same mock; ours has its events on, one observer and the in-memory journal.

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
    report.gate("tool round (of 20)", ours.per_round, raw.per_round, 1.0);
    report.gate("more for each earlier round", ours.slope, raw.slope, 0.2);
    let (ours, raw) = (bench.delta_instructions(Side::OURS)?, bench.delta_instructions(Side::Raw)?);
    report.gate("streamed delta", ours, raw, 1.0);

    let mut times = Report::new("agent_loop: microseconds (not gated)");
    for (name, figure) in FIGURES {
        let (ours, raw) =
            (per_round(&bench, Side::OURS, figure)?, per_round(&bench, Side::Raw, figure)?);
        times.show(name, ours, raw);
    }
    Ok(report.finish())
}

type Figure = fn(&Measured) -> u64;
const FIGURES: [(&str, Figure); 2] = [
    ("tool round (of 100), cpu", |measured| measured.cpu_us),
    ("tool round (of 100), wall", |measured| measured.wall_us),
];

fn per_round(bench: &Bench, side: Side, figure: Figure) -> Result<f64, Failure> {
    let of = |rounds| bench.native(&bench.job(side, rounds_script(rounds)), REPEATS, figure);
    Ok((of(ROUNDS)? - of(0)?) / f64::from(ROUNDS))
}
