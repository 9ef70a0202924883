//! What the counting benches share: a mock, a probe, and differences of run lengths.

use std::time::Duration;

use crate::callgrind::Callgrind;
use crate::mock::MockProcess;
use crate::mock::Script;
use crate::probe::Failure;
use crate::probe::Job;
use crate::probe::Measured;
use crate::probe::Side;
use crate::report::median;

/// Pieces of the final text, where a bench is about something else.
pub const FEW_DELTAS: u32 = 5;
/// The pause between deltas: long enough that each is read alone, as with a real model.
const PACE: Duration = Duration::from_millis(2);

/// A mock and a probe, ready to measure.
#[derive(Debug)]
pub struct Bench {
    mock: MockProcess,
    probe: String,
    callgrind: Callgrind,
}

/// Instructions of runs with more and more rounds.
#[derive(Debug, Clone, Copy)]
pub struct RoundCost {
    /// A round, on average of a run with 20.
    pub per_round: f64,
    /// How much dearer each round is for each one before it.
    pub slope: f64,
}

impl Bench {
    /// Starts the mock.
    ///
    /// # Errors
    /// When valgrind is missing or the mock does not start.
    pub fn start(mock: &str, probe: &str) -> Result<Self, Failure> {
        let callgrind = Callgrind::new(probe)?;
        Ok(Self { mock: MockProcess::start(mock)?, probe: probe.to_owned(), callgrind })
    }

    /// One run of this script.
    pub fn job(&self, side: Side, script: Script) -> Job {
        Job { side, origin: self.mock.origin().to_owned(), script, runs: 1 }
    }

    /// Instructions of a whole process with this script.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn instructions(&self, side: Side, script: Script) -> Result<f64, Failure> {
        let count = self.callgrind.instructions(&self.job(side, script))?;
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        Ok(count as f64)
    }

    /// Instructions of one run of this job, among as many at once as it has.
    ///
    /// The difference to a tenth of them, so that what a process does once is not counted.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn instructions_among(&self, job: &Job) -> Result<f64, Failure> {
        let fewer = Job { runs: job.runs / 10, ..job.clone() };
        let counted = self.callgrind.instructions(job)?;
        let rest = counted.saturating_sub(self.callgrind.instructions(&fewer)?);
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        Ok(rest as f64 / f64::from(job.runs - fewer.runs))
    }

    /// Instructions of a run with this many rounds.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn round_instructions(&self, side: Side, rounds: u32) -> Result<f64, Failure> {
        self.instructions(side, rounds_script(rounds))
    }

    /// What rounds cost: from runs of 0, 20, 100 and 180 rounds.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn round_cost(&self, side: Side) -> Result<RoundCost, Failure> {
        let [none, few, more, most] = [0, 20, 100, 180]
            .map(|rounds| (side, rounds))
            .map(|(side, rounds)| self.round_instructions(side, rounds));
        let (none, few, more, most) = (none?, few?, more?, most?);
        // n rounds cost a + b n + c n²/2; the second difference at distance 80 leaves 80² c.
        Ok(RoundCost {
            per_round: (few - none) / 20.0,
            slope: (most - 2.0 * more + few) / (80.0 * 80.0),
        })
    }

    /// Instructions of one streamed delta, each read alone.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn delta_instructions(&self, side: Side) -> Result<f64, Failure> {
        let script = |deltas| Script { deltas, pace: PACE, ..Script::default() };
        let (few, many) =
            (self.instructions(side, script(100))?, self.instructions(side, script(300))?);
        Ok((many - few) / 200.0)
    }

    /// Native runs of both, in turns, so that what else the machine does meets both alike.
    ///
    /// # Errors
    /// When a probe fails.
    pub fn in_turns(&self, ours: &Job, by_hand: &Job, times: u32) -> Result<Pair, Failure> {
        let mut pair = Pair::default();
        for _ in 0..times {
            pair.ours.push(ours.run_in(&self.probe)?);
            pair.by_hand.push(by_hand.run_in(&self.probe)?);
        }
        Ok(pair)
    }
}

/// Native runs of both sides.
#[derive(Debug, Default)]
pub struct Pair {
    ours: Vec<Measured>,
    by_hand: Vec<Measured>,
}

impl Pair {
    /// The middle of a figure, ours and by hand.
    pub fn medians(&self, figure: impl Fn(&Measured) -> u64) -> (f64, f64) {
        let middle = |runs: &[Measured]| {
            #[expect(clippy::cast_precision_loss, reason = "figures stay far below 2^52")]
            median(runs.iter().map(|run| figure(run) as f64).collect())
        };
        (middle(&self.ours), middle(&self.by_hand))
    }
}

/// A run of this many tool rounds and a short answer.
pub fn rounds_script(rounds: u32) -> Script {
    Script { rounds, deltas: FEW_DELTAS, ..Script::default() }
}
