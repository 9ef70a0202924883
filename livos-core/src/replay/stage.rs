//! Where a run is played again: how far it is, and what its surroundings do next.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use super::Difference;
use super::Recording;
use super::Replayed;
use super::compare;
use super::script::CallEnding;
use super::script::Script;
use super::script::Turn;
use super::shown::ShownTurn;
use super::shown::fingerprint;
use super::shown::shown_in;
use crate::agent::RecordedPermission;
use crate::agent::RecordedRoom;
use crate::agent::Rehearsal;
use crate::agent::RunControl;
use crate::agent::RunOutcome;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::RecalledMemories;
use crate::event::RunStatus;
use crate::id::ApprovalId;
use crate::id::ToolCallId;
use crate::message::Message;
use crate::provider::ChatChunk;
use crate::store::NewEntry;
use crate::tool::RecordedEnd;

/// Where a run is played again. Everything that surrounds the loop looks here.
#[derive(Debug)]
pub(super) struct Stage {
    script: Script,
    before: Vec<AgentEvent>,
    shown: Vec<ShownTurn>,
    progress: Mutex<Progress>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    /// The place of the entry that comes next.
    place: usize,
    attempt: Attempt,
    running: Vec<ToolCallId>,
    control: Option<RunControl>,
    /// Up to which place what was said was said.
    said: usize,
    difference: Option<Difference>,
    written: Vec<AgentEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Attempt {
    /// It has written nothing yet.
    #[default]
    Due,
    Begun,
}

/// What became of entries that were to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// They are as recorded; the first has this number.
    AsRecorded(u64),
    /// They are not, or something else was not before.
    Differs,
    /// Nothing more was written by this process: it died here, or the recording ends.
    Over,
}

