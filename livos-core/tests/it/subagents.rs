//! What a session may start, what a call finds that is made again, and what all of a tree may spend.

mod spending;

use std::sync::Arc;

use livos_core::AgentDefinition;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::AgentProfile;
use livos_core::Budget;
use livos_core::BudgetMeter;
use livos_core::CancelRequest;
use livos_core::CancelSignal;
use livos_core::Clock;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Origin;
use livos_core::ProgressSink;
use livos_core::ProviderManager;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::SessionId;
use livos_core::Spawning;
use livos_core::Store;
use livos_core::SubagentError;
use livos_core::SubagentManager;
use livos_core::SubagentTask;
use livos_core::SystemClock;
use livos_core::Tiers;
use livos_core::ToolContext;
use livos_core::ToolContextParts;
use livos_core::ToolRegistry;
use livos_core::Worker;
use livos_core::WorkerSettings;
use livos_core::testing::ScriptedProvider;

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

/// Calls of one run.
struct Parent {
    parts: Arc<ToolContextParts>,
    manager: SubagentManager,
    store: Arc<MemoryStore>,
}

impl Parent {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(profile: Option<AgentProfile>) -> Self {
        let clock = Arc::new(SystemClock);
        let parts = ToolContextParts {
            run_id: RunId::generate(),
            session_id: SessionId::generate(),
            origin: Origin::default(),
            profile: profile.map(Arc::new),
            tools: ToolRegistry::new(),
            workspace: None,
            budget: BudgetMeter::new(Budget::default(), clock.now()),
            clock,
        };
        let store = Arc::new(MemoryStore::new());
        let manager = SubagentManager::new(Arc::clone(&store) as Arc<dyn Store>);
        Self { parts: Arc::new(parts), manager, store }
    }

    fn caller(&self, call: usize) -> ToolContext {
        let silent = ProgressSink::new(|_, _| {});
        let id = format!("call-{call}");
        let parts = Arc::clone(&self.parts);
        ToolContext::new(parts, id.as_str().into(), CancelSignal::new(), silent)
    }

    async fn spawn(&self, call: usize) -> Result<SessionId, SubagentError> {
        let spawned = self.manager.spawn(&self.caller(call), SubagentTask::new("Do it.")).await?;
        Ok(spawned.session_id)
    }

    async fn say(&self, call: usize, child: SessionId) -> Result<RunId, SubagentError> {
        let spawned = self.manager.send(&self.caller(call), child, "Go on.".to_owned()).await?;
        Ok(spawned.run_id)
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

#[tokio::test]
async fn who_was_started_by_another_starts_none_and_writes_to_none() {
    let child = AgentProfile { spawning: Spawning::Denied, ..AgentProfile::default() };
    let child = Parent::with(Some(child));
    assert!(matches!(child.spawn(1).await, Err(SubagentError::MayNotSpawn)));
    let sent = child.say(2, SessionId::generate()).await;
    assert!(matches!(sent, Err(SubagentError::MayNotSpawn)));
}

#[tokio::test]
async fn an_agent_that_is_over_takes_no_more_messages() {
    let parent = Parent::new();
    let child = parent.spawn(1).await.unwrap();
    let shared = Arc::clone(&parent.store) as Arc<dyn Store>;
    let filter = RunFilter { session_id: Some(child), ..RunFilter::default() };
    let run_id = shared.runs(filter, 1).await.unwrap().items[0].id;
    let at = SystemClock.now();
    shared.request_cancel(CancelRequest { run_id, at }).await.unwrap();
    let agent = AgentLoop::builder(ScriptedProvider::answering("done"))
        .journal(Arc::clone(&parent.store) as Arc<dyn Journal>)
        .build();
    let _worker = Worker::start(agent, shared, Arc::new(Nobody), WorkerSettings::default());
    parent.manager.outcome(run_id).await.unwrap();
    let refused = parent.say(2, child).await.unwrap_err();
    assert!(matches!(refused, SubagentError::Finished(told) if told == child), "{refused}");
    let foreign = Parent::new().say(1, child).await;
    assert!(matches!(foreign, Err(SubagentError::ForeignSession(told)) if told == child));
}
