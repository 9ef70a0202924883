//! The answer so far, for those who come in the middle of it.

use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::id::RunId;

/// How much of one answer is kept, in bytes; of a longer one those who come late miss the beginning.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How many pieces that cannot be joined are kept.
const MAX_PIECES: usize = 1024;

/// What was shown and is not in the journal, joined where one piece follows another of its kind.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    pieces: Vec<AgentEvent>,
    bytes: usize,
}

impl Partial {
    /// The pieces, in order.
    pub(crate) fn pieces(&self) -> &[AgentEvent] {
        &self.pieces
    }

    /// The pieces, in order.
    #[cfg(feature = "redis")]
    pub(crate) fn into_pieces(self) -> Vec<AgentEvent> {
        self.pieces
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Adds a piece, to the one before it if it goes on with that.
    pub(crate) fn push(&mut self, event: &AgentEvent) {
        let size = piece_of(&event.kind).map_or(0, str::len);
        if self.bytes + size > MAX_BYTES || self.pieces.len() >= MAX_PIECES {
            self.clear();
        }
        self.bytes += size;
        let last = self.pieces.last_mut().filter(|last| goes_on(last, event));
        if !last.is_some_and(|last| join(&mut last.kind, &event.kind)) {
            self.pieces.push(event.clone());
        }
    }

    /// Drops what an entry of a run makes void: all that was said in the run before it.
    pub(crate) fn void(&mut self, run_id: RunId, seq: u64) {
        let is_void = |event: &AgentEvent| {
            event.run_id == run_id
                && matches!(event.position, Position::After(after) if after < seq)
        };
        self.pieces.retain(|event| !is_void(event));
        self.bytes =
            self.pieces.iter().filter_map(|event| piece_of(&event.kind)).map(str::len).sum();
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.bytes = 0;
    }
}

fn piece_of(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::TextDelta { text }
        | EventKind::ThinkingDelta { text }
        | EventKind::ToolProgress { text, .. } => Some(text),
        EventKind::ToolCallDelta { partial_json, .. } => Some(partial_json),
        _ => None,
    }
}

/// Whether an event is of the same answer as the one before it.
fn goes_on(last: &AgentEvent, event: &AgentEvent) -> bool {
    (last.run_id, last.position) == (event.run_id, event.position)
}

/// Adds a piece to the one before it, if both are of one kind.
fn join(last: &mut EventKind, event: &EventKind) -> bool {
    match (last, event) {
        (EventKind::TextDelta { text }, EventKind::TextDelta { text: more })
        | (EventKind::ThinkingDelta { text }, EventKind::ThinkingDelta { text: more }) => {
            text.push_str(more);
            true
        }
        (
            EventKind::ToolCallDelta { call_id, partial_json, .. },
            EventKind::ToolCallDelta { call_id: same, partial_json: more, .. },
        ) if call_id == same => {
            partial_json.push_str(more);
            true
        }
        _ => false,
    }
}

/// Whether it is a piece of an answer, which those who come late get too.
pub(crate) fn is_of_answer(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::TextDelta { .. }
            | EventKind::ThinkingDelta { .. }
            | EventKind::ToolCallDelta { .. }
    )
}

/// Whether an entry makes void what was said in its run before it.
pub(crate) fn ends_answer(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::TurnStarted { .. }
            | EventKind::AssistantMessage { .. }
            | EventKind::ProviderSwitched { .. }
            | EventKind::Compacted { .. }
            | EventKind::RunFinished { .. }
    )
}
