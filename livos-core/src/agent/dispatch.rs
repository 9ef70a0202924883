//! Runs the tool calls of a turn: checks, deadlines, concurrency, output limits.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::CallProgress;
use super::Ending;
use super::PendingCall;
use super::driver::Driver;
use super::driver::JournalFailed;
use super::driver::millis;
use super::interrupt::Interruption;
use super::interrupt::interruptible;
use super::permission::Permission;
use crate::approval::Asker;
use crate::approval::PersonsTime;
use crate::cancel::CancelSignal;
use crate::crash_point::CrashPoint;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::event::ToolStatus;
use crate::id::ApprovalId;
use crate::message::ContentBlock;
use crate::message::ToolCall;
use crate::message::ToolInput;
use crate::redaction::Redactor;
use crate::tool::CallFailure;
use crate::tool::Line;
use crate::tool::PreparedCall;
use crate::tool::ProgressSink;
use crate::tool::Registered;
use crate::tool::Spent;
use crate::tool::ToolContext;
use crate::tool::ToolError;
use crate::tool::Word;

/// How a call ended.
struct Finished {
    call: ToolCall,
    status: ToolStatus,
    content: Vec<ContentBlock>,
    truncated: bool,
    spent: Option<Spent>,
    duration: Duration,
    /// Whether the call does no harm when it is made again.
    is_repeatable: bool,
    /// The run cannot go on after this.
    fatal: Option<String>,
}

/// A call about to be made.
struct Execution {
    redactor: Option<Redactor>,
    call: ToolCall,
    tool: Arc<Registered>,
    work: PreparedCall,
    cancel: CancelSignal,
    /// What it waited for people, which is not its own time; none if it can ask nobody.
    persons_time: Option<Arc<PersonsTime>>,
}

/// A call that can be made: its tool exists and its arguments are an object.
pub(super) struct Runnable {
    pub(super) call: ToolCall,
    pub(super) progress: CallProgress,
    pub(super) tool: Arc<Registered>,
}

impl Driver {
    /// Runs the calls that have no result yet.
    pub(super) async fn call_tools(
        &mut self,
        calls: Vec<PendingCall>,
    ) -> Result<(), JournalFailed> {
        let mut runnable = Vec::with_capacity(calls.len());
        for pending in calls {
            match self.admit_call(&pending) {
                Ok(ready) => runnable.push(ready),
                Err((status, reason)) => {
                    let call_id = pending.call.call_id.clone();
                    // Rare; the future of a run shall not carry it along.
                    Box::pin(self.settle(pending.call, status, reason)).await?;
                    // What it asked before its process died.
                    if self.run.open_approvals().next().is_some() {
                        Box::pin(self.abandon_approvals(|request| request.call_id == call_id))
                            .await;
                    }
                }
            }
        }
        let concurrent = runnable.iter().all(|ready| ready.tool.spec.runs_concurrently());
        let is_guarded = self.shared.approvals.is_some() || self.shared.rehearsal.is_some();
        let ready = match is_guarded {
            false => runnable,
            // Runs that nobody guards shall not carry what only these need.
            true => Box::pin(self.ready(runnable, concurrent)).await?,
        };
        let width = if concurrent { ready.len() } else { 1 };
        let mut waiting = ready.into_iter().peekable();
        while waiting.peek().is_some() && !self.control.cancel_signal().is_cancelled() {
            let batch: Vec<Runnable> = waiting.by_ref().take(width.max(1)).collect();
            self.run_batch(batch).await?;
        }
        if self.control.cancel_signal().is_cancelled() {
            Box::pin(self.abandon_calls()).await?;
        }
        Ok(())
    }

    /// The calls that can be made now: all that are permitted, or, where order matters, those before the
    /// first that waits for a person. When there is none, waits until a person decided.
    async fn ready(
        &mut self,
        calls: Vec<Runnable>,
        concurrent: bool,
    ) -> Result<Vec<Runnable>, JournalFailed> {
        let decided = self.permit(calls).await?;
        let mut awaited = Vec::new();
        let mut ready = Vec::new();
        for (call, permission) in decided {
            match permission {
                Permission::Granted if concurrent || awaited.is_empty() => ready.push(call),
                Permission::Granted => {}
                Permission::Awaited => awaited.push(call.call.call_id),
            }
        }
        if ready.is_empty() && !awaited.is_empty() {
            let open = self.run.open_approvals();
            let open = open.filter(|request| awaited.contains(&request.call_id));
            let ids: Vec<ApprovalId> = open.map(|request| request.approval_id).collect();
            self.write_held().await?;
            self.await_decision(&ids).await;
        }
        Ok(ready)
    }

