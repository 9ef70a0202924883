//! An agent whose surroundings are played by somebody else.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::AgentLoop;
use super::CleanTools;
use super::Shared;
use super::ToolDisclosure;
use super::TranscriptCache;
use crate::approval::ApprovalRequest;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::context::FixedParts;
use crate::context::LearnedWindows;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::RecalledMemories;
use crate::event::RunError;
use crate::id::ApprovalId;
use crate::id::ModelName;
use crate::id::ToolCallId;
use crate::provider::AIProvider;
use crate::provider::Delivery;
use crate::provider::ThinkingEffort;
use crate::store::Journal;
use crate::tool::ToolRegistry;

/// What surrounds an agent: everything that is not a decision of its own.
pub(crate) struct Surroundings {
    pub(crate) provider: Arc<dyn AIProvider>,
    pub(crate) tools: ToolRegistry,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rehearsal: Arc<dyn Rehearsal>,
}

/// Tells a run that is played again what its surroundings cannot bring about.
pub(crate) trait Rehearsal: fmt::Debug + Send + Sync {
    /// How room was made for the conversation here. It hangs on what other runs taught about windows,
    /// and on whose tokenizer counted, so it is not decided again.
    fn room(&self) -> RecordedRoom;

    /// What was recalled of the user's memory for the run, if that comes next. It hangs on what was known then.
    fn recalled(&self) -> Option<Arc<RecalledMemories>>;

    /// What was decided about a call before it began. It hangs on policies, rules and people, so it is not
    /// decided again.
    fn permission(&self, call_id: &ToolCallId) -> RecordedPermission;

    /// Waits until some of these requests were decided and acted on.
    fn decided<'a>(&'a self, ids: &'a [ApprovalId]) -> BoxFuture<'a, Vec<AgentEvent>>;
}

/// What was decided about a call before it began.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RecordedPermission {
    /// It could be made, or something else became of it.
    Granted,
    /// A person was asked.
    Asked(Arc<ApprovalRequest>),
    /// It was denied, with this reason.
    Denied(String),
}

/// How room was made for a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RecordedRoom {
    /// There was enough, or nothing could be done.
    Unchanged,
    /// It was compacted.
    Compacted(Box<EventKind>),
    /// It could not fit, and the run ended.
    GivenUp(RunError),
}

/// What an agent was set to, as far as it shapes what a model is asked.
pub(crate) struct Settings {
    pub(crate) model: ModelName,
    pub(crate) system_prompt: Option<Arc<str>>,
    pub(crate) budget: Budget,
    pub(crate) thinking: ThinkingEffort,
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) temperature: Option<f32>,
    pub(crate) tool_budget: u64,
}

impl AgentLoop {
    /// The same agent in other surroundings.
    pub(crate) fn in_surroundings(&self, other: Surroundings) -> Self {
        let shared = &*self.shared;
        Self {
            shared: Arc::new(Shared {
                provider: other.provider,
                model: shared.model.clone(),
                system_prompt: shared.system_prompt.clone(),
                tools: other.tools,
                journal: other.journal,
                budget: shared.budget,
                workspace: shared.workspace.clone(),
                clock: other.clock,
                thinking: shared.thinking,
                max_output_tokens: shared.max_output_tokens,
                temperature: shared.temperature,
                delivery: Delivery::Whole,
                transcripts: TranscriptCache::default(),
                compaction: shared.compaction.clone(),
                windows: LearnedWindows::default(),
                fixed_parts: FixedParts::default(),
                // What all runs spent in a day is not in the recording of one.
                daily_limit: None,
                // What people decided is in the recording.
                approvals: None,
                // A recording has been redacted.
                redactor: None,
                clean_tools: CleanTools::default(),
                rehearsal: Some(other.rehearsal),
                disclosure: ToolDisclosure::within(shared.disclosure.budget()),
                // What was recalled is in the recording.
                recall: None,
            }),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let shared = &*self.shared;
        Settings {
            model: shared.model.clone(),
            system_prompt: shared.system_prompt.clone(),
            budget: shared.budget,
            thinking: shared.thinking,
            max_output_tokens: shared.max_output_tokens,
            temperature: shared.temperature,
            tool_budget: shared.disclosure.budget(),
        }
    }

    pub(crate) fn provider(&self) -> &Arc<dyn AIProvider> {
        &self.shared.provider
    }

    pub(crate) fn journal(&self) -> &Arc<dyn Journal> {
        &self.shared.journal
    }
}
