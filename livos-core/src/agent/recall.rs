//! Gives a run what is known of its user: before its first model call, and before the next one when
//! something was said meanwhile.

use std::sync::Arc;

use super::driver::Driver;
use super::driver::JournalFailed;
use crate::event::EventKind;
use crate::event::RecalledMemories;
use crate::memory::in_words;
use crate::message::Message;
use crate::origin::Trigger;
use crate::profile::Duty;

/// What a run is given of its user's memory, as the journal has it.
#[derive(Debug, Clone)]
pub(super) struct Recalled {
    words: Option<Arc<str>>,
    memories: Arc<RecalledMemories>,
}

impl Recalled {
    pub(super) fn of(memories: &Arc<RecalledMemories>) -> Self {
        Self { words: in_words(&memories.facts), memories: Arc::clone(memories) }
    }

    /// What the model reads.
    pub(super) fn words(&self) -> Option<Arc<str>> {
        self.words.clone()
    }

    /// What that takes in each prompt.
    pub(super) fn tokens(&self) -> u64 {
        self.memories.tokens
    }
}

impl Driver {
    /// What the run is there for.
    pub(super) fn duty(&self) -> Duty {
        self.context.profile.as_ref().map(|profile| profile.duty).unwrap_or_default()
    }

    /// Whether anything may be recalled for the run now: of what it was asked, there is something that no
    /// model has read and that was not looked up.
    pub(super) fn may_recall(&self) -> bool {
        let can = self.shared.recall.is_some() || self.shared.rehearsal.is_some();
        can && self.transcript.newly_asked(self.looked_up).next().is_some()
    }

    /// Looks into the memory of the run's user, and writes down what was found.
    pub(super) async fn recall_memories(&mut self) -> Result<(), JournalFailed> {
        self.write_held().await?;
        let memories = match (&self.shared.rehearsal, &self.shared.recall) {
            (Some(rehearsal), _) => rehearsal.recalled(),
            (None, Some(recall)) if self.is_given_memories() => {
                let asked: Vec<String> =
                    self.transcript.newly_asked(self.looked_up).map(Message::text).collect();
                let origin = &self.context.origin;
                let window = self.shared.provider.capabilities(&self.model).context_window;
                let company = self.transcript.company();
                let said = asked.join("\n");
                let found = recall.memories_for((origin, company), &said, window).await;
                let earlier = self.recalled.as_ref().map(|recalled| &*recalled.memories);
                found.and_then(|found| recall.beside(found, earlier, window)).map(Arc::new)
            }
            (None, _) => None,
        };
        self.looked_up = self.transcript.asked();
        let Some(memories) = memories else { return Ok(()) };
        let kind = self.shared.clean(EventKind::MemoriesRecalled(memories));
        if let EventKind::MemoriesRecalled(memories) = &kind {
            self.recalled = Some(Recalled::of(memories));
        }
        self.record(kind).await
    }

    /// Sub-agents are not, and no program is; a run that an agent's result began is, for what joins it.
    fn is_given_memories(&self) -> bool {
        let is_asked = match self.trigger {
            Trigger::Message | Trigger::Schedule | Trigger::Task => true,
            Trigger::Subagent => self.context.profile.is_none(),
            Trigger::Api | Trigger::Webhook | Trigger::Memory => false,
        };
        is_asked && self.duty() == Duty::Assist
    }
}