    /// Ends all calls without result as cancelled.
    pub(super) async fn abandon_calls(&mut self) -> Result<(), JournalFailed> {
        if self.run.open_approvals().next().is_some() {
            Box::pin(self.abandon_approvals(|_| true)).await;
        }
        for pending in self.run.pending_calls().to_vec() {
            let reason = "the run was stopped".to_owned();
            self.settle(pending.call, ToolStatus::Cancelled, reason).await?;
        }
        Ok(())
    }

    /// Decides whether a call may be made at all.
    fn admit_call(&self, pending: &PendingCall) -> Result<Runnable, (ToolStatus, String)> {
        let call = &pending.call;
        let refuse = |reason: String| Err((ToolStatus::Error, reason));
        if pending.progress == CallProgress::Cut {
            return refuse(
                "the answer was cut at the output limit inside this call, so it was not made; \
                 make it again with shorter arguments"
                    .to_owned(),
            );
        }
        if let ToolInput::Malformed(text) = &call.input {
            let problem = match serde_json::from_str::<serde_json::Value>(text) {
                Ok(_) => "it is not an object".to_owned(),
                Err(error) => error.to_string(),
            };
            return refuse(format!("the arguments are not valid JSON: {problem}"));
        }
        let Some(tool) = self.context.tools.find(call.name.as_str()) else {
            let specs = self.offered_tools();
            let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            return refuse(format!(
                "there is no tool `{}`; the tools are: {}",
                call.name,
                known.join(", ")
            ));
        };
        let was_interrupted = pending.progress == CallProgress::Started;
        if was_interrupted && !tool.spec.effect.is_repeatable() {
            return Err((
                ToolStatus::Unknown,
                "the process died during this call; whether it took effect is unknown. \
                 Find out before you try again."
                    .to_owned(),
            ));
        }
        Ok(Runnable { call: call.clone(), progress: pending.progress, tool })
    }

    /// Runs calls beside each other and writes down each as it ends.
    async fn run_batch(&mut self, batch: Vec<Runnable>) -> Result<(), JournalFailed> {
        let cancel = self.control.cancel_signal().child();
        let mut prepared = Vec::with_capacity(batch.len());
        let mut starting = Vec::with_capacity(batch.len());
        // Calls that have nothing to say shall not carry what only those need that have.
        let may_speak = self.shared.approvals.is_some()
            || batch.iter().any(|ready| ready.tool.spec.requires.is_some());
        let (line, mut words) = may_speak.then(Line::open).unzip();
        for Runnable { call, tool, .. } in batch {
            let cancel = cancel.child();
            let mut context = self.tool_context(&call, cancel.clone());
            let asker = self.shared.approvals.clone().zip(line.clone());
            let asker = asker.map(|(manager, line)| Asker::new(manager, line));
            let persons_time = asker.as_ref().map(|asker| Arc::clone(asker.time()));
            if let Some(line) = &line {
                context = context.speaking(line.clone(), asker);
            }
            // Arguments are read before the start is written down: a refused call never began.
            match prepare(&call, &tool, context) {
                Err(problem) => Box::pin(self.settle(call, ToolStatus::Error, problem)).await?,
                Ok(work) => {
                    starting.push(EventKind::ToolStarted {
                        call_id: call.call_id.clone(),
                        name: call.name.clone(),
                        input: call.input.clone(),
                        effect: tool.spec.effect,
                    });
                    let redactor = self.shared.redactor.clone();
                    prepared.push(Execution { redactor, call, tool, work, cancel, persons_time });
                }
            }
        }
        if starting.is_empty() {
            return Ok(());
        }
        self.record_all(starting).await?;
        self.announced().await;
        let time_left = self.context.budget.time_left(self.shared.clock.now());
        let clock = Arc::clone(&self.shared.clock);
        let mut running: FuturesUnordered<_> = prepared
            .into_iter()
            .map(|execution| {
                let clock = Arc::clone(&clock);
                let call = &execution.call;
                let span =
                    tracing::info_span!("tool_call", tool = %call.name, call_id = %call.call_id);
                async move {
                    let started_at = clock.now();
                    let mut finished = execute(execution, time_left).await;
                    finished.duration = clock.now().since(started_at);
                    finished
                }
                .instrument(span)
            })
            .collect();
        match &mut words {
            None => {
                while let Some(finished) = running.next().await {
                    CrashPoint::ToolReturned.pass();
                    self.finished(finished).await?;
                }
            }
            Some(words) => Box::pin(self.finish_speaking(&mut running, words)).await?,
        }
        Ok(())
    }

