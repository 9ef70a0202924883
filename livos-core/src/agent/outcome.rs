//! What came of a run.

use std::time::Duration;

use crate::event::RunError;
use crate::event::RunStatus;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOutcome {
    /// The run.
    pub run_id: RunId,
    /// Its session: ask again there to go on with the conversation.
    pub session_id: SessionId,
    /// How it ended.
    pub status: RunStatus,
    /// The last text of the assistant.
    pub text: String,
    /// Why it did not complete.
    pub error: Option<RunError>,
    /// What all its model calls used.
    pub usage: Usage,
    /// What they cost, where prices are known.
    pub cost: Option<MicroUsd>,
    /// How many model calls it made.
    pub turns: u32,
    /// How many tool calls it made.
    pub tool_calls: u32,
    /// From admission to end.
    pub duration: Duration,
    /// Whether the journal has the end.
    pub end: EndRecord,
}

/// Whether the end of a run is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndRecord {
    /// It is.
    Written,
    /// It could not be written: the journal shows the run unfinished.
    Missing,
}

impl RunOutcome {
    /// The answer, if the run completed.
    ///
    /// # Errors
    /// Why it did not.
    pub fn into_text(self) -> Result<String, RunError> {
        match (self.status, self.error) {
            (RunStatus::Completed, _) => Ok(self.text),
            (_, Some(error)) => Err(error),
            (status, None) => Err(RunError {
                kind: "incomplete".to_owned(),
                message: format!("the run ended as {status:?}"),
            }),
        }
    }
}
