//! `memory_search`, `memory_add` and `memory_forget`: what is known from one conversation to the next.
//!
//! Whose memory it is comes from the call's context and never from the model. An origin that is trusted less
//! than somebody the owner let in has none.

mod add;
mod forget;
mod search;

use livos_core::Memory;
use livos_core::MemoryError;
use livos_core::RegisterToolError;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolRegistry;
use livos_core::Trust;
use livos_core::UserId;

pub use self::add::MemoryAdd;
pub use self::add::MemoryAddArgs;
pub use self::forget::MemoryForget;
pub use self::forget::MemoryForgetArgs;
pub use self::search::MemorySearch;
pub use self::search::MemorySearchArgs;

/// Registers the three tools.
///
/// # Errors
/// When a name is taken; tools before it are registered then.
pub fn register(tools: &ToolRegistry, memory: &Memory) -> Result<(), RegisterToolError> {
    tools.register(MemorySearch::new(memory.clone()))?;
    tools.register(MemoryAdd::new(memory.clone()))?;
    tools.register(MemoryForget::new(memory.clone()))
}

/// The user whose memory a call may see.
fn user(context: &ToolContext) -> Result<UserId, ToolError> {
    let origin = context.origin();
    if origin.trust < Trust::Paired {
        return Err(refused(&MemoryError::NotAllowed));
    }
    Ok(origin.user.clone())
}

fn refused(error: &MemoryError) -> ToolError {
    ToolError::model(error.to_string())
}
