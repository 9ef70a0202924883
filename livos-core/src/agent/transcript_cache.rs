//! Transcripts of recent sessions, so that a long conversation is neither read nor encoded again for each message.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Transcript;
use crate::id::SessionId;

/// How many sessions are remembered; the one used longest ago is forgotten first.
const CAPACITY: usize = 64;

/// Transcripts of recent sessions with the number of the last entry they hold.
#[derive(Debug, Default)]
pub(super) struct TranscriptCache(Mutex<VecDeque<Remembered>>);

#[derive(Debug)]
struct Remembered {
    session_id: SessionId,
    last_seq: u64,
    transcript: Transcript,
}

impl TranscriptCache {
    /// Takes a session's transcript out, with the number of the last entry that it holds.
    pub(super) fn take(&self, session_id: SessionId) -> Option<(u64, Transcript)> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = entries.iter().position(|entry| entry.session_id == session_id)?;
        let Remembered { last_seq, transcript, .. } = entries.remove(index)?;
        Some((last_seq, transcript))
    }

    /// Remembers a session's transcript.
    pub(super) fn put(&self, session_id: SessionId, last_seq: u64, transcript: Transcript) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = entries.iter().position(|entry| entry.session_id == session_id) {
            entries.remove(older);
        }
        if entries.len() >= CAPACITY {
            entries.pop_front();
        }
        entries.push_back(Remembered { session_id, last_seq, transcript });
    }
}
