//! `schedule_delete`.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::ScheduleId;
use livos_core::ScheduleManager;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::refused;
use super::user;

/// Deletes schedules.
#[derive(Debug, Clone)]
pub struct ScheduleDelete(ScheduleManager);

impl ScheduleDelete {
    /// A tool that deletes schedules here.
    pub fn new(schedules: ScheduleManager) -> Self {
        Self(schedules)
    }
}

/// The arguments of `schedule_delete`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleDeleteArgs {
    /// Its id, as schedule_list shows it.
    id: String,
}

impl Tool for ScheduleDelete {
    type Args = ScheduleDeleteArgs;

    fn name(&self) -> &str {
        "schedule_delete"
    }

    fn description(&self) -> &str {
        include_str!("delete.md")
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(
        &self,
        args: ScheduleDeleteArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let user = user(context)?;
        let unknown = || ToolError::model(format!("there is no schedule '{}'", args.id));
        let id: ScheduleId = args.id.parse().map_err(|_| unknown())?;
        // Somebody else's is as good as none.
        let found = self.0.get(id).await.ok().filter(|schedule| schedule.origin.user == user);
        let schedule = found.ok_or_else(unknown)?;
        self.0.delete(id).await.map_err(|error| refused(&error))?;
        Ok(format!("'{}' is deleted", schedule.plan.title).into())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
