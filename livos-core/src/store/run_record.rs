//! A run in short: the projection of its entries that lists are made of.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::RunError;
use crate::event::RunStatus;
use crate::id::AgentName;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::origin::Origin;
use crate::origin::Trigger;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Accepted; nobody works on it yet.
    Queued,
    /// Somebody works on it.
    Running,
    /// It waits for a person.
    Waiting,
    /// The model said it is done.
    Completed,
    /// It could not go on.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its budget is used up.
    Exhausted,
}

impl RunState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

impl From<RunStatus> for RunState {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Exhausted => Self::Exhausted,
        }
    }
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// Where it stands.
    pub state: RunState,
    /// What admitted it.
    pub trigger: Trigger,
    /// Who asked.
    pub origin: Origin,
    /// The run that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<RunId>,
    /// The named agent it is, if it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The model asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// When it was accepted.
    pub admitted_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The last text of the assistant, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// What its model calls used so far.
    pub usage: Usage,
    /// What they cost, where prices are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<MicroUsd>,
    /// How many model calls it began.
    pub turns: u32,
    /// How many tool calls it began.
    pub tool_calls: u32,
}

impl RunRecord {
    /// The record a run begins with; none if this is not its admission.
    pub fn admitted(event: &AgentEvent) -> Option<Self> {
        let EventKind::RunAdmitted { trigger, origin, parent_run_id, profile, .. } = &event.kind
        else {
            return None;
        };
        Some(Self {
            id: event.run_id,
            session_id: event.session_id,
            state: RunState::Queued,
            trigger: *trigger,
            origin: origin.clone(),
            parent_run_id: *parent_run_id,
            agent: profile.as_ref().and_then(|profile| profile.agent.clone()),
            model: None,
            admitted_at: event.at,
            finished_at: None,
            text: None,
            error: None,
            usage: Usage::default(),
            cost_micro_usd: None,
            turns: 0,
            tool_calls: 0,
        })
    }

    /// Takes one more entry of the run into account.
    pub fn apply(&mut self, at: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::RunStarted { model, .. } => {
                self.state = RunState::Running;
                self.model = Some(model.clone());
            }
            EventKind::ApprovalRequested(_) => self.state = RunState::Waiting,
            // The store knows whether it waits for another one.
            EventKind::ApprovalResolved(_) => self.state = RunState::Running,
            EventKind::TurnStarted { turn } => self.turns = *turn,
            EventKind::AssistantMessage { usage, cost_micro_usd, model, .. } => {
                self.usage += *usage;
                self.model = Some(model.clone());
                self.cost_micro_usd = match (self.cost_micro_usd, *cost_micro_usd) {
                    (Some(sum), Some(cost)) => Some(sum + cost),
                    (sum, cost) => sum.or(cost),
                };
            }
            EventKind::Compacted { call: Some(call), .. } => {
                self.usage += call.usage;
                self.cost_micro_usd = match (self.cost_micro_usd, call.cost_micro_usd) {
                    (Some(sum), Some(cost)) => Some(sum + cost),
                    (sum, cost) => sum.or(cost),
                };
            }
            EventKind::ToolStarted { .. } => self.tool_calls += 1,
            EventKind::RunFinished { status, text, error, .. } => {
                self.state = (*status).into();
                self.finished_at = Some(at);
                self.text = Some(text.clone());
                self.error.clone_from(error);
            }
            _ => {}
        }
    }

    /// The entry that ends it because somebody asked for that.
    pub(super) fn cancelled(&self, at: Timestamp) -> EventKind {
        EventKind::RunFinished {
            status: RunStatus::Cancelled,
            text: String::new(),
            error: None,
            usage: self.usage,
            cost_micro_usd: self.cost_micro_usd,
            turns: self.turns,
            tool_calls: self.tool_calls,
            duration_ms: u64::try_from(at.since(self.admitted_at).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Corrects the state after an entry: a run goes on when the last of its open approvals is decided.
    pub(super) fn waits_for(&mut self, open_approvals: usize) {
        if self.state == RunState::Running && open_approvals > 0 {
            self.state = RunState::Waiting;
        }
    }

    /// Whether an entry of this kind changes the record, so that stores may skip the others.
    pub fn is_changed_by(kind: &EventKind) -> bool {
        matches!(
            kind,
            EventKind::RunStarted { .. }
                | EventKind::ApprovalRequested(_)
                | EventKind::ApprovalResolved(_)
                | EventKind::TurnStarted { .. }
                | EventKind::AssistantMessage { .. }
                | EventKind::Compacted { call: Some(_), .. }
                | EventKind::ToolStarted { .. }
                | EventKind::RunFinished { .. }
        )
    }
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// Only those of this session.
    pub session_id: Option<SessionId>,
    /// Only those that stand here.
    pub state: Option<RunState>,
    /// Only those that this run asked for.
    pub parent: Option<RunId>,
    /// Only those that were admitted by this.
    pub trigger: Option<Trigger>,
    /// Only those admitted before this one.
    pub before: Option<RunId>,
}

impl RunFilter {
    /// Whether a run is to be listed.
    pub fn accepts(&self, run: &RunRecord) -> bool {
        self.session_id.is_none_or(|id| id == run.session_id)
            && self.state.is_none_or(|state| state == run.state)
            && self.parent.is_none_or(|parent| run.parent_run_id == Some(parent))
            && self.trigger.is_none_or(|trigger| trigger == run.trigger)
            && self.before.is_none_or(|id| run.id < id)
    }
}
