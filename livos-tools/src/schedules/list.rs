//! `schedule_list`.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::ScheduleFilter;
use livos_core::ScheduleManager;
use livos_core::ScheduleStatus;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::refused;
use super::user;
use super::view::view;

/// How many are shown.
const SHOWN: usize = 50;

/// Lists schedules.
#[derive(Debug, Clone)]
pub struct ScheduleList(ScheduleManager);

impl ScheduleList {
    /// A tool that lists the schedules there are here.
    pub fn new(schedules: ScheduleManager) -> Self {
        Self(schedules)
    }
}

/// The arguments of `schedule_list`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleListArgs {
    /// Only those that stand here. Default: all.
    status: Option<StatusArg>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum StatusArg {
    Active,
    Paused,
    Ended,
}

impl Tool for ScheduleList {
    type Args = ScheduleListArgs;

    fn name(&self) -> &str {
        "schedule_list"
    }

    fn description(&self) -> &str {
        include_str!("list.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: ScheduleListArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let status = args.status.map(|status| match status {
            StatusArg::Active => ScheduleStatus::Active,
            StatusArg::Paused => ScheduleStatus::Paused,
            StatusArg::Ended => ScheduleStatus::Ended,
        });
        let user = Some(user(context)?);
        let filter = ScheduleFilter { user, status, ..ScheduleFilter::default() };
        let page = self.0.list(filter, SHOWN).await.map_err(|error| refused(&error))?;
        let shown: Vec<_> = page.items.iter().map(|schedule| view(&self.0, schedule)).collect();
        let output = ToolOutput::json(&json!({ "schedules": shown, "has_more": page.has_more }))?;
        Ok(if page.has_more { output.truncated() } else { output })
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
