//! A recorded run as a script: what comes next, and what came from outside.

use std::sync::Arc;
use std::time::Duration;

use super::Recording;
use crate::agent::RecordedPermission;
use crate::agent::RecordedRoom;
use crate::approval::ApprovalDecision;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::event::ToolStatus;
use crate::id::ToolCallId;
use crate::message::Message;
use crate::message::ToolCall;
use crate::message::ToolInput;
use crate::provider::ChatChunk;
use crate::provider::ChatResponse;
use crate::provider::ProviderError;
use crate::tool::RecordedEnd;
use crate::tool::ToolOutput;

/// Ends that no decision of the loop brings about: somebody else wrote or caused them.
const ENDS_FROM_OUTSIDE: [&str; 1] = ["daily_limit"];

/// Why a run ends whose conversation cannot be made to fit.
const NO_ROOM: [&str; 2] = ["context_overhead", "context_too_long"];

/// A recorded run, entry by entry.
#[derive(Debug)]
pub(super) struct Script {
    entries: Vec<AgentEvent>,
    /// Where the cancel was given, if one was.
    cancelled_at: Option<usize>,
    /// Why the run failed, if it did.
    failure: Option<RunError>,
}

/// How a model call ended.
#[derive(Debug)]
pub(super) enum CallEnding {
    Answer(Box<ChatResponse>),
    Failure(ProviderError),
    /// It did not: the run was stopped, its time was up, or the process died.
    Silence,
}

/// Whose turn it is among calls that run beside each other.
pub(super) enum Turn {
    /// This call's.
    Now(RecordedEnd),
    /// Another's.
    Later,
}

impl Script {
    pub(super) fn new(recording: &Recording) -> Self {
        let mut entries = recording.entries.clone();
        let mut failure = None;
        if let Some(EventKind::RunFinished { error: Some(error), .. }) = last_kind(&entries) {
            if ENDS_FROM_OUTSIDE.contains(&error.kind.as_str()) {
                entries.pop();
            } else {
                failure = Some(error.clone());
            }
        }
        Self { cancelled_at: cancelled_at(&entries), failure, entries }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, place: usize) -> Option<&AgentEvent> {
        self.entries.get(place)
    }

    pub(super) fn kind(&self, place: usize) -> Option<&EventKind> {
        self.entry(place).map(|entry| &entry.kind)
    }

    pub(super) fn is_cancelled_at(&self, place: usize) -> bool {
        self.cancelled_at == Some(place)
    }

    /// Whether a process begins (or takes over) the run here.
    pub(super) fn begins_attempt(&self, place: usize) -> bool {
        matches!(self.kind(place), Some(EventKind::RunStarted { .. }))
    }

    /// What was said to the run here, in one go.
    pub(super) fn joins_at(&self, place: usize) -> Vec<Arc<Message>> {
        let rest = self.entries.get(place..).unwrap_or_default().iter();
        rest.map_while(|entry| match &entry.kind {
            EventKind::InputJoined { message, .. } => Some(Arc::clone(message)),
            _ => None,
        })
        .collect()
    }

    /// What the model call that begins here brings, and how it ends.
    pub(super) fn model_call(&self, place: usize) -> (Vec<ChatChunk>, CallEnding) {
        let mut chunks = Vec::new();
        for entry in self.entries.get(place..).unwrap_or_default() {
            let ending = match &entry.kind {
                EventKind::ProviderRetry { provider, reason, delay_ms } => {
                    chunks.push(ChatChunk::Retrying {
                        provider: provider.clone(),
                        reason: reason.clone(),
                        delay: Duration::from_millis(*delay_ms),
                    });
                    continue;
                }
                EventKind::ProviderSwitched { from, to, reason, discarded_chars } => {
                    chunks.push(ChatChunk::Switched {
                        from: from.clone(),
                        to: to.clone(),
                        reason: reason.clone(),
                        discarded_chars: *discarded_chars,
                    });
                    continue;
                }
                EventKind::RunFinished {
                    status: RunStatus::Failed, error: Some(error), ..
                } => CallEnding::Failure(ProviderError::recorded(&error.kind, &error.message)),
                // The model's refusal is what made the conversation shorter.
                EventKind::Compacted { .. } => {
                    CallEnding::Failure(ProviderError::recorded("context_too_long", ""))
                }
                kind => answer(kind).map_or(CallEnding::Silence, CallEnding::Answer),
            };
            return (chunks, ending);
        }
        (chunks, CallEnding::Silence)
    }

