//! Replays a run offline: the same loop, the same decisions, nobody asked and nothing done.
//!
//! A [`Recording`] is one file that holds everything a run met: what was said before, the
//! instructions and tools the model was shown, its answers, what the tools gave back, the
//! times and the ids. [`replay`] runs the real [`AgentLoop`] against it. The first thing the
//! loop does otherwise than it did then is a [`Difference`].
//!
//! A recording makes a test: [`check`] replays it with *your* agent, so that a changed
//! prompt, tool, model or limit is noticed, without a network and without a key.
//!
//! ```
//! use livos_core::AgentLoop;
//! use livos_core::replay::{self, Recording};
//! use livos_core::testing::ScriptedProvider;
//!
//! // Your agent, as your program builds it. Its provider is not asked in a replay.
//! fn agent(instructions: &str) -> AgentLoop {
//!     AgentLoop::builder(ScriptedProvider::answering("Four.")).system_prompt(instructions).build()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once: record a run (or `livos export RUN -o run.json`).
//! let asked = agent("You answer in one word.");
//! let run = asked.run("What is 2 + 2?").await;
//! let file = Recording::of(&asked, run.session_id, run.run_id).await?.to_json();
//!
//! // In a test: `check(&agent(..), include_str!("run.json"))`.
//! replay::check(&agent("You answer in one word."), &file).await?;
//!
//! let changed = replay::check(&agent("You answer at length."), &file).await.unwrap_err();
//! assert!(changed.to_string().contains("the instructions"), "{changed}");
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! Every journal entry of the run, and every request to the model: its model, instructions,
//! tools, settings and each message. Times and durations are taken as recorded and not
//! compared. What came from outside is played at the place where it came: the model's answers
//! and failures, what tools gave back (they are not called, but your tools read the arguments),
//! what was said in between, a cancel, the death of the process. So is a compaction: when it came
//! and what the summary says is not decided again. Deltas are not part of it.

mod clock;
mod compare;
mod difference;
mod journal;
mod model;
mod recording;
mod script;
mod settings;
mod shown;
mod stage;
mod tools;

use std::sync::Arc;
use std::time::Duration;

pub use self::difference::Difference;
pub use self::recording::Recording;
pub use self::recording::RecordingError;

use self::clock::RecordedClock;
use self::journal::RecordedJournal;
use self::model::RecordedModel;
use self::stage::Stage;
use self::tools::Known;
use crate::agent::AgentLoop;
use crate::agent::Surroundings;
use crate::event::AgentEvent;

/// How long a replay may stand still before that is the difference. Above the half minute that a last
/// turn without answer takes.
const STANDSTILL: Duration = Duration::from_secs(40);

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Replayed {
    /// The first thing that went otherwise than recorded; none when all went the same.
    pub first_difference: Option<Difference>,
    /// The entries that were written the same as recorded, in order, with the recorded times.
    pub events: Vec<AgentEvent>,
}

/// Why a recording does not hold any more.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The run goes otherwise than recorded.
    #[error("the run goes otherwise than recorded: {0}")]
    Differs(Difference),
    /// The file is no recording.
    #[error("the recording cannot be replayed: {0}")]
    Recording(#[from] RecordingError),
}

impl std::fmt::Debug for CheckError {
    /// In words, since this is what a failing test prints.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Replays a run as the agent that was recorded: shows whether this version of the loop still
/// decides as that one did.
///
/// Needs a tokio runtime with time; asks nobody and writes nothing.
///
/// # Errors
/// When the recording holds tools that cannot be put up.
pub async fn replay(recording: &Recording) -> Result<Replayed, RecordingError> {
    play(&settings::agent(recording)?, recording, Known::Descriptions).await
}

/// Replays a run as your agent: shows whether it still does what it did.
///
/// The agent's model, instructions, tools and limits count; its provider is not asked, its tools
/// are not called (but read their arguments) and its journal is not touched.
///
/// # Errors
/// When the agent's tools cannot be put up.
pub async fn replay_with(
    agent: &AgentLoop,
    recording: &Recording,
) -> Result<Replayed, RecordingError> {
    play(agent, recording, Known::Tools).await
}

async fn play(
    agent: &AgentLoop,
    recording: &Recording,
    known: Known,
) -> Result<Replayed, RecordingError> {
    let stage = Arc::new(Stage::new(recording));
    let agent = agent.in_surroundings(Surroundings {
        provider: Arc::new(RecordedModel::new(Arc::clone(&stage), recording)),
        tools: tools::recorded(agent.tools(), &stage, known)?,
        journal: Arc::new(RecordedJournal::new(Arc::clone(&stage))),
        clock: Arc::new(RecordedClock::new(Arc::clone(&stage))),
        rehearsal: Arc::clone(&stage) as Arc<dyn crate::agent::Rehearsal>,
    });
    while !stage.is_done() {
        stage.begin_attempt();
        let resumed = agent.resume(recording.session_id(), recording.run_id()).await;
        let run = match resumed {
            Ok(run) => run,
            Err(error) => {
                stage.differ("a run that goes on", &error.to_string());
                break;
            }
        };
        stage.control(run.control());
        tokio::select! {
            biased;
            () = stage.attempt_over() => {}
            outcome = run => stage.ended(&outcome),
            () = tokio::time::sleep(STANDSTILL) => {
                stage.differ("an entry", "nothing: the run waits for something that is not recorded");
            }
        }
    }
    Ok(stage.replayed())
}

/// Replays a recording, given as JSON, with your agent, and tells the first difference. For tests:
/// `check(&agent(), include_str!("run.json")).await`.
///
/// # Errors
/// The first difference in words, or why the text is no recording.
pub async fn check(agent: &AgentLoop, recording: &str) -> Result<(), CheckError> {
    let recording = Recording::from_json(recording)?;
    match replay_with(agent, &recording).await?.first_difference {
        None => Ok(()),
        Some(difference) => Err(CheckError::Differs(difference)),
    }
}
