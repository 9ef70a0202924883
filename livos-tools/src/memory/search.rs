//! `memory_search`.

use livos_core::Effect;
use livos_core::FactHit;
use livos_core::FactQuery;
use livos_core::Memory;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::refused;
use super::user;

/// How many are found unless told otherwise.
const USUAL: usize = 5;

/// Searches memories.
#[derive(Debug, Clone)]
pub struct MemorySearch(Memory);

impl MemorySearch {
    /// A tool that searches this memory.
    pub fn new(memory: Memory) -> Self {
        Self(memory)
    }
}

/// The arguments of `memory_search`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemorySearchArgs {
    /// What to look for.
    query: String,
    /// How many at most, 1 to 50. Default: 5.
    limit: Option<usize>,
}

impl Tool for MemorySearch {
    type Args = MemorySearchArgs;

    fn name(&self) -> &str {
        "memory_search"
    }

    fn description(&self) -> &str {
        include_str!("search.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: MemorySearchArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let query = FactQuery {
            limit: args.limit.unwrap_or(USUAL),
            ..FactQuery::new(user(context)?, args.query)
        };
        let found = self.0.search(&query).await.map_err(|error| refused(&error))?;
        let notes: Vec<Value> = found.hits.iter().map(note).collect();
        let mut answer = json!({ "notes": notes });
        if let (Some(remark), Some(answer)) = (found.note, answer.as_object_mut()) {
            answer.insert("remark".to_owned(), remark.into());
        }
        ToolOutput::json(&answer)
    }
}

fn note(hit: &FactHit) -> Value {
    json!({
        "id": hit.fact.id,
        "text": hit.fact.text,
        "kind": hit.fact.kind,
        "since": hit.fact.updated_at,
    })
}
