//! Tools come, go, and are seen through scopes.

use std::sync::Arc;

use async_trait::async_trait;
use livos_core::AgentLoop;
use livos_core::DynamicTool;
use livos_core::Effect;
use livos_core::RegisterToolError;
use livos_core::RunStatus;
use livos_core::Tool;
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

struct Named(&'static str, Value);

#[async_trait]
impl DynamicTool for Named {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "does nothing", self.1.clone(), Effect::Mutating)
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok("nothing".into())
    }
}

fn named(name: &'static str) -> Named {
    Named(name, json!({"type": "object"}))
}

fn names(tools: &ToolRegistry) -> Vec<String> {
    tools.specs().iter().map(|spec| spec.name.to_string()).collect()
}

#[test]
fn a_name_is_taken_once_and_free_again_after() {
    let tools = ToolRegistry::new();
    tools.register_dynamic(named("b")).unwrap();
    tools.register_dynamic(named("a")).unwrap();
    let again = tools.register_dynamic(named("a"));
    assert_eq!(again, Err(RegisterToolError::DuplicateName("a".into())));
    assert_eq!(names(&tools), ["a", "b"], "the order is fixed by name");
    assert!(tools.unregister("a"));
    assert!(!tools.unregister("a"));
    tools.register_dynamic(named("a")).unwrap();
}

#[test]
fn names_no_provider_accepts_are_refused() {
    let tools = ToolRegistry::new();
    for name in ["", "has space", "dots.are.not", "ü"] {
        let refused = tools.register_dynamic(named(name));
        assert!(matches!(refused, Err(RegisterToolError::InvalidName(_))), "{name}");
    }
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_tool() {
    let broken = Named("broken", json!({"type": "objekt"}));
    let refused = ToolRegistry::new().register_dynamic(broken).unwrap_err();
    assert!(refused.to_string().contains("'broken'"), "{refused}");
}

/// A typed tool whose author broke what its type says.
struct Broken;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NoArguments {}

impl Tool for Broken {
    type Args = NoArguments;

    fn name(&self) -> &'static str {
        "broken"
    }

    fn description(&self) -> &'static str {
        "Cannot be called."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    fn adjust(&self, mut spec: ToolSpec) -> ToolSpec {
        spec.input_schema = Arc::new(json!({"type": "objekt"}));
        spec
    }

    async fn call(&self, _: NoArguments, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        unreachable!("its arguments cannot be checked")
    }
}

#[tokio::test]
async fn calls_that_no_schema_can_check_are_not_made() {
    let tools = ToolRegistry::new();
    tools.register(Broken).unwrap();
    let scripts = [Script::tool("c1", "broken", json!({})), Script::text("It does not work.")];
    let provider = Arc::new(ScriptedProvider::new("scripted", scripts));
    let agent = AgentLoop::builder_shared(Arc::clone(&provider) as _).tools(tools).build();
    assert_eq!(agent.run("Go.").await.status, RunStatus::Completed);
    let told = provider.requests()[1].conversation.last().unwrap().content[0].clone();
    let livos_core::ContentBlock::ToolResult(result) = told else { panic!("{told:?}") };
    assert!(result.is_error);
    assert!(result.text().contains("schema of tool 'broken' is invalid"), "{}", result.text());
}

#[test]
fn scopes_only_narrow() {
    let tools = ToolRegistry::new();
    for name in ["a", "b", "c"] {
        tools.register_dynamic(named(name)).unwrap();
    }
    let scope = tools.scoped(["a", "b"]);
    assert_eq!(names(&scope.scoped(["b", "c"])), ["b"]);
    tools.unregister("b");
    assert_eq!(names(&scope), ["a"], "a scope sees what happens to the registry");
}
