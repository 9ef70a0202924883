//! What a round costs as the conversation grows, from 10 to 400 rounds in one run.
//!
//! Instructions of the last ten rounds of a run, counted by callgrind as the
//! difference of two run lengths. A loop by hand encodes the whole history for
//! each request; ours encodes what is new, and copies the rest to the socket.

use livos_benches::bench::Bench;
use livos_benches::probe::Failure;
use livos_benches::probe::Side;
use livos_benches::report::Report;

const LENGTHS: [u32; 6] = [10, 50, 100, 200, 300, 400];
const LAST: u32 = 10;

fn main() -> Result<(), Failure> {
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), env!("CARGO_BIN_EXE_probe"))?;
    let mut report = Report::new("history_growth: instructions of a round");
    for length in LENGTHS {
        let (ours, raw) =
            (last_rounds(&bench, Side::OURS, length)?, last_rounds(&bench, Side::Raw, length)?);
        report.show(&format!("the last rounds of {length}"), ours, raw);
    }
    Ok(())
}

fn last_rounds(bench: &Bench, side: Side, length: u32) -> Result<f64, Failure> {
    let whole = bench.round_instructions(side, length)?;
    let before = bench.round_instructions(side, length - LAST)?;
    Ok((whole - before) / f64::from(LAST))
}