    /// Writes down each call as it ends, and what calls say meanwhile.
    async fn finish_speaking(
        &mut self,
        running: &mut FuturesUnordered<impl Future<Output = Finished>>,
        words: &mut mpsc::Receiver<Word>,
    ) -> Result<(), JournalFailed> {
        let mut _aside = None;
        loop {
            tokio::select! {
                biased;
                finished = running.next() => {
                    let Some(finished) = finished else { return Ok(()) };
                    CrashPoint::ToolReturned.pass();
                    let call_id = finished.call.call_id.clone();
                    self.waiting_calls.remove(&call_id);
                    self.finished(finished).await?;
                    // Nobody waits any more for what it asked.
                    self.abandon_approvals(|request| request.call_id == call_id).await;
                }
                Some(word) = words.recv() => self.heed(word).await?,
            }
            let open = self.run.open_approvals().filter(|request| request.question.is_some());
            let only_waits = open.count() + self.waiting_calls.len() >= running.len();
            _aside = match (&self.queued, only_waits) {
                (Some(queued), true) => Some(queued.step_aside()),
                _ => None,
            };
        }
    }

    /// Why a call cannot be made whose arguments were not read yet, if it cannot.
    pub(super) fn unfit(&self, ready: &Runnable) -> Option<String> {
        let context = self.tool_context(&ready.call, CancelSignal::new());
        // Nothing happens until a prepared call is polled, and this one is dropped.
        prepare(&ready.call, &ready.tool, context).err()
    }

    fn tool_context(&self, call: &ToolCall, cancel: CancelSignal) -> ToolContext {
        let events = self.events.clone();
        let after = Position::After(self.last_seq());
        let (session_id, run_id) = (self.context.session_id, self.context.run_id);
        let clock = Arc::clone(&self.shared.clock);
        let redactor = self.shared.redactor.clone();
        let progress = ProgressSink::new(move |call_id, text| {
            let text = match &redactor {
                Some(redactor) => redactor.clean_fragment(text),
                None => text,
            };
            events.push_from_outside(AgentEvent {
                session_id,
                run_id,
                position: after,
                at: clock.now(),
                kind: EventKind::ToolProgress { call_id: call_id.clone(), text },
            });
        });
        let parts = Arc::clone(&self.context);
        ToolContext::new(parts, call.call_id.clone(), cancel, progress)
    }

    async fn finished(&mut self, finished: Finished) -> Result<(), JournalFailed> {
        let Finished { call, status, content, truncated, spent, duration, is_repeatable, fatal } =
            finished;
        if let Some(Spent { usage, cost_micro_usd }) = spent {
            self.context.budget.charge_tokens(usage, cost_micro_usd);
        }
        tracing::debug!(tool = %call.name, ?status, "tool call finished");
        let is_last = self.run.pending_calls().len() == 1;
        let finished = EventKind::ToolFinished {
            call_id: call.call_id,
            name: call.name,
            status,
            content: content.into(),
            duration_ms: millis(duration),
            truncated,
            spent,
        };
        // After the last result of a turn the next fact follows at once.
        if is_repeatable && is_last && self.run.open_approvals().next().is_none() {
            self.hold(finished).await?;
        } else {
            self.record(finished).await?;
        }
        if let Some(reason) = fatal {
            self.run.end(Ending::failed("tool_failed", reason));
        }
        Ok(())
    }

    /// Gives a call a result without making it.
    pub(super) async fn settle(
        &mut self,
        call: ToolCall,
        status: ToolStatus,
        reason: String,
    ) -> Result<(), JournalFailed> {
        let content = vec![ContentBlock::text(reason)];
        self.finished(Finished {
            call,
            status,
            content,
            truncated: false,
            spent: None,
            duration: Duration::ZERO,
            is_repeatable: true,
            fatal: None,
        })
        .await
    }
}

/// Reads the arguments of a call; the problem is told to the model.
fn prepare(
    call: &ToolCall,
    tool: &Registered,
    context: ToolContext,
) -> Result<PreparedCall, String> {
    let ToolInput::Object(arguments) = &call.input else {
        return Err("the arguments are not a JSON object".to_owned());
    };
    // A tool's own `Deserialize` may panic; that is its failure, not the run's.
    match catch_unwind(AssertUnwindSafe(|| tool.prepare(arguments, context))) {
        Ok(Ok(work)) => Ok(work),
        Ok(Err(problem)) => Err(problem.to_string()),
        Err(_panic) => Err("reading the arguments failed inside the tool (it panicked)".to_owned()),
    }
}

