//! Many runs at once: CPU time and memory of 1, 100 and 1,000 runs of three rounds
//! against a model that takes 20 ms to answer.
//!
//! Each figure is of a process of its own, on a current-thread runtime; the
//! middle of several. Resident memory is the peak less what was resident
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
const REPEATS: u32 = 5;
/// The most memory a run may take, in KiB.
const RESIDENT_LIMIT: f64 = 56.0;

fn main() -> Result<ExitCode, Failure> {
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), env!("CARGO_BIN_EXE_probe"))?;
    let mut report = Report::new("concurrent_runs: three rounds, 20 ms answers");
    for runs in [1, 100, 1_000] {
        let job = |side| Job { runs, ..bench.job(side, script()) };
        let (ours, raw) = (job(Side::OURS), job(Side::Raw));
        let cpu = |job: &Job| bench.native(job, REPEATS, |measured| measured.cpu_us);
        let wall = |job: &Job| bench.native(job, REPEATS, |measured| measured.wall_us);
        let memory = |job: &Job| bench.native(job, REPEATS, resident_kib);
        let (our_cpu, raw_cpu) = (cpu(&ours)? / f64::from(runs), cpu(&raw)? / f64::from(runs));
        let cpu_name = format!("{runs} at once: cpu a run, us");
        let memory_name = format!("{runs} at once: resident a run, KiB");
        let (our_kib, raw_kib) =
            (memory(&ours)? / f64::from(runs), memory(&raw)? / f64::from(runs));
        if runs == 1_000 {
            report.gate(&cpu_name, our_cpu, raw_cpu, 1.1);
        } else {
            report.show(&cpu_name, our_cpu, raw_cpu);
        }
        report.show(&format!("{runs} at once: wall, ms"), wall(&ours)? / 1e3, wall(&raw)? / 1e3);
        report.show(&memory_name, our_kib, raw_kib);
        if runs == 1_000 {
            report.limit("resident a run, KiB", our_kib, RESIDENT_LIMIT);
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
