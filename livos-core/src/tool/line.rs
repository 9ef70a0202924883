//! What calls say to the loop that drives their run, while they are under way.

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::approval::Question;
use crate::event::EventKind;
use crate::id::ApprovalId;
use crate::id::ToolCallId;
use crate::store::ApprovalRecord;

/// How many words of a batch of calls may be on their way to the loop.
const BACKLOG: usize = 16;

/// What a call says to the loop.
#[derive(Debug)]
pub(crate) enum Word {
    /// It has a question; the loop writes it down and gives its id.
    Question { call_id: ToolCallId, question: Question, opened: oneshot::Sender<ApprovalId> },
    /// Nobody waits for the answer to its question any more.
    Withdrawn(ApprovalId),
    /// Its question was decided.
    Decided(Box<ApprovalRecord>),
    /// Something that belongs into the journal; the loop says when it is there.
    Fact { kind: Box<EventKind>, written: oneshot::Sender<()> },
    /// It does nothing but wait for another run.
    Waits(ToolCallId),
    /// It goes on.
    GoesOn(ToolCallId),
}

/// The way of a call to the loop.
#[derive(Debug, Clone)]
pub(crate) struct Line(mpsc::Sender<Word>);

/// The loop does not listen any more: the run ends.
#[derive(Debug)]
pub(crate) struct HungUp;

impl Line {
    /// For the calls of one batch; what they say comes out of the other end.
    pub(crate) fn open() -> (Self, mpsc::Receiver<Word>) {
        let (words, heard) = mpsc::channel(BACKLOG);
        (Self(words), heard)
    }

    pub(crate) async fn say(&self, word: Word) -> Result<(), HungUp> {
        self.0.send(word).await.map_err(|_| HungUp)
    }

    /// Says something if the loop is not far behind.
    pub(crate) fn say_if_heard(&self, word: Word) {
        // Else the end of the call says the same.
        let _ = self.0.try_send(word);
    }

    /// Writes something into the run's journal, and returns when it is there.
    pub(crate) async fn record(&self, kind: EventKind) -> Result<(), HungUp> {
        let (written, answer) = oneshot::channel();
        self.say(Word::Fact { kind: Box::new(kind), written }).await?;
        answer.await.map_err(|_| HungUp)
    }
}
