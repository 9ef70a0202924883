//! `memory_forget`.

use livos_core::Effect;
use livos_core::FactId;
use livos_core::Memory;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use super::refused;
use super::user;

/// Forgets facts.
#[derive(Debug, Clone)]
pub struct MemoryForget(Memory);

impl MemoryForget {
    /// A tool that takes out of this memory.
    pub fn new(memory: Memory) -> Self {
        Self(memory)
    }
}

/// The arguments of `memory_forget`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryForgetArgs {
    /// Its id, as memory_search shows it.
    id: String,
}

impl Tool for MemoryForget {
    type Args = MemoryForgetArgs;

    fn name(&self) -> &str {
        "memory_forget"
    }

    fn description(&self) -> &str {
        include_str!("forget.md")
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(
        &self,
        args: MemoryForgetArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let user = user(context)?;
        let unknown = || ToolError::model(format!("there is no memory '{}'", args.id));
        let id: FactId = args.id.parse().map_err(|_| unknown())?;
        let fact = self.0.forget(&user, id).await.map_err(|error| refused(&error))?;
        Ok(format!("forgotten: {}", fact.text).into())
    }
}
