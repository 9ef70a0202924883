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

    /// The middle of several native runs.
    ///
    /// # Errors
    /// When the probe fails.
    pub fn native(
        &self,
        job: &Job,
        times: u32,
        figure: impl Fn(&Measured) -> u64,
    ) -> Result<f64, Failure> {
        let mut values = Vec::new();
        for _ in 0..times {
            let value = u32::try_from(figure(&job.run_in(&self.probe)?))?;
            values.push(f64::from(value));
        }
        Ok(median(values))
    }
}

/// A run of this many tool rounds and a short answer.
pub fn rounds_script(rounds: u32) -> Script {
    Script { rounds, deltas: FEW_DELTAS, ..Script::default() }
}
