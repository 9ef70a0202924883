//! `schedule_create`, `schedule_list` and `schedule_delete`: work at its time.
//!
//! Whose schedules they are, and where their runs happen, comes from the call's context and never from the
//! model. An origin that is trusted less than somebody the owner let in has no schedules.

mod create;
mod delete;
mod list;
mod view;

use livos_core::RegisterToolError;
use livos_core::ScheduleError;
use livos_core::ScheduleManager;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolRegistry;
use livos_core::Trust;
use livos_core::UserId;

pub use self::create::ScheduleCreate;
pub use self::create::ScheduleCreateArgs;
pub use self::delete::ScheduleDelete;
pub use self::delete::ScheduleDeleteArgs;
pub use self::list::ScheduleList;
pub use self::list::ScheduleListArgs;

/// Registers the three tools.
///
/// # Errors
/// When a name is taken; tools before it are registered then.
pub fn register(
    tools: &ToolRegistry,
    schedules: &ScheduleManager,
) -> Result<(), RegisterToolError> {
    tools.register(ScheduleCreate::new(schedules.clone()))?;
    tools.register(ScheduleList::new(schedules.clone()))?;
    tools.register(ScheduleDelete::new(schedules.clone()))
}

/// The user whose schedules a call may see.
fn user(context: &ToolContext) -> Result<UserId, ToolError> {
    let origin = context.origin();
    if origin.trust < Trust::Paired {
        return Err(refused(&ScheduleError::NotAllowed));
    }
    Ok(origin.user.clone())
}

fn refused(error: &ScheduleError) -> ToolError {
    ToolError::model(error.to_string())
}
