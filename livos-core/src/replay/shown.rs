//! What the model was shown in each turn, by fingerprint: enough to notice that it is shown something else.

use serde::Deserialize;
use serde::Serialize;

use crate::agent::Transcript;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::message::Message;

/// The conversation that a turn began with, told by what was new in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShownTurn {
    /// The number of the `turn_started` entry.
    pub(super) seq: u64,
    /// How many messages of the turn before are the beginning of this one's.
    keeps: usize,
    /// The fingerprints of the messages after them.
    adds: Vec<String>,
}

/// What each turn of a run began with.
pub(super) fn shown_turns(before: &[AgentEvent], entries: &[AgentEvent]) -> Vec<ShownTurn> {
    let mut transcript = Transcript::new();
    for entry in before {
        transcript.apply(entry.run_id, &entry.kind);
    }
    let mut turns = Vec::new();
    let mut last: Vec<String> = Vec::new();
    for entry in entries {
        transcript.apply(entry.run_id, &entry.kind);
        if let (EventKind::TurnStarted { .. }, Some(seq)) = (&entry.kind, entry.seq()) {
            let now: Vec<String> =
                transcript.conversation().iter().map(|message| fingerprint(message)).collect();
            let keeps = last.iter().zip(&now).take_while(|(then, now)| then == now).count();
            let adds = now.iter().skip(keeps).cloned().collect();
            turns.push(ShownTurn { seq, keeps, adds });
            last = now;
        }
    }
    turns
}

/// The fingerprints of all messages that the turn with this entry began with; none if it is not known.
pub(super) fn shown_in(turns: &[ShownTurn], seq: u64) -> Option<Vec<String>> {
    let mut messages: Vec<String> = Vec::new();
    for turn in turns {
        messages.truncate(turn.keeps);
        messages.extend(turn.adds.iter().cloned());
        if turn.seq == seq {
            return Some(messages);
        }
    }
    None
}

/// FNV-1a of the message as JSON: the same in every version and on every machine.
pub(super) fn fingerprint(message: &Message) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let json = serde_json::to_vec(message).unwrap_or_default();
    let hash = json.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}
