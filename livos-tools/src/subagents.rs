//! The tools by which a model lets other agents work for it.
//!
//! [`SubagentManager`] decides what may be started and with which limits; these tools put its
//! answers in words.

mod create;
mod define;
mod history;
mod list;
mod list_agents;
mod send;
mod told;

use livos_core::RegisterToolError;
use livos_core::SubagentManager;
use livos_core::ToolRegistry;

/// Registers `sessions_create`, `sessions_list`, `sessions_send`, `sessions_history`, `agent_create`
/// and `agent_list`. Runs that may not start others see none of the first and last but one.
///
/// # Errors
/// When a name is taken.
pub fn register(tools: &ToolRegistry, manager: &SubagentManager) -> Result<(), RegisterToolError> {
    tools.register(create::SessionsCreate::new(manager.clone()))?;
    tools.register(list::SessionsList::new(manager.clone()))?;
    tools.register(send::SessionsSend::new(manager.clone()))?;
    tools.register(history::SessionsHistory::new(manager.clone()))?;
    tools.register(define::AgentCreate::new(manager.clone()))?;
    tools.register(list_agents::AgentList::new(manager.clone()))
}
