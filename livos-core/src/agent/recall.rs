//! Gives a run what is known of its user, before its first model call.

use std::sync::Arc;

use super::driver::Driver;
use super::driver::JournalFailed;
use crate::event::EventKind;
use crate::event::RecalledMemories;
use crate::memory::in_words;
use crate::origin::Trigger;
use crate::profile::Duty;

/// What a run is given of its user's memory, as the journal has it.
#[derive(Debug, Clone)]
pub(super) struct Recalled {
    words: Option<Arc<str>>,
    tokens: u64,
}

impl Recalled {
    pub(super) fn of(memories: &RecalledMemories) -> Self {
        Self { words: in_words(&memories.facts), tokens: memories.tokens }
    }

    /// What the model reads.
    pub(super) fn words(&self) -> Option<Arc<str>> {
        self.words.clone()
    }

    /// What that takes in each prompt.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }
}

impl Driver {
    /// What the run is there for.
    pub(super) fn duty(&self) -> Duty {
        self.context.profile.as_ref().map(|profile| profile.duty).unwrap_or_default()
    }

    /// Whether anything may be recalled for the run now: before its first model call, and once.
    pub(super) fn may_recall(&self) -> bool {
        let can = self.shared.recall.is_some() || self.shared.rehearsal.is_some();
        can && self.recalled.is_none() && self.run.turns() == 0
    }

    /// Looks into the memory of the run's user, and writes down what was found.
    pub(super) async fn recall_memories(&mut self) -> Result<(), JournalFailed> {
        let memories = match (&self.shared.rehearsal, &self.shared.recall) {
            (Some(rehearsal), _) => rehearsal.recalled(),
            (None, Some(recall)) if self.is_given_memories() => {
                let asked: Vec<String> =
                    self.transcript.asked().map(crate::message::Message::text).collect();
                let origin = &self.context.origin;
                let window = self.shared.provider.capabilities(&self.model).context_window;
                let company = self.transcript.company();
                let said = asked.join("\n");
                recall.memories_for((origin, company), &said, window).await.map(Arc::new)
            }
            (None, _) => None,
        };
        let Some(memories) = memories else { return Ok(()) };
        let kind = self.shared.clean(EventKind::MemoriesRecalled(memories));
        if let EventKind::MemoriesRecalled(memories) = &kind {
            self.recalled = Some(Recalled::of(memories));
        }
        self.record(kind).await
    }

    fn is_given_memories(&self) -> bool {
        self.duty() == Duty::Assist
            && matches!(self.trigger, Trigger::Message | Trigger::Schedule | Trigger::Task)
    }
}
