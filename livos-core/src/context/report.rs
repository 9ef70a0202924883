//! What every request of an agent takes before anything is said.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::Serialize;

use super::ContextError;
use super::TokenCounter;
use crate::id::ModelName;
use crate::tool::ToolSpec;

/// What a conversation needs at least to be worth a call.
const LEAST_ROOM: u64 = 512;

/// What wires put around a tool's definition.
const TOOL_FRAME: u64 = 24;

/// What wires put around the system prompt.
const SYSTEM_FRAME: u64 = 8;

/// What every request of an agent takes of a model's window, and what is left for the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ContextReport {
    /// The model.
    pub model: ModelName,
    /// Which vocabulary counted; `estimate` where none is known.
    pub counted_by: String,
    /// The standing instructions.
    pub system_tokens: u64,
    /// The definitions of the tools.
    pub tool_tokens: u64,
    /// What a user's memories may take, in requests that are given some; 0 when none are.
    pub memory_tokens: u64,
    /// What is kept free for the answer.
    pub output_reserve: u64,
    /// The window, as far as the provider, the catalogue or a refusal told.
    pub window: Option<u64>,
}

impl ContextReport {
    /// Instructions and tools together.
    pub fn fixed_tokens(&self) -> u64 {
        self.system_tokens + self.tool_tokens
    }

    /// How many tokens a prompt may have, instructions and tools included.
    pub fn prompt_limit(&self) -> Option<u64> {
        self.window.map(|window| window.saturating_sub(self.output_reserve))
    }

    /// Checks that a conversation has room.
    ///
    /// # Errors
    /// [`ContextError::Overhead`] when less than 512 tokens are left for it.
    pub fn check(&self) -> Result<(), ContextError> {
        let needed = self.fixed_tokens() + self.output_reserve + LEAST_ROOM;
        match self.window {
            Some(window) if window < needed => Err(ContextError::Overhead {
                model: self.model.clone(),
                window,
                system_tokens: self.system_tokens,
                tool_tokens: self.tool_tokens,
                output_reserve: self.output_reserve,
                least_room: LEAST_ROOM,
            }),
            _ => Ok(()),
        }
    }
}

/// Tokens of the instructions and tools, counted when they change.
#[derive(Debug, Default)]
pub(crate) struct FixedParts(Mutex<Option<Measured>>);

#[derive(Debug)]
struct Measured {
    counter: String,
    tools: Arc<[ToolSpec]>,
    tokens: (u64, u64),
}

impl FixedParts {
    /// Tokens of the instructions, which never change, and of the tools, which may.
    pub(crate) fn tokens(
        &self,
        counter: &dyn TokenCounter,
        system: Option<&str>,
        tools: &Arc<[ToolSpec]>,
    ) -> (u64, u64) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(measured) = measured.as_ref()
            && measured.counter == counter.name()
            && are_the_same(&measured.tools, tools)
        {
            return measured.tokens;
        }
        let system = system.map_or(0, |prompt| SYSTEM_FRAME + counter.count(prompt));
        let tokens = (system, tools.iter().map(|tool| tool_tokens(counter, tool)).sum());
        let counter = counter.name().to_owned();
        *measured = Some(Measured { counter, tools: Arc::clone(tools), tokens });
        tokens
    }
}

/// Whether these are the same definitions in the same order. A definition is never changed in place.
fn are_the_same(one: &Arc<[ToolSpec]>, other: &Arc<[ToolSpec]>) -> bool {
    Arc::ptr_eq(one, other)
        || (one.len() == other.len()
            && one.iter().zip(other.iter()).all(|(one, other)| {
                Arc::ptr_eq(&one.input_schema, &other.input_schema)
                    && Arc::ptr_eq(&one.description, &other.description)
                    && one.name == other.name
            }))
}

/// Tokens that the definition of a tool takes.
pub(crate) fn tool_tokens(counter: &dyn TokenCounter, tool: &ToolSpec) -> u64 {
    TOOL_FRAME
        + counter.count(tool.name.as_str())
        + counter.count(&tool.description)
        + counter.count(&tool.input_schema.to_string())
}
