//! The agents that the calls of a run started.

use serde::Deserialize;
use serde::Serialize;

use crate::event::EventKind;
use crate::id::RunId;
use crate::id::ToolCallId;

/// The agents that the calls of a run started, as its journal tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::agent) struct StartedAgents(Vec<StartedAgent>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StartedAgent {
    call_id: ToolCallId,
    run_id: RunId,
    /// Whether the journal says that it ended.
    has_ended: bool,
    /// Whether what it spent is told with the result of its call.
    is_accounted: bool,
}

impl StartedAgents {
    pub(super) fn started(&mut self, call_id: &ToolCallId, run_id: RunId) {
        let (has_ended, is_accounted) = (false, false);
        self.0.push(StartedAgent { call_id: call_id.clone(), run_id, has_ended, is_accounted });
    }

    pub(super) fn ended(&mut self, call_id: &ToolCallId) {
        self.of(call_id).for_each(|agent| agent.has_ended = true);
    }

    /// Takes note that what an agent spent is told with the result of its call.
    pub(super) fn accounted(&mut self, call_id: &ToolCallId) {
        self.of(call_id).for_each(|agent| agent.is_accounted = true);
    }

    fn of(&mut self, call_id: &ToolCallId) -> impl Iterator<Item = &mut StartedAgent> {
        self.0.iter_mut().filter(move |agent| agent.call_id == *call_id)
    }

    /// Whether the journal has this already: a call that is made again after a crash tells it again.
    pub(in crate::agent) fn know(&self, kind: &EventKind) -> bool {
        let agent = |id: &ToolCallId| self.0.iter().find(|agent| agent.call_id == *id);
        match kind {
            EventKind::SubagentStarted { call_id, .. } => agent(call_id).is_some(),
            EventKind::SubagentFinished { call_id, .. } => {
                agent(call_id).is_some_and(|agent| agent.has_ended)
            }
            _ => false,
        }
    }

    /// Whether there are some whose spending no result tells.
    pub(in crate::agent) fn are_at_large(&self) -> bool {
        self.0.iter().any(|agent| !agent.is_accounted)
    }

    /// Whether the result of a call tells what this one spent.
    pub(in crate::agent) fn account_for(&self, run_id: RunId) -> bool {
        self.0.iter().any(|agent| agent.run_id == run_id && agent.is_accounted)
    }
}