    /// How room was made for the conversation here.
    pub(super) fn made_room(&self, place: usize) -> RecordedRoom {
        match self.kind(place) {
            Some(compacted @ EventKind::Compacted { .. }) => {
                RecordedRoom::Compacted(Box::new(compacted.clone()))
            }
            Some(EventKind::RunFinished { error: Some(error), .. })
                if NO_ROOM.contains(&error.kind.as_str()) =>
            {
                RecordedRoom::GivenUp(error.clone())
            }
            _ => RecordedRoom::Unchanged,
        }
    }

    /// Whether the model call that begins here was given up because its time was over.
    pub(super) fn runs_out_of_time(&self, place: usize) -> bool {
        let after_it = self.entries.get(place..).unwrap_or_default().iter().find(|entry| {
            !matches!(
                entry.kind,
                EventKind::ProviderRetry { .. } | EventKind::ProviderSwitched { .. }
            )
        });
        let status = after_it.map(|entry| &entry.kind);
        self.is_turn(place)
            && matches!(
                status,
                Some(
                    EventKind::TurnStarted { .. }
                        | EventKind::RunFinished { status: RunStatus::Exhausted, .. }
                )
            )
    }

    /// Whether a turn has just begun.
    pub(super) fn is_turn(&self, place: usize) -> bool {
        let before = place.checked_sub(1).and_then(|place| self.kind(place));
        matches!(before, Some(EventKind::TurnStarted { .. }))
    }

    /// What was decided about a call that is about to begin here.
    pub(super) fn permission(&self, place: usize, call_id: &ToolCallId) -> RecordedPermission {
        let rest = self.entries.get(place..).unwrap_or_default().iter();
        let mut decided = rest.filter_map(|entry| match &entry.kind {
            EventKind::ApprovalRequested(request)
                if request.call_id == *call_id && request.question.is_none() =>
            {
                Some(RecordedPermission::Asked(Arc::clone(request)))
            }
            EventKind::ToolStarted { call_id: started, .. } if started == call_id => {
                Some(RecordedPermission::Granted)
            }
            EventKind::ToolFinished { call_id: ended, status, content, .. } if ended == call_id => {
                Some(match status {
                    ToolStatus::Denied => RecordedPermission::Denied(
                        content.iter().filter_map(|block| block.as_text()).collect(),
                    ),
                    _ => RecordedPermission::Granted,
                })
            }
            _ => None,
        });
        decided.next().unwrap_or(RecordedPermission::Granted)
    }

    /// The calls that begin, or are refused, in one go here.
    pub(super) fn acted_on(&self, place: usize) -> Vec<ToolCallId> {
        let rest = self.entries.get(place..).unwrap_or_default().iter();
        rest.map_while(|entry| match &entry.kind {
            EventKind::ToolStarted { call_id, .. }
            | EventKind::ToolFinished { call_id, status: ToolStatus::Denied, .. } => {
                Some(call_id.clone())
            }
            _ => None,
        })
        .collect()
    }

    /// The refusal of a call that was never begun, if that comes next for it.
    pub(super) fn refusal(&self, place: usize, call_id: &ToolCallId) -> Option<String> {
        let mut rest = self.entries.get(place..)?.iter();
        rest.find_map(|entry| match &entry.kind {
            EventKind::ToolStarted { call_id: started, .. } if started == call_id => Some(None),
            EventKind::ToolFinished { call_id: finished, content, .. } if finished == call_id => {
                Some(Some(content.iter().filter_map(|block| block.as_text()).collect()))
            }
            _ => None,
        })
        .flatten()
    }

    /// Whose turn to end it is, for a call that runs beside these.
    pub(super) fn turn_of(
        &self,
        place: usize,
        call_id: &ToolCallId,
        running: &[ToolCallId],
    ) -> Turn {
        match self.kind(place) {
            Some(EventKind::ToolFinished { call_id: next, .. })
                if next != call_id && running.contains(next) =>
            {
                Turn::Later
            }
            // When no call is to end here, this one's end is the difference.
            _ => Turn::Now(self.end_of(place, call_id)),
        }
    }

