//! Decides which calls may be made, asks people about the others, and waits for them.

use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;

use super::CallProgress;
use super::RecordedPermission;
use super::dispatch::Runnable;
use super::driver::Driver;
use super::driver::JournalFailed;
use crate::approval::ApprovalDecision;
use crate::approval::ApprovalManager;
use crate::approval::ApprovalRequest;
use crate::approval::ApprovalRule;
use crate::approval::Asked;
use crate::approval::CallFingerprint;
use crate::approval::CallInQuestion;
use crate::approval::Verdict;
use crate::approval::verdict;
use crate::crash_point::CrashPoint;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::event::ToolStatus;
use crate::id::ApprovalId;
use crate::message::ToolInput;
use crate::pause::Pauses;
use crate::store::ApprovalRecord;
use crate::tool::Effect;
use crate::tool::Word;

/// What may become of a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// It may be made.
    Granted,
    /// A person is asked.
    Awaited,
}

/// What is to be done about a call, decided.
enum Decision {
    Grant,
    Wait,
    Ask(Arc<ApprovalRequest>),
    Refuse(String),
}

impl Driver {
    /// Decides about each call, settles those that are denied, and writes down what people are asked, all
    /// of it at once, so that they see everything a turn wants.
    pub(super) async fn permit(
        &mut self,
        calls: Vec<Runnable>,
    ) -> Result<Vec<(Runnable, Permission)>, JournalFailed> {
        let rules = match &self.shared.approvals {
            Some(manager) => self.rules(&manager.clone()).await?,
            None => Arc::default(),
        };
        let mut decided = Vec::with_capacity(calls.len());
        let mut asking = Vec::new();
        for call in calls {
            match self.decision(&call, &rules) {
                Decision::Grant => decided.push((call, Permission::Granted)),
                Decision::Wait => decided.push((call, Permission::Awaited)),
                Decision::Ask(request) => {
                    // A person shall not be asked about a call that cannot be made.
                    let unfit = match self.shared.rehearsal {
                        Some(_) => None,
                        None => self.unfit(&call),
                    };
                    match unfit {
                        Some(problem) => self.settle(call.call, ToolStatus::Error, problem).await?,
                        None => {
                            asking.push(request);
                            decided.push((call, Permission::Awaited));
                        }
                    }
                }
                Decision::Refuse(reason) => {
                    self.settle(call.call, ToolStatus::Denied, reason).await?;
                }
            }
        }
        if !asking.is_empty() {
            self.ask_about(asking).await?;
        }
        Ok(decided)
    }

    /// The rules there are. Without them nothing is decided: one may forbid what the policy allows.
    async fn rules(&self, manager: &ApprovalManager) -> Result<Arc<[ApprovalRule]>, JournalFailed> {
        let mut pauses = Pauses::short();
        loop {
            match manager.rules().await {
                Err(error) if self.queued.is_some() && error.may_pass() => {
                    tracing::warn!(error = %error, "the rules cannot be read; trying again");
                    tokio::time::sleep(pauses.next()).await;
                }
                read => return read.map_err(JournalFailed),
            }
        }
    }

    fn decision(&self, call: &Runnable, rules: &[ApprovalRule]) -> Decision {
        match call.progress {
            CallProgress::Waiting => {}
            CallProgress::AwaitingApproval(_) => return Decision::Wait,
            // Begun before its process died: it was permitted then.
            CallProgress::Started | CallProgress::Cut => return Decision::Grant,
            CallProgress::Approved(id) if self.is_bound(id, call) => return Decision::Grant,
            CallProgress::Approved(id) => {
                tracing::error!(%id, "an approval is not of the call that it is for; asking again");
            }
            CallProgress::Refused(id) => return Decision::Refuse(self.refusal(id)),
        }
        if let Some(rehearsal) = &self.shared.rehearsal {
            return match rehearsal.permission(&call.call.call_id) {
                RecordedPermission::Granted => Decision::Grant,
                RecordedPermission::Asked(request) => Decision::Ask(request),
                RecordedPermission::Denied(reason) => Decision::Refuse(reason),
            };
        }
        let (Some(manager), ToolInput::Object(arguments)) =
            (&self.shared.approvals, &call.call.input)
        else {
            return Decision::Grant;
        };
        let in_question = CallInQuestion {
            tool: call.call.name.as_str(),
            effect: call.tool.spec.effect,
            arguments,
            origin: &self.context.origin,
            session_id: self.context.session_id,
            run_id: self.context.run_id,
        };
        match verdict(manager.policies(), rules, &in_question) {
            Verdict::Allow => Decision::Grant,
            Verdict::Deny(reason) => {
                Decision::Refuse(format!("the call was not allowed: {reason}"))
            }
            Verdict::Ask(reason) => Decision::Ask(Arc::new(manager.request(
                Asked {
                    run_id: self.context.run_id,
                    origin: &self.context.origin,
                    call_id: &call.call.call_id,
                    tool: &call.call.name,
                    effect: call.tool.spec.effect,
                    arguments: &Value::Object(Map::clone(arguments)),
                    reason: reason.into_owned(),
                    question: None,
                },
                self.shared.clock.now(),
            ))),
        }
    }

    /// Whether an approval is of exactly this call.
    fn is_bound(&self, id: ApprovalId, call: &Runnable) -> bool {
        let ToolInput::Object(arguments) = &call.call.input else { return false };
        // What is played again has secrets taken out, and is bound by its place.
        self.shared.rehearsal.is_some()
            || self.run.approval(id).is_some_and(|(request, _)| {
                let arguments = Value::Object(Map::clone(arguments));
                let (call_id, tool) = (&call.call.call_id, call.call.name.as_str());
                request.fingerprint
                    == CallFingerprint::of(self.context.run_id, call_id, tool, &arguments)
            })
    }

