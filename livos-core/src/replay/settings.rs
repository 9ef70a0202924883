//! What the agent of a recording was set to.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::Recording;
use super::RecordingError;
use crate::agent::AgentLoop;
use crate::budget::Budget;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::provider::AIProvider;
use crate::provider::Capabilities;
use crate::provider::ChatRequest;
use crate::provider::ChatStream;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;
use crate::provider::ThinkingEffort;
use crate::tool::Disclosure;
use crate::tool::DynamicTool;
use crate::tool::ToolContext;
use crate::tool::ToolError;
use crate::tool::ToolOutput;
use crate::tool::ToolRegistry;
use crate::tool::ToolSpec;

/// What an agent was set to, as far as it shapes what a model is asked and what the loop decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RecordedAgent {
    pub(super) model: ModelName,
    pub(super) provider: ProviderId,
    pub(super) capabilities: Capabilities,
    pub(super) system_prompt: Option<Arc<str>>,
    pub(super) tools: Vec<ToolSpec>,
    pub(super) budget: Budget,
    pub(super) thinking: ThinkingEffort,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
    /// What the definitions of all tools may take, if some may be withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tool_budget: Option<u64>,
}

impl RecordedAgent {
    /// What this agent is set to, for a run that asked `asked`.
    pub(super) fn of(agent: &AgentLoop, asked: Option<ModelName>) -> Self {
        let settings = agent.settings();
        let tools = agent.tools().specs();
        let may_withhold = tools.iter().any(|spec| spec.disclosure != Disclosure::Always);
        let asked = asked.unwrap_or_else(|| settings.model.clone());
        Self {
            provider: agent.provider().id().clone(),
            capabilities: agent.provider().capabilities(&asked),
            model: settings.model,
            system_prompt: settings.system_prompt,
            tools: tools.to_vec(),
            budget: settings.budget,
            thinking: settings.thinking,
            max_output_tokens: settings.max_output_tokens,
            temperature: settings.temperature,
            tool_budget: may_withhold.then_some(settings.tool_budget),
        }
    }
}

/// The agent of a recording.
pub(super) fn agent(recording: &Recording) -> Result<AgentLoop, RecordingError> {
    let recorded = &recording.agent;
    let tools = ToolRegistry::new();
    for spec in &recorded.tools {
        tools.register_dynamic(Absent(spec.clone()))?;
    }
    let mut agent = AgentLoop::builder(Nobody(recorded.provider.clone()))
        .model(recorded.model.clone())
        .tools(tools)
        .budget(recorded.budget)
        .thinking(recorded.thinking);
    if let Some(prompt) = &recorded.system_prompt {
        agent = agent.system_prompt(Arc::clone(prompt));
    }
    if let Some(tokens) = recorded.tool_budget {
        agent = agent.tool_budget(tokens);
    }
    if let Some(tokens) = recorded.max_output_tokens {
        agent = agent.max_output_tokens(tokens);
    }
    if let Some(temperature) = recorded.temperature {
        agent = agent.temperature(temperature);
    }
    Ok(agent.build())
}

/// Stands where a provider must; nobody asks it.
#[derive(Debug)]
struct Nobody(ProviderId);

#[async_trait]
impl AIProvider for Nobody {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn chat_stream(&self, _: ChatRequest) -> Result<ChatStream, ProviderError> {
        let failure = ProviderFailure::new(self.0.clone(), "nobody is asked in a replay");
        Err(ProviderError::Unavailable(failure))
    }
}

/// A tool of which only the description is known.
pub(super) struct Absent(ToolSpec);

#[async_trait]
impl DynamicTool for Absent {
    fn spec(&self) -> ToolSpec {
        self.0.clone()
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Err(ToolError::fatal("no tool is called in a replay"))
    }
}
