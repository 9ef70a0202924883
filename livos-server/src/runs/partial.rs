//! The answer so far, for those who come in the middle of it.

use livos_core::AgentEvent;
use livos_core::EventKind;
use livos_core::RunId;

/// The deltas since the last journal entry that made them obsolete, joined
/// where one follows another of its kind.
#[derive(Debug, Default)]
pub(super) struct Partial(Vec<AgentEvent>);

impl Partial {
    /// What a late subscriber gets before the live events.
    pub(super) fn events(&self) -> Vec<AgentEvent> {
        self.0.clone()
    }

    /// Takes one more event into account.
    pub(super) fn apply(&mut self, event: &AgentEvent) {
        match &event.kind {
            EventKind::TextDelta { .. }
            | EventKind::ThinkingDelta { .. }
            | EventKind::ToolCallDelta { .. } => self.append(event),
            kind if ends_answer(kind) && self.is_of(event.run_id) => self.0.clear(),
            _ => {}
        }
    }

    /// Another run of the session (one that waits) says nothing about this answer.
    fn is_of(&self, run_id: RunId) -> bool {
        self.0.first().is_some_and(|first| first.run_id == run_id)
    }

    fn append(&mut self, event: &AgentEvent) {
        let joined = match (self.0.last_mut().map(|last| &mut last.kind), &event.kind) {
            (Some(EventKind::TextDelta { text }), EventKind::TextDelta { text: more })
            | (Some(EventKind::ThinkingDelta { text }), EventKind::ThinkingDelta { text: more }) => {
                text.push_str(more);
                true
            }
            (
                Some(EventKind::ToolCallDelta { call_id, partial_json, .. }),
                EventKind::ToolCallDelta { call_id: same, partial_json: more, .. },
            ) if call_id == same => {
                partial_json.push_str(more);
                true
            }
            _ => false,
        };
        if !joined {
            self.0.push(event.clone());
        }
    }
}

/// Whether an entry makes the deltas of its run before it obsolete.
pub(super) fn ends_answer(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::TurnStarted { .. }
            | EventKind::AssistantMessage { .. }
            | EventKind::ProviderSwitched { .. }
            | EventKind::Compacted { .. }
            | EventKind::RunFinished { .. }
    )
}
