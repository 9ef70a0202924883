//! Puts an agent together.

use std::path::Path;
use std::sync::Arc;

use super::AgentLoop;
use super::CleanTools;
use super::DailyLimit;
use super::Shared;
use super::ToolDisclosure;
use super::TranscriptCache;
use super::disclosure::DEFAULT_TOOL_BUDGET;
use crate::approval::ApprovalManager;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::compaction::CompactionPolicy;
use crate::context::FixedParts;
use crate::context::LearnedWindows;
use crate::id::ModelName;
use crate::memory::Recall;
use crate::message::MicroUsd;
use crate::provider::AIProvider;
use crate::provider::Delivery;
use crate::provider::ThinkingEffort;
use crate::redaction::Redactor;
use crate::store::Journal;
use crate::store::MemoryStore;
use crate::store::UsageLog;
use crate::text_tools::TextTools;
use crate::tool::ToolRegistry;

/// How tools are offered to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ToolMode {
    /// As the provider's own tool calls. A [`ProviderManager`](crate::ProviderManager) turns to text by itself
    /// for models that have none.
    #[default]
    Native,
    /// As JSON in text, held to a schema where the endpoint can.
    JsonInText,
}

/// Puts an agent together. Made by [`AgentLoop::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AgentLoopBuilder {
    shared: Shared,
    tool_mode: ToolMode,
}

impl AgentLoopBuilder {
    pub(super) fn new(provider: Arc<dyn AIProvider>) -> Self {
        let shared = Shared {
            model: ModelName::from(provider.id().as_str()),
            provider,
            system_prompt: None,
            tools: ToolRegistry::new(),
            journal: Arc::new(MemoryStore::new()),
            budget: Budget::default(),
            workspace: None,
            clock: Arc::new(SystemClock),
            thinking: ThinkingEffort::Off,
            max_output_tokens: None,
            temperature: None,
            delivery: Delivery::default(),
            transcripts: TranscriptCache::default(),
            compaction: CompactionPolicy::default(),
            windows: LearnedWindows::default(),
            fixed_parts: FixedParts::default(),
            rehearsal: None,
            daily_limit: None,
            approvals: None,
            redactor: None,
            clean_tools: CleanTools::default(),
            disclosure: ToolDisclosure::within(DEFAULT_TOOL_BUDGET),
            recall: None,
        };
        Self { shared, tool_mode: ToolMode::default() }
    }

    /// The model to ask. Defaults to the provider's name, which scripted and demo providers accept.
    pub fn model(mut self, model: impl Into<ModelName>) -> Self {
        self.shared.model = model.into();
        self
    }

    /// The standing instructions.
    pub fn system_prompt(mut self, prompt: impl Into<Arc<str>>) -> Self {
        self.shared.system_prompt = Some(prompt.into());
        self
    }

    /// The tools on offer. Defaults to none.
    pub fn tools(mut self, tools: ToolRegistry) -> Self {
        self.shared.tools = tools;
        self
    }

    /// How many tokens the definitions of all tools may take, by estimate: 8,000 unless told
    /// otherwise, and never more than a quarter of the model's window, where that is known. Beyond that a model is not told of tools whose [`Disclosure`](crate::Disclosure)
    /// is `WhenFound`; it finds them by a [`ToolSearch`](crate::ToolSearch), if the registry has one.
    pub fn tool_budget(mut self, tokens: u64) -> Self {
        self.shared.disclosure = ToolDisclosure::within(tokens);
        self
    }

    /// How tools are offered.
    pub fn tool_mode(mut self, mode: ToolMode) -> Self {
        self.tool_mode = mode;
        self
    }

    /// Where everything that happens is written down. Defaults to this process's memory.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.shared.journal = journal;
        self
    }

    /// What a run may spend unless its request says otherwise.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.shared.budget = budget;
        self
    }

    /// The directory that file tools are confined to.
    pub fn workspace(mut self, directory: impl Into<Arc<Path>>) -> Self {
        self.shared.workspace = Some(directory.into());
        self
    }

    /// The clock that stamps entries and measures budgets.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared.clock = clock;
        self
    }

    /// How much the model shall reason first.
    pub fn thinking(mut self, effort: ThinkingEffort) -> Self {
        self.shared.thinking = effort;
        self
    }

    /// How many tokens one answer may have.
    pub fn max_output_tokens(mut self, tokens: u32) -> Self {
        self.shared.max_output_tokens = Some(tokens);
        self
    }

    /// Sampling temperature.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.shared.temperature = Some(temperature);
        self
    }

    /// Lets no run ask a model once the calls in this log cost so much since midnight UTC;
    /// it ends as exhausted, with the kind `daily_limit`. Calls without a known price do not count.
    pub fn daily_limit(mut self, log: Arc<dyn UsageLog>, limit: MicroUsd) -> Self {
        self.shared.daily_limit = Some(DailyLimit::new(log, limit));
        self
    }

    /// Asks people before calls are made, as the manager's policies say, and lets tools ask them. Its store must be
    /// the agent's journal. Without a manager every call is made and nobody is asked: whoever gives tools to an
    /// agent in their own program has decided what it may do.
    pub fn approvals(mut self, approvals: ApprovalManager) -> Self {
        self.shared.approvals = Some(approvals);
        self
    }

    /// How answers arrive. Whole ones show no deltas and cost less.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.shared.delivery = delivery;
        self
    }

    /// When and how long conversations are made shorter.
    pub fn compaction(mut self, policy: CompactionPolicy) -> Self {
        self.shared.compaction = policy;
        self
    }

    /// Takes the redactor's secrets out of everything that is written down, sent to the model or shown:
    /// messages, answers and their pieces, descriptions, arguments and results of tools, errors. Tools get arguments
    /// without secrets too. The instructions are redacted once, when the agent is built.
    ///
    /// What was written down before a secret was known stays as it is.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.shared.redactor = Some(redactor);
        self
    }

    /// Looks into the memory of a run's user before its first model call, and lets the model read what fits
    /// after the conversation. Runs of the owner and of people they let in that a message, a schedule or a task
    /// admitted are given memories; sub-agents, programs, and conversations in which others take part are not.
    pub fn recall(mut self, recall: Recall) -> Self {
        self.shared.recall = Some(Box::new(recall));
        self
    }

    /// The agent.
    pub fn build(mut self) -> AgentLoop {
        if let (Some(redactor), Some(prompt)) = (&self.shared.redactor, &self.shared.system_prompt)
        {
            self.shared.system_prompt = Some(redactor.clean(prompt).into());
        }
        if self.tool_mode == ToolMode::JsonInText {
            self.shared.provider = Arc::new(TextTools::new(self.shared.provider));
        }
        AgentLoop { shared: Arc::new(self.shared) }
    }
}
