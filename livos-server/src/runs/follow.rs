//! Watching a session from a number on: no gap, no repeat.
//!
//! The place at the live end is taken first and the journal is read after, so
//! whatever was written meanwhile arrives at least once; numbers then drop what
//! came twice, and a number that is missing is read from the journal. Deltas
//! have no number: they count until a later entry of their run makes them obsolete.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use futures::stream;
use livos_core::AgentEvent;
use livos_core::Journal;
use livos_core::Position;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::StoreError;

use super::Runs;
use super::hub::Hub;
use super::hub::Subscription;
use super::partial::ends_answer;

/// How many entries are read from the journal at once.
const READ_BATCH: usize = 256;
/// An answer that ended this many entries ago can have no deltas in any buffer any more.
const ENDED_WINDOW: u64 = 8_192;

/// What to do when everything there is was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Wait for more.
    Wait,
    /// End.
    Stop,
}

impl Runs {
    /// The events of a session after a number. Ends early when the reader is too slow.
    pub(crate) fn follow(
        &self,
        session: SessionId,
        after: u64,
        at_end: AtEnd,
    ) -> impl Stream<Item = Result<AgentEvent, StoreError>> + Send + 'static + use<> {
        let hub = self.hub(session);
        let subscription = hub.subscribe();
        let journal: Arc<dyn Journal> = Arc::clone(&self.0.store) as Arc<dyn Journal>;
        let follower = Follower::new(journal, session, after, subscription, hub, at_end);
        stream::try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|event| (event, follower)))
        })
    }
}

#[derive(Debug)]
struct Follower {
    journal: Arc<dyn Journal>,
    session: SessionId,
    /// The number of the last entry given.
    cursor: u64,
    /// Where in the session each run's last finished answer ended.
    ended: HashMap<RunId, u64>,
    /// Whether the journal holds nothing above the cursor that will not arrive live.
    caught_up: bool,
    ready: VecDeque<AgentEvent>,
    subscription: Subscription,
    at_end: AtEnd,
    // Keeps the hub findable for the worker as long as somebody watches.
    _hub: Arc<Hub>,
}

impl Follower {
    fn new(
        journal: Arc<dyn Journal>,
        session: SessionId,
        after: u64,
        subscription: Subscription,
        hub: Arc<Hub>,
        at_end: AtEnd,
    ) -> Self {
        Self {
            journal,
            session,
            cursor: after,
            ended: HashMap::new(),
            caught_up: false,
            ready: VecDeque::new(),
            subscription,
            at_end,
            _hub: hub,
        }
    }

    async fn next(&mut self) -> Result<Option<AgentEvent>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                match self.give(event) {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if !self.caught_up {
                self.catch_up().await?;
                continue;
            }
            let Some(event) = self.live().await else { return Ok(None) };
            let (Position::Seq(seq) | Position::After(seq)) = event.position;
            let next = self.cursor + u64::from(event.seq().is_some());
            if seq > next {
                self.fill(seq).await?;
            }
            self.ready.push_back(AgentEvent::clone(&event));
        }
    }

    async fn live(&mut self) -> Option<Arc<AgentEvent>> {
        match self.at_end {
            AtEnd::Wait => self.subscription.live.recv().await,
            AtEnd::Stop => self.subscription.live.try_recv().ok(),
        }
    }

    /// Reads the next entries; when there are no more, the answer so far follows.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let entries = self.journal.read(self.session, self.cursor, READ_BATCH).await?;
        self.caught_up = entries.len() < READ_BATCH;
        self.ready.extend(entries);
        if self.caught_up {
            self.ready.extend(std::mem::take(&mut self.subscription.partial));
        }
        Ok(())
    }

    /// Reads the entries that did not arrive live, up to a number.
    async fn fill(&mut self, up_to: u64) -> Result<(), StoreError> {
        let mut cursor = self.cursor;
        while cursor < up_to {
            let entries = self.journal.read(self.session, cursor, READ_BATCH).await?;
            let Some(last) = entries.last().and_then(AgentEvent::seq) else { break };
            self.ready.extend(entries);
            cursor = last;
        }
        Ok(())
    }

    /// The event as the reader gets it; none when it was given already or is obsolete.
    fn give(&mut self, mut event: AgentEvent) -> Option<AgentEvent> {
        match event.position {
            Position::Seq(seq) if seq <= self.cursor => return None,
            Position::Seq(seq) => {
                self.cursor = seq;
                if ends_answer(&event.kind) {
                    self.ended.insert(event.run_id, seq);
                    self.ended.retain(|_, ended| *ended + ENDED_WINDOW > seq);
                }
            }
            Position::After(seq) => {
                if self.ended.get(&event.run_id).is_some_and(|ended| seq < *ended) {
                    return None;
                }
                // Entries of other runs may have come between.
                event.position = Position::After(self.cursor);
            }
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests;
