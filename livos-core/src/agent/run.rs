//! The decisions of a run, without any IO.

mod agents;

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use self::agents::StartedAgents;
use super::repetition::Repetition;
use crate::approval::ApprovalDecision;
use crate::approval::ApprovalRequest;
use crate::approval::ApprovalResolution;
use crate::approval::CallFingerprint;
use crate::budget::BudgetLimit;
use crate::event::EventKind;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::event::ToolStatus;
use crate::id::ApprovalId;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::ToolCallId;
use crate::message::Message;
use crate::message::MicroUsd;
use crate::message::ToolCall;
use crate::message::Usage;
use crate::provider::StopReason;
use crate::tool::Spent;

/// What a run wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask the model; this is the number of the turn.
    CallModel(u32, ToolAccess),
    /// Run these calls: the ones of the last answer that have no result yet, in order.
    CallTools(Vec<PendingCall>),
    /// Wait until one of these requests is decided: every call that has no result yet waits for a person.
    AwaitApproval(Vec<ApprovalId>),
    /// Nothing more to do.
    Finish(Ending),
}

/// Whether the model may call tools in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolAccess {
    /// It may.
    Offered,
    /// It may not: the budget is used up and this is its last turn, to sum up.
    Withheld(BudgetLimit),
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// How.
    pub status: RunStatus,
    /// Why, unless it completed.
    pub error: Option<RunError>,
}

impl Ending {
    /// The model is done.
    pub fn completed() -> Self {
        Self { status: RunStatus::Completed, error: None }
    }

    /// The run cannot go on.
    pub fn failed(kind: impl Into<String>, message: impl Into<String>) -> Self {
        let error = RunError { kind: kind.into(), message: message.into() };
        Self { status: RunStatus::Failed, error: Some(error) }
    }

    /// Somebody stopped it.
    pub fn cancelled() -> Self {
        Self { status: RunStatus::Cancelled, error: None }
    }

    fn exhausted(limit: BudgetLimit) -> Self {
        let (kind, message) = match limit {
            BudgetLimit::Turns => ("turns", "the budget of turns is used up"),
            BudgetLimit::Tokens => ("tokens", "the budget of tokens is used up"),
            BudgetLimit::WallClock => ("wall_clock", "the time allowed is over"),
            BudgetLimit::Cost => ("cost", "the budget of money is used up"),
        };
        let error = RunError { kind: kind.to_owned(), message: message.to_owned() };
        Self { status: RunStatus::Exhausted, error: Some(error) }
    }
}

/// The state of a run: a fold over its journal entries.
///
/// It holds no model, no tools, no messages and no clock. [`apply`](Self::apply)
/// takes in what happened, [`next_step`](Self::next_step) says what to do. A run
/// whose process died is rebuilt by applying its entries again.
///
/// ```
/// use livos_core::{AgentRun, EventKind, Message, Origin, Step, ToolAccess, Trigger};
///
/// let mut run = AgentRun::new();
/// run.apply(&EventKind::RunAdmitted {
///     trigger: Trigger::Message,
///     origin: Origin::default(),
///     input: Message::user("Hello").into(),
///     model: None,
///     parent_run_id: None,
///     budget: None,
///     profile: None,
/// });
/// assert_eq!(run.next_step(None), Step::CallModel(1, ToolAccess::Offered));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentRun {
    phase: Phase,
    pending: Vec<PendingCall>,
    /// What people were asked about these calls.
    #[serde(default)]
    approvals: Vec<CallApproval>,
    repetition: Repetition,
    /// What the limit was that withheld the tools, once one did.
    summing_up: Option<BudgetLimit>,
    attempts: u32,
    turns: u32,
    tool_calls: u32,
    usage: Usage,
    cost: Option<MicroUsd>,
    /// What others spent for its calls.
    delegated: Spent,
    /// The agents that its calls started.
    #[serde(default)]
    agents: StartedAgents,
    text: String,
    answered_by: Option<(ProviderId, ModelName)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
enum Phase {
    #[default]
    ModelDue,
    ToolsDue,
    Done(Ending),
    Finished,
}

/// What a person was asked about a call, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CallApproval {
    request: Arc<ApprovalRequest>,
    resolution: Option<Arc<ApprovalResolution>>,
}

/// A tool call that has no result yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The call.
    pub call: ToolCall,
    /// How far it came.
    pub progress: CallProgress,
}

/// How far a tool call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallProgress {
    /// Not begun.
    Waiting,
    /// Not begun: a person is asked whether it may be.
    AwaitingApproval(ApprovalId),
    /// Not begun: a person said that it may be, once.
    Approved(ApprovalId),
    /// Not begun, and not to be: a person, or time, decided against it.
    Refused(ApprovalId),
    /// Begun; whether it took effect is unknown until it is finished.
    Started,
    /// The answer was cut at the output limit inside it, so that nobody knows whether it is whole.
    Cut,
}