impl Stage {
    pub(super) fn new(recording: &Recording) -> Self {
        Self {
            script: Script::new(recording),
            before: recording.before.clone(),
            shown: recording.shown.clone(),
            progress: Mutex::default(),
            moved: Notify::new(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing more to play.
    pub(super) fn is_done(&self) -> bool {
        let progress = self.progress();
        progress.difference.is_some() || progress.place >= self.script.len()
    }

    pub(super) fn begin_attempt(&self) {
        let mut progress = self.progress();
        self.pass_over(&mut progress);
        progress.attempt = Attempt::Due;
        progress.running.clear();
        progress.control = None;
    }

    /// Takes over the way to talk to the run.
    pub(super) fn control(&self, control: RunControl) {
        self.progress().control = Some(control);
    }

    /// Waits until the recorded process would have died, or the recording ends.
    pub(super) async fn attempt_over(&self) {
        loop {
            let moved = self.moved.notified();
            if self.is_over(&self.progress()) {
                return;
            }
            moved.await;
        }
    }

    fn is_over(&self, progress: &Progress) -> bool {
        progress.attempt == Attempt::Begun
            && (progress.place >= self.script.len() && !self.has_end()
                || self.script.begins_attempt(progress.place))
    }

    fn has_end(&self) -> bool {
        let last = self.script.len().checked_sub(1).and_then(|last| self.script.kind(last));
        matches!(last, Some(EventKind::RunFinished { .. }))
    }

    /// Takes in that the run ended.
    pub(super) fn ended(&self, outcome: &RunOutcome) {
        let is_unfinished = self.progress().place < self.script.len();
        if is_unfinished {
            self.differ_here(&format!("the run ends as {:?}", outcome.status));
        }
    }

    /// Notes the first difference.
    pub(super) fn differ(&self, expected: &str, found: &str) {
        let place = self.progress().place;
        self.differ_at(place, expected, found);
    }

    /// Notes the first difference in what the model is asked; the turn's entry is the one before.
    pub(super) fn differ_in_question(&self, expected: &str, found: &str) {
        let place = self.progress().place;
        self.differ_at(place.saturating_sub(1), expected, found);
    }

    fn differ_at(&self, place: usize, expected: &str, found: &str) {
        let mut progress = self.progress();
        let place = place.min(self.script.len().saturating_sub(1));
        let seq = self.script.entry(place).and_then(AgentEvent::seq).unwrap_or_default();
        progress.difference.get_or_insert_with(|| Difference {
            seq,
            expected: expected.to_owned(),
            found: found.to_owned(),
        });
    }

    fn differ_here(&self, found: &str) {
        let place = self.progress().place;
        let expected = self.script.kind(place).map_or("nothing more".to_owned(), compare::in_words);
        self.differ(&expected, found);
    }

    /// Compares entries that are to be written with those that were.
    pub(super) fn write(&self, entries: Vec<NewEntry>) -> Written {
        if self.progress().difference.is_some() {
            return Written::Differs;
        }
        if self.is_over(&self.progress()) {
            return Written::Over;
        }
        let mut first = None;
        for entry in entries {
            let Some(seq) = self.write_one(&entry) else { return Written::Differs };
            first.get_or_insert(seq);
        }
        self.act();
        self.moved.notify_waiters();
        Written::AsRecorded(first.unwrap_or_default())
    }

    fn write_one(&self, entry: &NewEntry) -> Option<u64> {
        if let EventKind::RunFinished { status: RunStatus::Cancelled, .. } = entry.kind {
            self.skip_unheard();
        }
        let place = self.progress().place;
        let Some(expected) = self.script.entry(place) else {
            self.differ("nothing more", &compare::in_words(&entry.kind));
            return None;
        };
        if let Some((expected, found)) = compare::difference(&expected.kind, &entry.kind) {
            self.differ(&expected, &found);
            return None;
        }
        let mut progress = self.progress();
        match &entry.kind {
            EventKind::RunStarted { .. } => progress.attempt = Attempt::Begun,
            EventKind::ToolStarted { call_id, .. } => progress.running.push(call_id.clone()),
            EventKind::ToolFinished { call_id, .. } => {
                progress.running.retain(|running| running != call_id);
            }
            _ => {}
        }
        progress.place += 1;
        progress.written.push(expected.clone());
        Some(expected.seq().unwrap_or_default())
    }

    /// What is said to a run that is being stopped is kept without being heard.
    fn skip_unheard(&self) {
        let mut progress = self.progress();
        for _ in self.script.joins_at(progress.place) {
            let unheard = self.script.entry(progress.place).cloned();
            progress.written.extend(unheard);
            progress.place += 1;
        }
    }

    /// The decisions about these that the run acted on next.
    fn decided_now(&self, ids: &[ApprovalId]) -> Vec<AgentEvent> {
        let progress = self.progress();
        let acted_on = self.script.acted_on(progress.place);
        let decided = progress.written.iter().filter(|event| match &event.kind {
            EventKind::ApprovalResolved(resolution) => {
                ids.contains(&resolution.approval_id) && acted_on.contains(&resolution.call_id)
            }
            _ => false,
        });
        decided.cloned().collect()
    }

    /// Passes over what people, time, and calls that ask wrote: none of that is the loop's.
    fn pass_over(&self, progress: &mut Progress) {
        while let Some(entry) = self.script.entry(progress.place)
            && is_from_outside(&entry.kind)
            && !self.script.is_cancelled_at(progress.place)
        {
            progress.written.push(entry.clone());
            progress.place += 1;
        }
    }

    /// Does what somebody outside did at this place.
    fn act(&self) {
        let mut progress = self.progress();
        self.pass_over(&mut progress);
        let progress = &mut *progress;
        let place = progress.place;
        let Some(control) = progress.control.clone() else { return };
        let said = self.script.joins_at(place);
        if place >= progress.said && !said.is_empty() {
            progress.said = place + said.len();
            for message in said {
                control.steer(Message::clone(&message));
            }
        }
        if self.script.is_cancelled_at(place) {
            control.cancel();
            // What was abandoned because of it.
            while let Some(entry) = self.script.entry(progress.place)
                && is_from_outside(&entry.kind)
            {
                progress.written.push(entry.clone());
                progress.place += 1;
            }
        }
    }

    /// Notes if the model is shown another conversation than it was.
    pub(super) fn check_conversation<'a>(&self, messages: impl Iterator<Item = &'a Message>) {
        let place = self.progress().place;
        let turn = place.checked_sub(1).and_then(|turn| self.script.entry(turn));
        let Some(seq) = turn.and_then(AgentEvent::seq) else { return };
        let Some(expected) = shown_in(&self.shown, seq) else { return };
        let mut count = 0;
        for message in messages {
            let is_same = expected.get(count).is_some_and(|then| *then == fingerprint(message));
            count += 1;
            if !is_same {
                let json = serde_json::to_string(message).unwrap_or_default();
                let what = if count > expected.len() { "no message" } else { "another message" };
                self.differ_in_question(
                    &format!("{what} {count} before the model"),
                    &compare::short(&json),
                );
                return;
            }
        }
        if count < expected.len() {
            let (then, now) = (expected.len(), count);
            self.differ_in_question(
                &format!("{then} messages before the model"),
                &format!("{now}"),
            );
        }
    }

    pub(super) fn has_difference(&self) -> bool {
        self.progress().difference.is_some()
    }

    /// What the model call that begins now brings, and how it ends.
    pub(super) fn model_call(&self) -> (Vec<ChatChunk>, CallEnding) {
        self.script.model_call(self.progress().place)
    }

    /// Why a call was not begun, if it was not.
    pub(super) fn refusal(&self, call_id: &ToolCallId) -> Option<String> {
        self.script.refusal(self.progress().place, call_id)
    }

    /// Waits until it is this call's turn to end.
    pub(super) async fn end_of_call(&self, call_id: &ToolCallId) -> RecordedEnd {
        loop {
            let moved = self.moved.notified();
            if let Turn::Now(end) = self.turn_of(call_id) {
                return end;
            }
            moved.await;
        }
    }

    fn turn_of(&self, call_id: &ToolCallId) -> Turn {
        let progress = self.progress();
        // Whoever died does not learn how its calls ended.
        if self.is_over(&progress) {
            return Turn::Later;
        }
        self.script.turn_of(progress.place, call_id, &progress.running)
    }

    /// How room was made for the conversation here.
    pub(super) fn made_room(&self) -> RecordedRoom {
        self.script.made_room(self.progress().place)
    }

    pub(super) fn now(&self) -> Timestamp {
        let place = self.progress().place;
        self.script.time_at(place).unwrap_or(Timestamp::from_unix_micros(0))
    }

    /// The session as it is now: what was before the run, and what it has written.
    pub(super) fn read(&self, after: u64, limit: usize) -> Vec<AgentEvent> {
        let progress = self.progress();
        let all = self.before.iter().chain(&progress.written);
        all.filter(|entry| entry.seq() > Some(after)).take(limit).cloned().collect()
    }

    pub(super) fn last_seq(&self) -> u64 {
        let progress = self.progress();
        let last = progress.written.last().or(self.before.last());
        last.and_then(AgentEvent::seq).unwrap_or_default()
    }

    pub(super) fn replayed(&self) -> Replayed {
        let progress = self.progress();
        Replayed { first_difference: progress.difference.clone(), events: progress.written.clone() }
    }
}

impl Rehearsal for Stage {
    fn room(&self) -> RecordedRoom {
        self.made_room()
    }

    fn recalled(&self) -> Option<Arc<RecalledMemories>> {
        match self.script.kind(self.progress().place) {
            Some(EventKind::MemoriesRecalled(memories)) => Some(Arc::clone(memories)),
            _ => None,
        }
    }

    fn permission(&self, call_id: &ToolCallId) -> RecordedPermission {
        self.script.permission(self.progress().place, call_id)
    }

    fn decided<'a>(&'a self, ids: &'a [ApprovalId]) -> BoxFuture<'a, Vec<AgentEvent>> {
        async move {
            loop {
                let moved = self.moved.notified();
                let decided = self.decided_now(ids);
                if !decided.is_empty() {
                    return decided;
                }
                moved.await;
            }
        }
        .boxed()
    }
}

/// Whether an entry was written by somebody else than the loop, or because a tool said so.
fn is_from_outside(kind: &EventKind) -> bool {
    match kind {
        EventKind::ApprovalResolved(_)
        | EventKind::SubagentStarted { .. }
        | EventKind::SubagentFinished { .. } => true,
        EventKind::ApprovalRequested(request) => request.question.is_some(),
        _ => false,
    }
}

/// Shared, since all surroundings of a run look at the same stage.
pub(super) type SharedStage = Arc<Stage>;
