//! What a session may start, what a call finds that is made again, and what all of a tree may spend.

mod spending;

use std::sync::Arc;

use livos_core::AgentDefinition;
use livos_core::Budget;
use livos_core::BudgetMeter;
use livos_core::CancelSignal;
use livos_core::Clock;
use livos_core::MemoryStore;
use livos_core::Origin;
use livos_core::ProgressSink;
use livos_core::ProviderManager;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::SubagentError;
use livos_core::SubagentManager;
use livos_core::SubagentTask;
use livos_core::SystemClock;
use livos_core::Tiers;
use livos_core::ToolContext;
use livos_core::ToolContextParts;
use livos_core::ToolRegistry;
use livos_core::testing::ScriptedProvider;

/// Calls of one run.
struct Parent {
    parts: Arc<ToolContextParts>,
    manager: SubagentManager,
}

impl Parent {
    fn new() -> Self {
        let clock = Arc::new(SystemClock);
        let parts = ToolContextParts {
            run_id: RunId::generate(),
            session_id: SessionId::generate(),
            origin: Origin::default(),
            profile: None,
            tools: ToolRegistry::new(),
            workspace: None,
            budget: BudgetMeter::new(Budget::default(), clock.now()),
            clock,
        };
        let manager = SubagentManager::new(Arc::new(MemoryStore::new()));
        Self { parts: Arc::new(parts), manager }
    }

    async fn spawn(&self, call: usize) -> Result<SessionId, SubagentError> {
        let silent = ProgressSink::new(|_, _| {});
        let id = format!("call-{call}");
        let parts = Arc::clone(&self.parts);
        let caller = ToolContext::new(parts, id.as_str().into(), CancelSignal::new(), silent);
        let spawned = self.manager.spawn(&caller, SubagentTask::new("Do it.")).await?;
        Ok(spawned.session_id)
    }
}

#[tokio::test]
async fn a_session_starts_so_many_and_a_call_that_is_made_again_finds_its_own() {
    let parent = Parent::new();
    let limit = parent.manager.limits().children;
    let mut last = None;
    for call in 0..limit {
        last = Some(parent.spawn(call).await.unwrap());
    }
    let refused = parent.spawn(limit).await.unwrap_err();
    assert!(
        matches!(refused, SubagentError::TooMany { limit: told } if told == limit),
        "{refused}"
    );
    assert_eq!(parent.spawn(limit - 1).await.ok(), last, "made again it is the same agent");
    let children = parent.manager.children(parent.parts.session_id).await.unwrap();
    assert_eq!(children.len(), limit);
}

#[tokio::test]
async fn an_agent_with_a_model_that_nobody_has_is_refused() {
    let model = ScriptedProvider::answering("done");
    let models = ProviderManager::builder().provider(model, Tiers::single("m")).build();
    let manager = SubagentManager::new(Arc::new(MemoryStore::new())).with_models(Arc::new(models));
    let agent = |model: &str| {
        let mut agent = AgentDefinition::new("reviewer", "Reviews.", "You review code.");
        agent.model = Some(model.into());
        agent
    };
    let refused = manager.define(agent("nobody/large"), None).await.unwrap_err();
    let told = "model: nobody has 'nobody/large'; write provider/model, or fast, balanced or best";
    assert_eq!(refused.to_string(), told);
    assert!(manager.agents().await.unwrap().is_empty(), "nothing is kept");
    manager.define(agent("fast"), None).await.unwrap();
}
