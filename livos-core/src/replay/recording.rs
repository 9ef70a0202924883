//! One run as a file.

use serde::Deserialize;
use serde::Serialize;

use super::settings::RecordedAgent;
use super::shown::ShownTurn;
use super::shown::shown_turns;
use crate::agent::AgentLoop;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::redaction::Redactor;
use crate::redaction::redact_json;
use crate::store::StoreError;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// How many entries are read from the journal at a time.
const READ_BATCH: usize = 512;
/// How many entries of a session a recording may begin with and have.
const MAX_ENTRIES: usize = 200_000;

/// One run as a self-contained file: what was said before it, what the agent was set to, and
/// every entry of its journal.
///
/// The entries are those of the journal. The agent's settings (instructions, tools, limits) are
/// those of the agent that made the recording, since a journal does not keep them: record
/// with the agent that ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    recording: u32,
    livos: String,
    session_id: SessionId,
    run_id: RunId,
    pub(super) agent: RecordedAgent,
    /// The session before the run began: what made its conversation, and the run's admission.
    pub(super) before: Vec<AgentEvent>,
    /// The run, from its first beginning on.
    pub(super) entries: Vec<AgentEvent>,
    /// What the model was shown, by fingerprint.
    #[serde(default)]
    pub(super) shown: Vec<ShownTurn>,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
    /// The session has no such run.
    #[error("session {session_id} has no run {run_id}")]
    UnknownRun {
        /// Where it was looked for.
        session_id: SessionId,
        /// What was looked for.
        run_id: RunId,
    },
    /// The session is too long for a file that a test could read.
    #[error("session {session_id} has more than {limit} entries, too many for one recording")]
    TooLong {
        /// The session.
        session_id: SessionId,
        /// How many it may have.
        limit: usize,
    },
    /// The text is no recording.
    #[error("not a recording of a run; `livos export RUN` writes one")]
    Invalid(#[source] serde_json::Error),
    /// A newer version wrote it; upgrade this one.
    #[error("the recording has format {found}, this version reads up to {FORMAT}")]
    NewerFormat {
        /// The format that was found.
        found: u32,
    },
    /// A tool cannot be put up.
    #[error("a tool of the agent cannot be replayed")]
    Tool(#[from] crate::tool::RegisterToolError),
}

impl Recording {
    /// Records a run out of the agent's journal. A run that is not over yet is recorded as far as it is.
    ///
    /// Keys of well-known shapes are taken out; see [`redact`](Self::redact) for others.
    ///
    /// # Errors
    /// When the journal cannot be read or has no such run, or the session is too long (200,000 entries).
    pub async fn of(
        agent: &AgentLoop,
        session_id: SessionId,
        run_id: RunId,
    ) -> Result<Self, RecordingError> {
        let mut parts = Parts::default();
        let mut seq = 0;
        while !parts.is_over {
            let batch = agent.journal().read(session_id, seq, READ_BATCH).await?;
            let Some(last) = batch.last().and_then(AgentEvent::seq) else { break };
            seq = last;
            for entry in batch {
                parts.take(run_id, entry);
            }
            if parts.before.len() + parts.entries.len() > MAX_ENTRIES {
                return Err(RecordingError::TooLong { session_id, limit: MAX_ENTRIES });
            }
        }
        if !parts.is_admitted {
            return Err(RecordingError::UnknownRun { session_id, run_id });
        }
        let model = parts.model();
        if let Some(lookup) = agent.provider().model_lookup() {
            lookup.look_up(model.as_ref().unwrap_or(agent.model())).await;
        }
        let recording = Self {
            recording: FORMAT,
            livos: env!("CARGO_PKG_VERSION").to_owned(),
            session_id,
            run_id,
            agent: RecordedAgent::of(agent, model),
            before: parts.before,
            entries: parts.entries,
            shown: Vec::new(),
        };
        recording.redact(&Redactor::new())
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// When the text is none, or a newer version wrote it.
    pub fn from_json(text: &str) -> Result<Self, RecordingError> {
        #[derive(Deserialize)]
        struct Format {
            recording: u32,
        }
        let format: Format = serde_json::from_str(text).map_err(RecordingError::Invalid)?;
        if format.recording > FORMAT {
            return Err(RecordingError::NewerFormat { found: format.recording });
        }
        serde_json::from_str(text).map_err(RecordingError::Invalid)
    }

    /// The recording as text, to be kept beside a test.
    pub fn to_json(&self) -> String {
        // Maps with keys that are no text are what JSON cannot write; there are none here.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The same recording with the redactor's secrets taken out wherever they stand, in keys as in texts,
    /// and with them whatever has the shape of a well-known service's key.
    ///
    /// # Errors
    /// When what is left is no recording, as when a secret is part of an id.
    pub fn redact(self, redactor: &Redactor) -> Result<Self, RecordingError> {
        let mut value = serde_json::to_value(&self).map_err(RecordingError::Invalid)?;
        redact_json(redactor, &mut value);
        let mut redacted: Self = serde_json::from_value(value).map_err(RecordingError::Invalid)?;
        // Fingerprints of what is not in the file any more would never fit.
        redacted.shown = shown_turns(&redacted.before, &redacted.entries);
        Ok(redacted)
    }

    /// The session of the run.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The entries of the run, from its first beginning to its end.
    pub fn entries(&self) -> &[AgentEvent] {
        &self.entries
    }
}

/// A session's entries, sorted by what a recording needs of them.
#[derive(Default)]
struct Parts {
    before: Vec<AgentEvent>,
    entries: Vec<AgentEvent>,
    is_admitted: bool,
    is_over: bool,
}

impl Parts {
    fn take(&mut self, run_id: RunId, entry: AgentEvent) {
        let is_own = entry.run_id == run_id;
        if self.is_over {
            return;
        }
        if is_own {
            self.is_admitted |= matches!(entry.kind, EventKind::RunAdmitted { .. });
            self.is_over = matches!(entry.kind, EventKind::RunFinished { .. });
        }
        let has_begun = !self.entries.is_empty();
        if is_own && (has_begun || matches!(entry.kind, EventKind::RunStarted { .. })) {
            self.entries.push(entry);
        } else if !has_begun && shapes_conversation(&entry.kind) {
            self.before.push(entry);
        }
    }

    /// The model that was asked first.
    fn model(&self) -> Option<crate::id::ModelName> {
        match &self.entries.first()?.kind {
            EventKind::RunStarted { model, .. } => Some(model.clone()),
            _ => None,
        }
    }
}

/// Whether an entry of an earlier run is part of what later ones are told.
fn shapes_conversation(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::TurnStarted { .. }
            | EventKind::ToolStarted { .. }
            | EventKind::ApprovalRequested(_)
            | EventKind::ApprovalResolved(_)
            | EventKind::ProviderRetry { .. }
            | EventKind::ProviderSwitched { .. }
    )
}