impl AgentRun {
    /// A run of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do next, given the limit that is reached, if any.
    pub fn next_step(&mut self, reached: Option<BudgetLimit>) -> Step {
        match &self.phase {
            Phase::Done(ending) => Step::Finish(ending.clone()),
            Phase::Finished => Step::Finish(Ending::completed()),
            Phase::ToolsDue => match self.awaited() {
                Some(ids) => Step::AwaitApproval(ids),
                None => Step::CallTools(self.pending.clone()),
            },
            Phase::ModelDue => match (self.summing_up, reached) {
                (Some(limit), _) => Step::Finish(Ending::exhausted(limit)),
                (None, Some(limit)) => {
                    self.summing_up = Some(limit);
                    Step::CallModel(self.turns + 1, ToolAccess::Withheld(limit))
                }
                (None, None) => Step::CallModel(self.turns + 1, ToolAccess::Offered),
            },
        }
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &EventKind) {
        match event {
            EventKind::RunStarted { .. } => self.attempts += 1,
            EventKind::RunAdmitted { .. } | EventKind::InputJoined { .. }
                if self.pending.is_empty() =>
            {
                self.phase = Phase::ModelDue;
            }
            EventKind::TurnStarted { turn } => self.turns = *turn,
            EventKind::AssistantMessage {
                message,
                usage,
                cost_micro_usd,
                provider,
                model,
                stop_reason,
                ..
            } => {
                self.usage += *usage;
                self.cost = match (self.cost, *cost_micro_usd) {
                    (Some(sum), Some(cost)) => Some(sum + cost),
                    (sum, cost) => sum.or(cost),
                };
                self.answered_by = Some((provider.clone(), model.clone()));
                self.answered(message, stop_reason);
            }
            EventKind::Compacted { call: Some(call), .. } => {
                self.usage += call.usage;
                self.cost = match (self.cost, call.cost_micro_usd) {
                    (Some(sum), Some(cost)) => Some(sum + cost),
                    (sum, cost) => sum.or(cost),
                };
            }
            EventKind::ToolStarted { call_id, .. } => {
                self.tool_calls += 1;
                if let Some(pending) = self.pending_mut(call_id) {
                    pending.progress = CallProgress::Started;
                }
            }
            EventKind::ToolFinished { call_id, status, content, spent, .. } => {
                if let Some(spent) = spent {
                    self.delegated += *spent;
                    self.agents.accounted(call_id);
                }
                self.tool_finished(call_id, *status, content);
            }
            EventKind::SubagentStarted { call_id, child_run_id, .. } => {
                self.agents.started(call_id, *child_run_id);
            }
            EventKind::SubagentFinished { call_id, .. } => self.agents.ended(call_id),
            EventKind::ApprovalRequested(request) => self.asked(request),
            EventKind::ApprovalResolved(resolution) => self.decided(resolution),
            EventKind::RunFinished { .. } => self.phase = Phase::Finished,
            _ => {}
        }
    }

    /// Ends the run at the next step, whatever it was about to do.
    pub fn end(&mut self, ending: Ending) {
        self.pending.clear();
        self.phase = Phase::Done(ending);
    }

    /// How many times a process began or took over the run.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How many model calls were begun.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// How many tool calls were begun.
    pub fn tool_calls(&self) -> u32 {
        self.tool_calls
    }

    /// What all model calls used.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What they cost, where prices are known.
    pub fn cost(&self) -> Option<MicroUsd> {
        self.cost
    }

    /// What others spent for its calls: no part of its own usage, but of its budget.
    pub fn delegated(&self) -> Spent {
        self.delegated
    }

    /// The agents that its calls started.
    pub(super) fn agents(&self) -> &StartedAgents {
        &self.agents
    }

    /// The last text of the assistant.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who answered last, and with which model: the one to ask again.
    pub fn answered_by(&self) -> Option<&(ProviderId, ModelName)> {
        self.answered_by.as_ref()
    }

    /// The calls that have no result yet.
    pub fn pending_calls(&self) -> &[PendingCall] {
        &self.pending
    }

    /// What was asked of people and is not decided.
    pub fn open_approvals(&self) -> impl Iterator<Item = &Arc<ApprovalRequest>> {
        let open = self.approvals.iter().filter(|approval| approval.resolution.is_none());
        open.map(|approval| &approval.request)
    }

    /// What was asked with this id, and how it was decided.
    pub(super) fn approval(
        &self,
        id: ApprovalId,
    ) -> Option<(&Arc<ApprovalRequest>, Option<&Arc<ApprovalResolution>>)> {
        let found = self.approvals.iter().find(|approval| approval.request.approval_id == id)?;
        Some((&found.request, found.resolution.as_ref()))
    }

