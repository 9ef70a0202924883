//! Everything an observer of a run may see.

mod compaction;
mod outcome;
mod recalled;

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::approval::ApprovalRequest;
use crate::approval::ApprovalResolution;
use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolCallId;
use crate::id::ToolName;
use crate::message::ContentBlock;
use crate::message::Message;
use crate::message::MicroUsd;
use crate::message::ToolInput;
use crate::message::Usage;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::profile::AgentProfile;
use crate::provider::StopReason;
use crate::tool::Effect;
use crate::tool::Spent;

pub use self::compaction::CompactedView;
pub use self::compaction::CompactionCall;
pub use self::compaction::CompactionMethod;
pub use self::compaction::CompactionReason;
pub use self::outcome::RunError;
pub use self::outcome::RunStatus;
pub use self::outcome::ToolStatus;
pub use self::recalled::RecalledFact;
pub use self::recalled::RecalledMemories;

/// One thing that happened in a session.
///
/// As JSON: `{"type": "...", "session_id": "...", "run_id": "...", "seq": 17, "at": "RFC 3339", ...}`.
/// What the journal keeps carries `seq`; what is gone when it was seen carries
/// `after`, the last `seq` before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// The session.
    pub session_id: SessionId,
    /// The run.
    pub run_id: RunId,
    /// Its place in the session.
    #[serde(flatten)]
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl AgentEvent {
    /// The number of a journal entry; none for what is ephemeral.
    pub fn seq(&self) -> Option<u64> {
        match self.position {
            Position::Seq(seq) => Some(seq),
            Position::After(_) => None,
        }
    }
}

/// The place of an event in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// The number of this journal entry, from 1 without gaps.
    Seq(u64),
    /// Ephemeral, seen after the entry of this number.
    After(u64),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A run was accepted; its input is safe.
    RunAdmitted {
        /// What admitted it.
        trigger: Trigger,
        /// Who asked, and how far they are trusted.
        origin: Origin,
        /// What was asked.
        input: Arc<Message>,
        /// The model asked for instead of the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        /// The run that asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_run_id: Option<RunId>,
        /// What it may spend instead of the agent's budget.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<Budget>,
        /// The agent that it is instead of the one everybody gets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<Arc<AgentProfile>>,
    },
    /// A process began (or took over) the run.
    RunStarted {
        /// The model that is to be asked.
        model: ModelName,
        /// The provider that is to be asked.
        provider: ProviderId,
        /// 1, and one more for each recovery.
        attempt: u32,
    },
    /// A message that came during the run joined it.
    InputJoined {
        /// The message.
        message: Arc<Message>,
        /// What sent it, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<Trigger>,
    },
    /// What is known of the user was looked up for the run, before its first model call.
    MemoriesRecalled(Arc<RecalledMemories>),
    /// A model call is about to be made.
    TurnStarted {
        /// The number of the turn, from 1.
        turn: u32,
    },
    /// More reasoning. Ephemeral.
    ThinkingDelta {
        /// The new piece.
        text: String,
    },
    /// More of the answer. Ephemeral.
    TextDelta {
        /// The new piece.
        text: String,
    },
    /// More of a tool call's arguments. Ephemeral.
    ToolCallDelta {
        /// The call.
        call_id: ToolCallId,
        /// The tool.
        name: ToolName,
        /// The new piece.
        partial_json: String,
    },
    /// The model answered.
    AssistantMessage {
        /// The number of the turn.
        turn: u32,
        /// The answer.
        message: Arc<Message>,
        /// What the call used.
        usage: Usage,
        /// What it cost, where the price is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_micro_usd: Option<MicroUsd>,
        /// Who answered.
        provider: ProviderId,
        /// The model that answered.
        model: ModelName,
        /// Why it stopped.
        stop_reason: StopReason,
        /// From the call to its first piece, in milliseconds.
        time_to_first_token_ms: u64,
        /// From the call to its end, in milliseconds.
        duration_ms: u64,
    },
    /// A tool call is about to be made.
    ToolStarted {
        /// The call.
        call_id: ToolCallId,
        /// The tool.
        name: ToolName,
        /// The arguments.
        input: ToolInput,
        /// What the tool does to the world.
        effect: Effect,
    },
    /// How far a tool call is. Ephemeral.
    ToolProgress {
        /// The call.
        call_id: ToolCallId,
        /// What the tool says.
        text: String,
    },
    /// A tool call ended.
    ToolFinished {
        /// The call.
        call_id: ToolCallId,
        /// The tool.
        name: ToolName,
        /// How it ended.
        status: ToolStatus,
        /// What the model gets to see.
        content: Arc<[ContentBlock]>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Whether something was left out of the content.
        #[serde(default)]
        truncated: bool,
        /// What others spent for the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spent: Option<Spent>,
    },
    /// A call started another agent; what it does is in its own session.
    SubagentStarted {
        /// The call.
        call_id: ToolCallId,
        /// Its session.
        child_session_id: SessionId,
        /// Its run.
        child_run_id: RunId,
        /// What it shall do.
        task: String,
    },
    /// An agent is done that a call waited for.
    SubagentFinished {
        /// The call.
        call_id: ToolCallId,
        /// Its session.
        child_session_id: SessionId,
        /// Its run.
        child_run_id: RunId,
        /// How it ended.
        status: RunStatus,
        /// What it said last.
        text: String,
        /// What it used.
        usage: Usage,
    },
    /// A person is asked; what waits for the answer does nothing until it comes.
    ApprovalRequested(Arc<ApprovalRequest>),
    /// A person, or time, decided. Written by whoever decided, so it may come between any other entries.
    ApprovalResolved(Arc<ApprovalResolution>),
    /// A model call failed and will be repeated.
    ProviderRetry {
        /// Who failed.
        provider: ProviderId,
        /// Why.
        reason: String,
        /// The pause before the next attempt, in milliseconds.
        delay_ms: u64,
    },
    /// Another provider goes on. Drop the partial answer shown so far.
    ProviderSwitched {
        /// Who failed.
        from: ProviderId,
        /// Who goes on.
        to: ProviderId,
        /// Why.
        reason: String,
        /// How many characters of visible text are void.
        discarded_chars: u64,
    },
    /// The model sees a shorter conversation from here on. The entries before stay as they are.
    Compacted {
        /// The tokens of the next prompt as it was, instructions and tools included.
        tokens_before: u64,
        /// Its tokens as it is now.
        tokens_after: u64,
        /// How many messages the summary stands for; 0 when there is none.
        messages_summarised: u64,
        /// Why.
        reason: CompactionReason,
        /// How.
        method: CompactionMethod,
        /// What the model sees.
        view: Arc<CompactedView>,
        /// The model call that wrote the summary, if one was answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Arc<CompactionCall>>,
        /// Why messages were left out and not summed up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// The run is over.
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// The last text of the assistant.
        text: String,
        /// Why it did not complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RunError>,
        /// What all its model calls used.
        usage: Usage,
        /// What they cost, where prices are known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_micro_usd: Option<MicroUsd>,
        /// How many model calls it made.
        turns: u32,
        /// How many tool calls it made.
        tool_calls: u32,
        /// From admission to end, in milliseconds.
        duration_ms: u64,
    },
}

