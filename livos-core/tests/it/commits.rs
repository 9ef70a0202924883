//! Which entries are written together: what can be had again with the fact that follows at once.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Append;
use livos_core::DynamicTool;
use livos_core::Effect;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::SessionId;
use livos_core::StoreError;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A journal that tells what it was given at a time.
#[derive(Debug, Default)]
struct Watched {
    journal: MemoryStore,
    appends: Mutex<Vec<String>>,
}

#[async_trait]
impl Journal for Watched {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        let names: Vec<&str> = append.entries.iter().map(|entry| entry.kind.name()).collect();
        self.appends.lock().unwrap().push(names.join(" "));
        self.journal.append(append).await
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        self.journal.read(session_id, after, limit).await
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        self.journal.last_seq(session_id).await
    }
}

struct Act(Effect);

#[async_trait]
impl DynamicTool for Act {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("act", "Acts.", json!({"type": "object"}), self.0)
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok("acted".into())
    }
}

async fn appends(effect: Effect) -> Vec<String> {
    let tools = ToolRegistry::new();
    tools.register_dynamic(Act(effect)).unwrap();
    let journal = Arc::new(Watched::default());
    let scripts = [Script::tool("c1", "act", json!({})), Script::text("done")];
    let agent = AgentLoop::builder(ScriptedProvider::new("scripted", scripts))
        .tools(tools)
        .journal(Arc::clone(&journal) as Arc<dyn Journal>)
        .build();
    agent.run("go").await.into_text().unwrap();
    std::mem::take(&mut *journal.appends.lock().unwrap())
}

#[tokio::test]
async fn a_round_of_a_repeatable_call_costs_two_commits() {
    let expected = [
        "run_admitted",
        "run_started",
        "turn_started",
        "assistant_message tool_started",
        "tool_finished turn_started",
        "assistant_message run_finished",
    ];
    assert_eq!(appends(Effect::ReadOnly).await, expected);
    assert_eq!(appends(Effect::Idempotent).await, expected);
}

#[tokio::test]
async fn a_result_that_cannot_be_had_again_is_written_by_itself() {
    for effect in [Effect::Mutating, Effect::Destructive] {
        let appends = appends(effect).await;
        assert_eq!(appends[4..6], ["tool_finished", "turn_started"], "{effect:?}");
    }
}