    fn refusal(&self, id: ApprovalId) -> String {
        let resolution = self.run.approval(id).and_then(|(_, resolution)| resolution);
        resolution.map_or_else(|| "the call was denied".to_owned(), |found| found.refusal())
    }

    async fn ask_about(
        &mut self,
        requests: Vec<Arc<ApprovalRequest>>,
    ) -> Result<(), JournalFailed> {
        let kinds = requests.iter().cloned().map(EventKind::ApprovalRequested).collect();
        self.record_all(kinds).await?;
        let Some(manager) = &self.shared.approvals else { return Ok(()) };
        for request in requests {
            tracing::info!(id = %request.approval_id, tool = %request.tool, "waiting for approval");
            manager.show_request(&self.record_of(request));
        }
        Ok(())
    }

    fn record_of(&self, request: Arc<ApprovalRequest>) -> ApprovalRecord {
        ApprovalRecord {
            session_id: self.context.session_id,
            run_id: self.context.run_id,
            requested_at: self.shared.clock.now(),
            request,
            resolved: None,
        }
    }

    /// Waits until one of these is decided, or the run is stopped.
    pub(super) async fn await_decision(&mut self, ids: &[ApprovalId]) {
        let _standing = self.context.budget.pause(Arc::clone(&self.shared.clock));
        let _aside = self.queued.as_ref().map(super::queued::Queued::step_aside);
        let cancel = self.control.cancel_signal().clone();
        let decided = async {
            match (&self.shared.rehearsal, &self.shared.approvals) {
                (Some(rehearsal), _) => rehearsal.decided(ids).await,
                (None, Some(manager)) => decided_events(&manager.decided(ids).await),
                // The manager that asked is gone; nobody can answer here.
                (None, None) => std::future::pending().await,
            }
        };
        let decided = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            decided = decided => decided,
        };
        CrashPoint::ApprovalDecided.pass();
        for event in decided {
            self.witness(event);
        }
    }

    /// Ends open requests of which nothing can come any more.
    pub(super) async fn abandon_approvals(&mut self, which: impl Fn(&ApprovalRequest) -> bool) {
        let Some(manager) = self.shared.approvals.clone() else { return };
        let open: Vec<_> =
            self.run.open_approvals().filter(|request| which(request)).cloned().collect();
        for request in open {
            let record = self.record_of(request);
            match manager.close(&record, ApprovalDecision::Abandoned).await {
                Ok(record) => {
                    for event in decided_events(&[record]) {
                        self.witness(event);
                    }
                }
                // With the run's end the store abandons what is left.
                Err(error) => tracing::warn!(error = %error, "an approval could not be abandoned"),
            }
        }
    }

    /// Does what a call under way wants of people.
    pub(super) async fn heed(&mut self, word: Word) -> Result<(), JournalFailed> {
        match word {
            Word::Decided(record) => {
                for event in decided_events(&[*record]) {
                    self.witness(event);
                }
            }
            Word::Withdrawn(id) => {
                self.abandon_approvals(|request| request.approval_id == id).await;
            }
            Word::Fact { kind, written } => {
                if !self.run.agents().know(&kind) {
                    self.record(*kind).await?;
                }
                // A call that was stopped meanwhile does not wait for it.
                written.send(()).ok();
            }
            // Whether the run has anything else to do is decided after each word.
            Word::Waits(call_id) => {
                self.waiting_calls.insert(call_id);
            }
            Word::GoesOn(call_id) => {
                self.waiting_calls.remove(&call_id);
            }
            Word::Question { call_id, question, opened } => {
                let Some(manager) = self.shared.approvals.clone() else { return Ok(()) };
                let pending = self.run.pending_calls().iter();
                let Some(call) =
                    pending.map(|pending| &pending.call).find(|c| c.call_id == call_id)
                else {
                    return Ok(());
                };
                let effect = self.context.tools.find(call.name.as_str());
                let arguments = match &call.input {
                    ToolInput::Object(arguments) => Value::Object(Map::clone(arguments)),
                    ToolInput::Malformed(_) => Value::Null,
                };
                let asked = Asked {
                    run_id: self.context.run_id,
                    origin: &self.context.origin,
                    call_id: &call_id,
                    tool: &call.name,
                    effect: effect.map_or(Effect::ReadOnly, |tool| tool.spec.effect),
                    arguments: &arguments,
                    reason: "the call has a question".to_owned(),
                    question: Some(question),
                };
                let request = manager.request(asked, self.shared.clock.now());
                let id = match self.run.question(&request.fingerprint) {
                    Some(id) => id,
                    None => {
                        let id = request.approval_id;
                        self.ask_about(vec![Arc::new(request)]).await?;
                        id
                    }
                };
                // A call that was stopped meanwhile does not wait for it.
                opened.send(id).ok();
            }
        }
        Ok(())
    }
}

/// Decisions as the entries that tell of them.
fn decided_events(records: &[ApprovalRecord]) -> Vec<AgentEvent> {
    let events = records.iter().filter_map(|record| {
        let resolved = record.resolved.as_ref()?;
        Some(AgentEvent {
            session_id: record.session_id,
            run_id: record.run_id,
            // The end of a run decides without an entry of its own.
            position: Position::Seq(resolved.seq?),
            at: resolved.at,
            kind: EventKind::ApprovalResolved(Arc::clone(&resolved.resolution)),
        })
    });
    events.collect()
}