impl EventKind {
    /// Whether the journal keeps it. Deltas and progress are for eyes only.
    pub fn is_durable(&self) -> bool {
        !matches!(
            self,
            Self::ThinkingDelta { .. }
                | Self::TextDelta { .. }
                | Self::ToolCallDelta { .. }
                | Self::ToolProgress { .. }
        )
    }

    /// What people or the assistant said with it, to be searched; none if nothing was said.
    pub(crate) fn said(&self) -> Option<String> {
        let (Self::RunAdmitted { input: message, .. }
        | Self::InputJoined { message, .. }
        | Self::AssistantMessage { message, .. }) = self
        else {
            return None;
        };
        Some(message.text()).filter(|text| !text.is_empty())
    }

    /// The value of the `type` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunAdmitted { .. } => "run_admitted",
            Self::RunStarted { .. } => "run_started",
            Self::InputJoined { .. } => "input_joined",
            Self::MemoriesRecalled(_) => "memories_recalled",
            Self::TurnStarted { .. } => "turn_started",
            Self::ThinkingDelta { .. } => "thinking_delta",
            Self::TextDelta { .. } => "text_delta",
            Self::ToolCallDelta { .. } => "tool_call_delta",
            Self::AssistantMessage { .. } => "assistant_message",
            Self::ToolStarted { .. } => "tool_started",
            Self::ToolProgress { .. } => "tool_progress",
            Self::ToolFinished { .. } => "tool_finished",
            Self::SubagentStarted { .. } => "subagent_started",
            Self::SubagentFinished { .. } => "subagent_finished",
            Self::ApprovalRequested(_) => "approval_requested",
            Self::ApprovalResolved(_) => "approval_resolved",
            Self::ProviderRetry { .. } => "provider_retry",
            Self::ProviderSwitched { .. } => "provider_switched",
            Self::Compacted { .. } => "compacted",
            Self::RunFinished { .. } => "run_finished",
        }
    }
}
