//! Many runs at once: CPU time and memory of 1, 100 and 1,000 runs of three rounds
//! against a model that takes 20 ms to answer.
//!
//! Instructions decide, since they repeat; cpu time stands beside them with its
//! own aim. Each figure is of a process of its own, on a current-thread runtime;
//! times are the middle of several. Resident memory is the peak less what was resident
//! before the first run began, so connections and their buffers are counted.

use std::process::ExitCode;
use std::time::Duration;

use livos_benches::bench::Bench;
use livos_benches::bench::rounds_script;
use livos_benches::mock::Script;
use livos_benches::probe::Failure;
use livos_benches::probe::Job;
use livos_benches::probe::Measured;
use livos_benches::probe::Side;
use livos_benches::report::Report;

const ANSWER_TIME: Duration = Duration::from_millis(20);
const ROUNDS: u32 = 3;
const REPEATS: u32 = 9;
/// The number of runs that the targets are set for.
const MANY: u32 = 1_000;
/// The most memory a run may take, in KiB.
const RESIDENT_LIMIT: f64 = 56.0;

fn main() -> Result<ExitCode, Failure> {
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), env!("CARGO_BIN_EXE_probe"))?;
    let mut report = Report::new("concurrent_runs: three rounds, 20 ms answers");
    for runs in [1, 100, MANY] {
        let job = |side| Job { runs, ..bench.job(side, script()) };
        let (ours, by_hand) = (job(Side::OURS), job(Side::Raw));
        let pair = bench.in_turns(&ours, &by_hand, REPEATS)?;
        let each =
            |(ours, by_hand): (f64, f64)| (ours / f64::from(runs), by_hand / f64::from(runs));
        let cpu = each(pair.medians(|measured| measured.cpu_us));
        let memory = each(pair.medians(resident_kib));
        let wall = pair.medians(|measured| measured.wall_us);
        let cpu_name = format!("{runs} at once: cpu a run, us");
        report.show(&format!("{runs} at once: wall, ms"), wall.0 / 1e3, wall.1 / 1e3);
        report.show(&format!("{runs} at once: resident a run, KiB"), memory.0, memory.1);
        if runs == MANY {
            let (ours, by_hand) =
                (bench.instructions_among(&ours)?, bench.instructions_among(&by_hand)?);
            report.gate("1000 at once: instructions a run", ours, by_hand, 1.1);
            report.aim(&cpu_name, cpu.0, cpu.1, 1.1);
            report.limit("resident a run, KiB", memory.0, RESIDENT_LIMIT);
        } else {
            report.show(&cpu_name, cpu.0, cpu.1);
        }
    }
    Ok(report.finish())
}

fn script() -> Script {
    Script { wait: ANSWER_TIME, ..rounds_script(ROUNDS) }
}

fn resident_kib(measured: &Measured) -> u64 {
    measured.resident_peak_kib.saturating_sub(measured.resident_before_kib)
}
