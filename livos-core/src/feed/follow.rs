//! Watching a session from a number on: no gap, no repeat.
//!
//! The place at the live end is taken first and the journal is read after, so whatever was written
//! meanwhile arrives at least once; numbers then drop what came twice, and a number that is missing is
//! read from the journal. Deltas have no number: they count until a later entry of their run makes them void.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use futures::StreamExt;
use futures::stream;

use super::EventFeed;
use super::Shown;
use super::Watch;
use super::ends_answer;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Journal;
use crate::store::StoreError;

/// How many entries are read from the journal at once.
const READ_BATCH: usize = 256;
/// An answer that ended this many entries ago can have no deltas on their way any more.
const ENDED_WINDOW: u64 = 8_192;
/// How far before the place where the reader began it is looked whether an answer has ended.
const LOOK_BACK: u64 = 1_024;

/// What to do when everything there is was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Wait for more.
    Wait,
    /// End.
    Stop,
}

/// The events of a session after an entry: every entry above the number once and in order, after the
/// newest the answer so far (if one is being given) with the pieces joined, then what happens.
///
/// Whatever the session's runs do after the returned future is ready is seen, from whichever process they
/// are driven. The stream ends after an error, and when its reader was too slow or the feed lost
/// something: follow again after the last entry that was given, and forget the answer so far, which is
/// given anew. Cancel safe; dropping the stream ends the watching.
///
/// ```
/// use futures::StreamExt;
/// use livos_core::{AtEnd, EventFeed, Journal, SessionId, StoreError, follow};
/// use std::sync::Arc;
///
/// # async fn example(
/// #     journal: Arc<dyn Journal>, feed: Arc<dyn EventFeed>, session: SessionId
/// # ) -> Result<(), StoreError> {
/// let mut events = std::pin::pin!(follow(journal, &*feed, session, 0, AtEnd::Wait).await?);
/// while let Some(event) = events.next().await {
///     println!("{}", event?.kind.name());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the feed cannot be reached.
pub async fn follow(
    journal: Arc<dyn Journal>,
    feed: &dyn EventFeed,
    session_id: SessionId,
    after: u64,
    at_end: AtEnd,
) -> Result<impl Stream<Item = Result<AgentEvent, StoreError>> + Send + 'static + use<>, StoreError>
{
    let watch = feed.watch(session_id).await?;
    let follower = Follower::new(journal, session_id, after, watch, at_end);
    Ok(stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|event| (event, follower)))
    }))
}

/// Up to which number the journal is to be read before the feed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// To its end, and then comes the answer so far.
    ToTheEnd,
    /// To an entry that the feed told of.
    UpTo(u64),
}

#[derive(Debug)]
struct Follower {
    journal: Arc<dyn Journal>,
    session_id: SessionId,
    /// The number of the last entry given.
    cursor: u64,
    /// The number that the reader had when it came; which answers ended before is found out when it matters.
    began_at: u64,
    /// From which entry on ended answers are known.
    ended_from: u64,
    /// Where in the session each run's last finished answer ended.
    ended: HashMap<RunId, u64>,
    reading: Reading,
    ready: VecDeque<AgentEvent>,
    /// What comes when the journal was read as far as it needs.
    held: Option<Arc<AgentEvent>>,
    watch: Watch,
    at_end: AtEnd,
}

impl Follower {
    fn new(
        journal: Arc<dyn Journal>,
        session_id: SessionId,
        after: u64,
        watch: Watch,
        at_end: AtEnd,
    ) -> Self {
        Self {
            journal,
            session_id,
            cursor: after,
            began_at: after,
            ended_from: after,
            ended: HashMap::new(),
            reading: Reading::ToTheEnd,
            ready: VecDeque::new(),
            held: None,
            watch,
            at_end,
        }
    }

    async fn next(&mut self) -> Result<Option<AgentEvent>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                match self.give(event).await? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if self.must_read() {
                self.read().await?;
                continue;
            }
            if let Some(event) = self.held.take() {
                self.ready.push_back(Arc::unwrap_or_clone(event));
                continue;
            }
            let shown = match self.at_end {
                AtEnd::Wait => self.watch.live.next().await,
                AtEnd::Stop => None,
            };
            match shown {
                None => return Ok(None),
                Some(Shown::Grown(seq)) => self.reading = Reading::UpTo(seq),
                Some(Shown::Event(event)) => self.take(event),
            }
        }
    }

    /// Takes something live: what is missing before it is read first.
    fn take(&mut self, event: Arc<AgentEvent>) {
        let before = match event.position {
            Position::Seq(seq) => seq.saturating_sub(1),
            Position::After(seq) => seq,
        };
        self.reading = Reading::UpTo(before);
        self.held = Some(event);
    }

    fn must_read(&self) -> bool {
        match self.reading {
            Reading::ToTheEnd => true,
            Reading::UpTo(seq) => seq > self.cursor,
        }
    }

    /// Reads the next entries; when that was all of them, the answer so far follows.
    async fn read(&mut self) -> Result<(), StoreError> {
        let entries = self.journal.read(self.session_id, self.cursor, READ_BATCH).await?;
        let is_all = entries.len() < READ_BATCH;
        self.ready.extend(entries);
        match self.reading {
            Reading::ToTheEnd if is_all => {
                self.ready.extend(std::mem::take(&mut self.watch.partial));
                self.reading = Reading::UpTo(self.cursor);
            }
            // A session that was deleted has not what the feed told of.
            Reading::UpTo(_) if is_all => self.reading = Reading::UpTo(self.cursor),
            Reading::ToTheEnd | Reading::UpTo(_) => {}
        }
        Ok(())
    }

    /// The event as the reader gets it; none when it was given already or is void.
    async fn give(&mut self, mut event: AgentEvent) -> Result<Option<AgentEvent>, StoreError> {
        match event.position {
            Position::Seq(seq) if seq <= self.cursor => return Ok(None),
            Position::Seq(seq) => {
                self.cursor = seq;
                self.note_end(&event);
                if ends_answer(&event.kind) {
                    self.ended.retain(|_, ended| *ended + ENDED_WINDOW > seq);
                }
            }
            Position::After(seq) => {
                self.look_back(seq).await?;
                if self.ended.get(&event.run_id).is_some_and(|ended| seq < *ended) {
                    return Ok(None);
                }
                // Entries of other runs may have come between.
                event.position = Position::After(self.cursor);
            }
        }
        Ok(Some(event))
    }

    fn note_end(&mut self, event: &AgentEvent) {
        if let Some(seq) = event.seq().filter(|_| ends_answer(&event.kind)) {
            let ended = self.ended.entry(event.run_id).or_default();
            *ended = seq.max(*ended);
        }
    }

    /// Finds out which answers ended between what a delta follows and where the reader began: a reader
    /// may know of an entry before the feed does.
    async fn look_back(&mut self, after: u64) -> Result<(), StoreError> {
        let mut from = after.max(self.began_at.saturating_sub(LOOK_BACK));
        if from >= self.ended_from {
            return Ok(());
        }
        let up_to = std::mem::replace(&mut self.ended_from, from);
        while from < up_to {
            let entries = self.journal.read(self.session_id, from, READ_BATCH).await?;
            let Some(last) = entries.last().and_then(AgentEvent::seq) else { break };
            for entry in &entries {
                self.note_end(entry);
            }
            from = last;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
