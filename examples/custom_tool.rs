//! A tool of your own: typed arguments in, an answer for the model out.
//!
//! ```sh
//! cargo run -p livos-examples --example custom_tool
//! ```
//!
//! With a provider's key in the environment a real model decides to call the tool.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_core::{
    AIProvider, AgentLoop, Effect, Tool, ToolContext, ToolError, ToolOutput, ToolRegistry,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What is in the store room.
struct Stock {
    items: BTreeMap<&'static str, u32>,
}

// The model reads these comments: they become the descriptions of the schema.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StockArgs {
    /// The item in lower case and plural, such as "apples".
    item: String,
}

impl Tool for Stock {
    type Args = StockArgs;

    fn name(&self) -> &'static str {
        "stock"
    }

    fn description(&self) -> &'static str {
        "Tells how many of an item are in the store room."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: StockArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        match self.items.get(args.item.as_str()) {
            Some(count) => Ok(ToolOutput::text(count.to_string())),
            None => Err(ToolError::model(format!("no '{}' here; try apples or pears", args.item))),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tools = ToolRegistry::new();
    tools.register(Stock { items: BTreeMap::from([("apples", 12), ("pears", 7)]) })?;

    let providers = livos_providers::from_env()?;
    let has_any = providers.providers().next().is_some();
    let provider: Arc<dyn AIProvider> =
        if has_any { Arc::new(providers) } else { Arc::new(script()) };

    let agent = AgentLoop::builder_shared(provider).tools(tools).build();
    let outcome = agent.run("How many apples are in the store room?").await;
    println!("{} tool call(s)", outcome.tool_calls);
    println!("{}", outcome.into_text().map_err(|error| error.message)?);
    Ok(())
}

/// What a model would do, where there is none.
fn script() -> ScriptedProvider {
    let call = Script::tool("call_1", "stock", json!({"item": "apples"}));
    ScriptedProvider::new("scripted", [call, Script::text("There are 12 apples.")])
}
