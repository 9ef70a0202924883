//! Which sessions to list, and how to make one out of another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::SessionId;
use crate::store::NewEntry;
use crate::store::RunRecord;
use crate::store::SessionRecord;

/// How many words of a search are looked at; the others are ignored.
const MAX_WORDS: usize = 16;

/// Which sessions to list. They come by their last activity, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionQuery {
    /// Only those in whose title, or in one of whose messages from people and the assistant,
    /// each of these words begins a word. Letter case does not matter; other characters only separate.
    pub text: Option<String>,
    /// Those that this session started; without, those that no session started.
    pub parent: Option<SessionId>,
    /// Only those that follow this place of the list.
    pub after: Option<SessionCursor>,
}

/// A place in the list of sessions. As text it is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionCursor {
    /// When the session there changed last.
    pub updated_at: Timestamp,
    /// The session there.
    pub id: SessionId,
}

impl From<&SessionRecord> for SessionCursor {
    fn from(session: &SessionRecord) -> Self {
        Self { updated_at: session.updated_at, id: session.id }
    }
}

impl fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.updated_at.as_unix_micros(), self.id)
    }
}

impl FromStr for SessionCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = text.split_once('.').and_then(|(micros, id)| {
            let updated_at = Timestamp::from_unix_micros(micros.parse().ok()?);
            Some(Self { updated_at, id: id.parse().ok()? })
        });
        place.ok_or_else(|| ParseCursorError(text.to_owned()))
    }
}

/// Text that is not a [`SessionCursor`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a place in the list of sessions: expected a cursor that was given with a list"
)]
pub struct ParseCursorError(String);

/// A session to be made out of the beginning of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The session to begin with.
    pub from: SessionId,
    /// The last entry to take over.
    pub up_to: u64,
    /// The new session: its record as it is to be, but for the title and model where absent.
    pub into: SessionRecord,
}

/// A session to be taken over from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSession {
    /// Its record.
    pub session: SessionRecord,
    /// Its journal from the first entry, in order.
    pub entries: Vec<NewEntry>,
}

/// New entries as the events they become.
pub(super) fn events(
    session_id: SessionId,
    first: u64,
    entries: Vec<NewEntry>,
) -> impl Iterator<Item = AgentEvent> {
    (first..).zip(entries).map(move |(seq, NewEntry { run_id, at, kind })| AgentEvent {
        session_id,
        run_id,
        position: Position::Seq(seq),
        at,
        kind,
    })
}

/// The runs that begin and end in these entries.
pub(super) fn finished_runs(session_id: SessionId, entries: &[NewEntry]) -> Vec<RunRecord> {
    let mut runs = BTreeMap::new();
    for event in events(session_id, 1, entries.to_vec()) {
        if let Some(run) = RunRecord::admitted(&event) {
            runs.insert(run.id, run);
        } else if let Some(run) = runs.get_mut(&event.run_id) {
            run.apply(event.at, &event.kind);
        }
    }
    runs.into_values().filter(|run| run.state.is_final()).collect()
}

/// The words that a search is for, in lower case.
pub(super) fn search_words(text: &str) -> Vec<String> {
    words(text).take(MAX_WORDS).collect()
}

/// Whether each of the words begins a word of the text.
pub(super) fn mentions(text: &str, wanted: &[String]) -> bool {
    let said: Vec<String> = words(text).collect();
    wanted.iter().all(|wanted| said.iter().any(|word| word.starts_with(wanted.as_str())))
}

/// The words of a text, in lower case.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