    /// How a call ended.
    fn end_of(&self, place: usize, call_id: &ToolCallId) -> RecordedEnd {
        let rest = self.entries.get(place..).unwrap_or_default().iter();
        let mut ends = rest.filter_map(|entry| match &entry.kind {
            EventKind::ToolFinished {
                call_id: ended, status, content, truncated, spent, ..
            } if ended == call_id => {
                let (content, truncated, spent) = (content.to_vec(), *truncated, *spent);
                Some((*status, ToolOutput { content, truncated, spent }))
            }
            _ => None,
        });
        let Some((status, output)) = ends.next() else {
            let output = ToolOutput::text("the recording has no result of this call");
            return RecordedEnd { status: ToolStatus::Unknown, output, fatal: None };
        };
        let fatal = self.failure.as_ref().filter(|failure| {
            let text: String = output.content.iter().filter_map(|block| block.as_text()).collect();
            failure.kind == "tool_failed" && failure.message == text && status == ToolStatus::Error
        });
        RecordedEnd { status, fatal: fatal.map(|failure| failure.message.clone()), output }
    }

    /// What a clock shows before the entry at this place is written.
    pub(super) fn time_at(&self, place: usize) -> Option<Timestamp> {
        if self.runs_out_of_time(place) {
            return Some(Timestamp::from_unix_micros(i64::MAX));
        }
        // As long as tools run it stands where the attempt began: their deadlines are kept by the script.
        let is_tool = matches!(self.kind(place), Some(EventKind::ToolFinished { .. }));
        let place = match is_tool {
            true => (0..place).rev().find(|place| self.begins_attempt(*place))?,
            false => place.min(self.len().saturating_sub(1)),
        };
        self.entry(place).map(|entry| entry.at)
    }
}

fn last_kind(entries: &[AgentEvent]) -> Option<&EventKind> {
    entries.last().map(|entry| &entry.kind)
}

/// The answer that an entry tells of.
fn answer(kind: &EventKind) -> Option<Box<ChatResponse>> {
    let EventKind::AssistantMessage {
        message,
        usage,
        cost_micro_usd,
        provider,
        model,
        stop_reason,
        ..
    } = kind
    else {
        return None;
    };
    let message = Message::clone(message);
    let mut response = ChatResponse::new(provider.clone(), model.clone(), message);
    response.usage = *usage;
    response.cost = *cost_micro_usd;
    response.stop_reason = stop_reason.clone();
    Some(Box::new(response))
}

/// The place from which on everything follows from a cancel.
///
/// Calls under way end one by one, each as recorded, so the cancel comes after them.
fn cancelled_at(entries: &[AgentEvent]) -> Option<usize> {
    let Some(EventKind::RunFinished { status: RunStatus::Cancelled, .. }) = last_kind(entries)
    else {
        return None;
    };
    let attempt = entries
        .iter()
        .rposition(|entry| matches!(entry.kind, EventKind::RunStarted { .. }))
        .unwrap_or(0);
    let was_begun = |call_id: &ToolCallId| {
        let rest = entries.get(attempt..).unwrap_or_default();
        rest.iter().any(|entry| {
            matches!(&entry.kind, EventKind::ToolStarted { call_id: begun, .. } if begun == call_id)
        })
    };
    let mut place = entries.len() - 1;
    while let Some(entry) = place.checked_sub(1).and_then(|before| entries.get(before)) {
        let follows = match &entry.kind {
            EventKind::ToolFinished { status: ToolStatus::Cancelled, call_id, .. } => {
                !was_begun(call_id)
            }
            EventKind::InputJoined { .. } => true,
            EventKind::ApprovalResolved(resolution) => {
                resolution.decision == ApprovalDecision::Abandoned
            }
            _ => false,
        };
        if !follows {
            break;
        }
        place -= 1;
    }
    Some(place)
}

/// A call as a recording tells of it, for words.
pub(super) fn call_in_words(name: &str, input: &ToolInput) -> String {
    format!("`{name}` with {}", input.to_json())
}

/// The calls of a message, for words.
pub(super) fn calls_in_words<'a>(calls: impl Iterator<Item = &'a ToolCall>) -> String {
    let calls: Vec<String> =
        calls.map(|call| call_in_words(call.name.as_str(), &call.input)).collect();
    calls.join(", ")
}
