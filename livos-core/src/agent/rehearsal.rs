//! An agent whose surroundings are played by somebody else.

use std::sync::Arc;

use super::AgentLoop;
use super::Shared;
use super::TranscriptCache;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::id::ModelName;
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
}

/// What an agent was set to, as far as it shapes what a model is asked.
pub(crate) struct Settings {
    pub(crate) model: ModelName,
    pub(crate) system_prompt: Option<Arc<str>>,
    pub(crate) budget: Budget,
    pub(crate) thinking: ThinkingEffort,
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) temperature: Option<f32>,
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
        }
    }

    pub(crate) fn provider(&self) -> &Arc<dyn AIProvider> {
        &self.shared.provider
    }

    pub(crate) fn journal(&self) -> &Arc<dyn Journal> {
        &self.shared.journal
    }
}