    /// The question of this fingerprint, if it was asked already.
    pub(super) fn question(&self, fingerprint: &CallFingerprint) -> Option<ApprovalId> {
        let mut asked = self.approvals.iter().map(|approval| &approval.request);
        let found = asked
            .find(|request| request.question.is_some() && request.fingerprint == *fingerprint)?;
        Some(found.approval_id)
    }

    /// Whether the journal says that the run is over.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// The requests to wait for, if nothing else is to be done.
    fn awaited(&self) -> Option<Vec<ApprovalId>> {
        let awaited = self.pending.iter().map(|pending| match pending.progress {
            CallProgress::AwaitingApproval(id) => Some(id),
            CallProgress::Waiting
            | CallProgress::Approved(_)
            | CallProgress::Refused(_)
            | CallProgress::Started
            | CallProgress::Cut => None,
        });
        awaited.collect()
    }

    fn asked(&mut self, request: &Arc<ApprovalRequest>) {
        self.approvals.push(CallApproval { request: Arc::clone(request), resolution: None });
        if request.question.is_none()
            && let Some(pending) = self.pending_mut(&request.call_id)
        {
            pending.progress = CallProgress::AwaitingApproval(request.approval_id);
        }
    }

    fn decided(&mut self, resolution: &Arc<ApprovalResolution>) {
        let id = resolution.approval_id;
        let mut asked = self.approvals.iter_mut();
        let Some(approval) = asked.find(|approval| approval.request.approval_id == id) else {
            return;
        };
        approval.resolution = Some(Arc::clone(resolution));
        if let Some(pending) = self.pending_mut(&resolution.call_id)
            && pending.progress == CallProgress::AwaitingApproval(id)
        {
            pending.progress = match resolution.decision {
                ApprovalDecision::Approved => CallProgress::Approved(id),
                ApprovalDecision::Denied
                | ApprovalDecision::Expired
                | ApprovalDecision::Abandoned => CallProgress::Refused(id),
            };
        }
    }

    fn answered(&mut self, message: &Message, stop_reason: &StopReason) {
        let text = message.text();
        if !text.is_empty() {
            self.text = text;
        }
        let was_cut = *stop_reason == StopReason::MaxTokens;
        self.pending = match self.summing_up {
            Some(_) => Vec::new(),
            None => message
                .tool_calls()
                .map(|call| PendingCall { call: call.clone(), progress: CallProgress::Waiting })
                .collect(),
        };
        if was_cut && let Some(last) = self.pending.last_mut() {
            last.progress = CallProgress::Cut;
        }
        self.phase = match (self.summing_up, stop_reason) {
            (Some(limit), _) => Phase::Done(Ending::exhausted(limit)),
            (None, _) if !self.pending.is_empty() => Phase::ToolsDue,
            (None, StopReason::Paused) => Phase::ModelDue,
            (None, StopReason::Cancelled) => Phase::Done(Ending::cancelled()),
            (None, StopReason::Refusal) => Phase::Done(Ending::failed(
                "content_refused",
                "the model or its provider declined to answer",
            )),
            (None, _) => Phase::Done(Ending::completed()),
        };
    }

    fn tool_finished(
        &mut self,
        call_id: &ToolCallId,
        status: ToolStatus,
        content: &[crate::message::ContentBlock],
    ) {
        let Some(index) = self.pending.iter().position(|pending| pending.call.call_id == *call_id)
        else {
            return;
        };
        let PendingCall { call, progress } = self.pending.remove(index);
        // What is still open stays until it is decided.
        self.approvals.retain(|approval| {
            approval.resolution.is_none() || approval.request.call_id != *call_id
        });
        let circling = match (status, progress) {
            (ToolStatus::Denied, _) | (_, CallProgress::Started) => {
                self.repetition.finished(&call.name, &call.input, status, content)
            }
            (
                _,
                CallProgress::Waiting
                | CallProgress::AwaitingApproval(_)
                | CallProgress::Approved(_)
                | CallProgress::Refused(_)
                | CallProgress::Cut,
            ) => self.repetition.refused(&call.name),
        };
        if let Some(reason) = circling {
            self.end(Ending::failed("no_progress", reason));
        } else if self.pending.is_empty() && self.phase == Phase::ToolsDue {
            self.phase = Phase::ModelDue;
        }
    }

    fn pending_mut(&mut self, call_id: &ToolCallId) -> Option<&mut PendingCall> {
        self.pending.iter_mut().find(|pending| pending.call.call_id == *call_id)
    }
}

#[cfg(test)]
mod tests;
