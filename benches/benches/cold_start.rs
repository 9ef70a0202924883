//! From the start of a program that uses the library to its first answer.
//!
//! The program asks the mock once, over plain http, and ends. A loop by hand
//! pays for the root certificates when it builds its client; ours loads them
//! when an https host is first asked.

use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use livos_benches::bench::Bench;
use livos_benches::mock::Script;
use livos_benches::probe::Failure;
use livos_benches::probe::Side;
use livos_benches::report::Report;
use livos_benches::report::median;

const REPEATS: u32 = 15;
const ONE_ANSWER: Script =
    Script { rounds: 0, deltas: 1, wait: Duration::ZERO, pace: Duration::ZERO };

fn main() -> Result<ExitCode, Failure> {
    let probe = env!("CARGO_BIN_EXE_probe");
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), probe)?;
    let mut report = Report::new("cold_start: from process start to the end of one answer");
    let instructions = |side| bench.instructions(side, ONE_ANSWER);
    report.gate("instructions", instructions(Side::OURS)?, instructions(Side::Raw)?, 0.6);
    let wall = |side| process_millis(probe, &bench.job(side, ONE_ANSWER).arguments());
    report.gate("wall, ms", wall(Side::OURS)?, wall(Side::Raw)?, 0.6);
    Ok(report.finish())
}

fn process_millis(probe: &str, arguments: &[String]) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        let run = Command::new(probe).args(arguments).output()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if !run.status.success() {
            return Err("the probe failed".into());
        }
    }
    Ok(median(times))
}
