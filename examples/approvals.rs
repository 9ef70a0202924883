//! Asks before something is deleted, and denies it: the model is told why.

use std::error::Error;
use std::sync::Arc;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::Answer;
use livos_core::Answerer;
use livos_core::ApprovalManager;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::json;

/// Pretends to delete a file.
struct Delete;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct DeleteArgs {
    /// The file to delete.
    path: String,
}

impl Tool for Delete {
    type Args = DeleteArgs;

    fn name(&self) -> &'static str {
        "delete"
    }

    fn description(&self) -> &'static str {
        "Deletes a file."
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(&self, args: DeleteArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(format!("{} is gone", args.path).into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new());
    let approvals = ApprovalManager::new(Arc::clone(&store) as _);
    let tools = ToolRegistry::new();
    tools.register(Delete)?;
    let script = [
        Script::tool("call-1", "delete", json!({ "path": "taxes.pdf" })),
        Script::text("I did what you allowed."),
    ];
    let agent = AgentLoop::builder(ScriptedProvider::new("scripted", script))
        .tools(tools)
        .journal(store)
        .approvals(approvals.clone())
        .build();

    let mut run = agent.run("Delete taxes.pdf.");
    while let Some(event) = run.next().await {
        let EventKind::ApprovalRequested(request) = event.kind else { continue };
        println!("{} wants {}; it is denied.", request.tool, request.input);
        let answer = Answer::deny().noting("keep it");
        approvals.decide(request.approval_id, answer, Answerer::owner("example")).await?;
    }
    println!("{}", run.await.text);
    Ok(())
}
