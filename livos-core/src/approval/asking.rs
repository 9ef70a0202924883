//! How a tool call asks: through the loop that drives its run.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ApprovalDecision;
use super::ApprovalManager;
use super::AskError;
use super::Question;
use super::QuestionReply;
use crate::id::ApprovalId;
use crate::id::RunId;
use crate::id::ToolCallId;
use crate::id::ToolName;
use crate::origin::Origin;
use crate::store::ApprovalRecord;
use crate::store::StoreError;
use crate::tool::Effect;
use crate::tool::Line;
use crate::tool::Word;

/// What a request is made of.
pub(crate) struct Asked<'a> {
    pub(crate) run_id: RunId,
    pub(crate) origin: &'a Origin,
    pub(crate) call_id: &'a ToolCallId,
    pub(crate) tool: &'a ToolName,
    pub(crate) effect: Effect,
    pub(crate) arguments: &'a Value,
    pub(crate) reason: String,
    pub(crate) question: Option<Question>,
}

/// The way of one call to people, through the loop.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    manager: ApprovalManager,
    line: Line,
    time: Arc<PersonsTime>,
}

impl Asker {
    /// For one call.
    pub(crate) fn new(manager: ApprovalManager, line: Line) -> Self {
        Self { manager, line, time: Arc::default() }
    }

    pub(crate) fn time(&self) -> &Arc<PersonsTime> {
        &self.time
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(
        &self,
        call_id: &ToolCallId,
        question: Question,
    ) -> Result<QuestionReply, AskError> {
        question.check()?;
        let run_ends = || AskError::Store(StoreError::unavailable("the run ends"));
        let _waiting = self.time.begin();
        let (opened, id) = oneshot::channel();
        let word = Word::Question { call_id: call_id.clone(), question, opened };
        self.line.say(word).await.map_err(|_| run_ends())?;
        let id = id.await.map_err(|_| run_ends())?;
        let mut open = Open { line: &self.line, id: Some(id) };
        let decided = self.manager.decided(&[id]).await.into_iter().next();
        open.id = None;
        let record = decided.ok_or_else(run_ends)?;
        let reply = reply(&record);
        self.line.say(Word::Decided(Box::new(record))).await.map_err(|_| run_ends())?;
        Ok(reply)
    }
}

/// Takes a question back when it is dropped before it was decided.
struct Open<'a> {
    line: &'a Line,
    id: Option<ApprovalId>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.line.say_if_heard(Word::Withdrawn(id));
        }
    }
}

fn reply(record: &ApprovalRecord) -> QuestionReply {
    let Some(resolved) = &record.resolved else { return QuestionReply::Abandoned };
    let resolution = &resolved.resolution;
    match (resolution.decision, &resolution.answer) {
        (ApprovalDecision::Approved, Some(answer)) => QuestionReply::Answered(answer.clone()),
        (ApprovalDecision::Approved, None) => QuestionReply::Answered(Value::Null),
        (ApprovalDecision::Denied, _) => QuestionReply::Declined(resolution.note.clone()),
        (ApprovalDecision::Expired, _) => QuestionReply::Expired,
        (ApprovalDecision::Abandoned, _) => QuestionReply::Abandoned,
    }
}

/// How long a call waited for people: that is not its own time.
#[derive(Debug, Default)]
pub(crate) struct PersonsTime(Mutex<Waited>);

#[derive(Debug, Default)]
struct Waited {
    waiting: u32,
    since: Option<Instant>,
    total: Duration,
}

impl PersonsTime {
    /// How long it waited so far.
    pub(crate) fn total(&self) -> Duration {
        let waited = self.lock();
        waited.total + waited.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn begin(&self) -> Waiting<'_> {
        let mut waited = self.lock();
        waited.waiting += 1;
        waited.since.get_or_insert_with(Instant::now);
        drop(waited);
        Waiting(self)
    }

    fn lock(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a>(&'a PersonsTime);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waited = self.0.lock();
        waited.waiting = waited.waiting.saturating_sub(1);
        if waited.waiting == 0
            && let Some(since) = waited.since.take()
        {
            waited.total += since.elapsed();
        }
    }
}