/// Makes one call, within its deadline, and survives its panic.
async fn execute(execution: Execution, time_left: Option<Duration>) -> Finished {
    let Execution { redactor, call, tool, work, cancel, persons_time } = execution;
    let work = pin!(AssertUnwindSafe(work).catch_unwind());
    let deadline = time_left.map_or(tool.spec.timeout, |left| left.min(tool.spec.timeout));
    let ended = match persons_time {
        None => interruptible(&cancel, Some(deadline), work).await,
        Some(time) => within_own_time(&cancel, deadline, &time, work).await,
    };
    let (status, output, fatal) = match ended {
        Ok(Ok(Ok(output))) => (ToolStatus::Ok, output, None),
        Ok(Ok(Err(CallFailure::Tool(ToolError::Model(text))))) => {
            (ToolStatus::Error, text.into(), None)
        }
        Ok(Ok(Err(CallFailure::Tool(ToolError::Fatal(text))))) => {
            (ToolStatus::Error, text.clone().into(), Some(text))
        }
        Ok(Ok(Err(CallFailure::Recorded(end)))) => (end.status, end.output, end.fatal),
        Ok(Err(_panic)) => {
            tracing::error!(tool = %call.name, "the tool panicked");
            let text = format!("the tool `{}` failed inside (it panicked)", call.name);
            (ToolStatus::Error, text.into(), None)
        }
        Err(Interruption::Cancelled) => (ToolStatus::Cancelled, "the run was stopped".into(), None),
        Err(Interruption::TimeUp) => {
            let text = format!(
                "the call did not end within {} seconds and was stopped",
                deadline.as_secs_f64()
            );
            (ToolStatus::TimedOut, text.into(), None)
        }
    };
    let spent = output.spent;
    // Before the text is cut: a secret that is cut in two is found by nobody.
    let content = match redactor {
        Some(redactor) => redactor.cleaned(output.content),
        None => output.content,
    };
    let (content, was_cut) = limit_text(content, tool.spec.output_limit);
    let truncated = output.truncated || was_cut;
    let is_repeatable = tool.spec.effect.is_repeatable();
    let duration = Duration::ZERO;
    Finished { call, status, content, truncated, spent, duration, is_repeatable, fatal }
}

/// Waits no longer for `work` than `deadline`, and as long besides as it waits for people.
async fn within_own_time<T>(
    cancel: &CancelSignal,
    deadline: Duration,
    persons: &PersonsTime,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Interruption> {
    let (mut left, mut counted) = (deadline, Duration::ZERO);
    loop {
        match interruptible(cancel, Some(left), work.as_mut()).await {
            Err(Interruption::TimeUp) => {}
            ended => return ended,
        }
        let waited = persons.total();
        left = waited.saturating_sub(counted);
        counted = waited;
        if left.is_zero() {
            return Err(Interruption::TimeUp);
        }
    }
}

/// Keeps the text of a result within its limit, and says how much is missing.
fn limit_text(content: Vec<ContentBlock>, limit: usize) -> (Vec<ContentBlock>, bool) {
    let total: usize = content.iter().filter_map(ContentBlock::as_text).map(str::len).sum();
    if total <= limit {
        return (content, false);
    }
    let mut left = limit;
    let mut kept = Vec::with_capacity(content.len() + 1);
    for block in content {
        match block {
            ContentBlock::Text(mut block) => {
                block.text.truncate(block.text.floor_char_boundary(left));
                left -= block.text.len();
                if !block.text.is_empty() {
                    kept.push(ContentBlock::Text(block));
                }
            }
            other => kept.push(other),
        }
    }
    let marker = format!("[truncated: the first {} of {total} bytes are shown]", limit - left);
    kept.push(ContentBlock::text(marker));
    (kept, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        let (kept, was_cut) =
            limit_text(vec![ContentBlock::text("ää"), ContentBlock::text("b")], 3);
        assert!(was_cut);
        let text: Vec<_> = kept.iter().filter_map(ContentBlock::as_text).collect();
        assert_eq!(text, ["ä", "b", "[truncated: the first 3 of 5 bytes are shown]"]);
    }
}
