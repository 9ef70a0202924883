//! One measured run of one side, and how its result is told.

use std::error::Error;
use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use livos_core::AIProvider;
use livos_core::Delivery;
use serde::Deserialize;
use serde::Serialize;

use crate::in_process::InProcess;
use crate::mock::Script;
use crate::ours;
use crate::process;
use crate::raw::Answers;
use crate::raw::RawLoop;
use crate::task::Outcome;
use crate::wire::Wire;

/// Any error of a bench.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The loop by hand, whole answers.
    RawWhole,
    /// The loop by hand, streamed answers.
    Raw,
    /// `AgentLoop` and a provider, streamed answers.
    Ours(Wire),
    /// `AgentLoop` over chat completions, whole answers.
    OursWhole,
    /// `AgentLoop` with a provider in memory: no wire at all.
    Loop,
    /// A provider's stream read to its end, without a loop.
    Stream(Wire),
}

const SIDES: [(&str, Side); 10] = [
    ("raw-whole", Side::RawWhole),
    ("raw", Side::Raw),
    ("ours", Side::Ours(Wire::OpenAi)),
    ("ours-anthropic", Side::Ours(Wire::Anthropic)),
    ("ours-gemini", Side::Ours(Wire::Gemini)),
    ("ours-whole", Side::OursWhole),
    ("loop", Side::Loop),
    ("stream-openai", Side::Stream(Wire::OpenAi)),
    ("stream-anthropic", Side::Stream(Wire::Anthropic)),
    ("stream-gemini", Side::Stream(Wire::Gemini)),
];

impl Side {
    /// `AgentLoop` over chat completions, to stand beside the loop by hand.
    pub const OURS: Self = Self::Ours(Wire::OpenAi);

    /// The name on the command line of the probe.
    pub fn name(self) -> &'static str {
        SIDES.iter().find(|(_, side)| *side == self).map_or("", |(name, _)| *name)
    }

    fn parse(name: &str) -> Option<Self> {
        SIDES.iter().find(|(known, _)| *known == name).map(|(_, side)| *side)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a probe is asked to do.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which loop.
    pub side: Side,
    /// Where the mock listens.
    pub origin: String,
    /// What it answers.
    pub script: Script,
    /// How many runs, all at once.
    pub runs: u32,
}

/// What a probe measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Measured {
    /// CPU time of the runs, user and system, in microseconds.
    pub cpu_us: u64,
    /// Wall clock of the runs, in microseconds.
    pub wall_us: u64,
    /// Resident memory before the first run, in KiB.
    pub resident_before_kib: u64,
    /// The most that was ever resident, in KiB.
    pub resident_peak_kib: u64,
    /// Tool calls of all runs.
    pub tool_calls: u32,
    /// Pieces of text of all runs.
    pub deltas: u32,
}

impl Job {
    /// The command line of a probe for this job.
    pub fn arguments(&self) -> [String; 4] {
        [self.side.to_string(), self.origin.clone(), self.script.to_string(), self.runs.to_string()]
    }

    /// Reads [`arguments`](Self::arguments) back.
    ///
    /// # Errors
    /// When one is missing or none of its kind.
    pub fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut arguments = arguments.into_iter();
        let mut next = |name: &str| arguments.next().ok_or(format!("argument {name} is missing"));
        Ok(Self {
            side: Side::parse(&next("SIDE")?).ok_or("SIDE is none of the sides")?,
            origin: next("ORIGIN")?,
            script: next("SCRIPT")?.parse()?,
            runs: next("RUNS")?.parse()?,
        })
    }

    /// Has a `probe` process do it.
    ///
    /// # Errors
    /// When it fails.
    pub fn run_in(&self, probe: &str) -> Result<Measured, Failure> {
        let run = Command::new(probe).args(self.arguments()).output()?;
        if !run.status.success() {
            let errors = String::from_utf8_lossy(&run.stderr);
            return Err(format!("the probe failed: {errors}").into());
        }
        Ok(serde_json::from_slice(&run.stdout)?)
    }

    /// Does it here.
    ///
    /// # Errors
    /// When a run fails or came to something else than the script says.
    pub fn run(&self) -> Result<Measured, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let script_url = format!("{}/{}", self.origin, self.script);
        let resident_before_kib = process::resident_kib()?;
        let (cpu, wall) = (process::cpu_time()?, Instant::now());
        let outcomes = runtime.block_on(self.outcomes(&script_url))?;
        let measured = Measured {
            cpu_us: micros(process::cpu_time()?.saturating_sub(cpu)),
            wall_us: micros(wall.elapsed()),
            resident_before_kib,
            resident_peak_kib: process::peak_resident_kib()?,
            tool_calls: outcomes.iter().map(|outcome| outcome.tool_calls).sum(),
            deltas: outcomes.iter().map(|outcome| outcome.deltas).sum(),
        };
        if measured.tool_calls != self.runs * self.script.rounds {
            return Err("a run made fewer or more tool calls than its script says".into());
        }
        Ok(measured)
    }

    async fn outcomes(&self, script_url: &str) -> Result<Vec<Outcome>, Failure> {
        match self.side {
            Side::Raw => self.raw(script_url, Answers::Streamed).await,
            Side::RawWhole => self.raw(script_url, Answers::Whole).await,
            Side::Ours(wire) => self.ours(wire.provider(script_url)?, Delivery::Streamed).await,
            Side::OursWhole => self.ours(Wire::OpenAi.provider(script_url)?, Delivery::Whole).await,
            Side::Loop => {
                self.ours(Arc::new(InProcess::new(self.script)), Delivery::Streamed).await
            }
            Side::Stream(wire) => self.stream(wire.provider(script_url)?).await,
        }
    }

    async fn raw(&self, script_url: &str, answers: Answers) -> Result<Vec<Outcome>, Failure> {
        let raw = RawLoop::new(&format!("{script_url}/v1"), answers);
        let one = move || {
            let raw = raw.clone();
            async move { raw.run().await }
        };
        self.all_at_once(one).await
    }

    async fn stream(&self, provider: Arc<dyn AIProvider>) -> Result<Vec<Outcome>, Failure> {
        let one = move || {
            let provider = Arc::clone(&provider);
            async move { ours::stream(&*provider).await }
        };
        self.all_at_once(one).await
    }

    async fn ours(
        &self,
        provider: Arc<dyn AIProvider>,
        delivery: Delivery,
    ) -> Result<Vec<Outcome>, Failure> {
        let agent = ours::agent(provider, delivery)?;
        let one = move || {
            let agent = agent.clone();
            async move { ours::run(&agent).await }
        };
        self.all_at_once(one).await
    }

    async fn all_at_once<F>(&self, one: impl Fn() -> F) -> Result<Vec<Outcome>, Failure>
    where
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut runs: FuturesUnordered<_> = (0..self.runs).map(|_| tokio::spawn(one())).collect();
        let mut outcomes = Vec::new();
        while let Some(outcome) = runs.next().await {
            outcomes.push(outcome??);
        }
        Ok(outcomes)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
