//! `schedule_create`.

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::NewSchedule;
use livos_core::Overlap;
use livos_core::Recurrence;
use livos_core::Right;
use livos_core::ScheduleFilter;
use livos_core::ScheduleManager;
use livos_core::SchedulePlan;
use livos_core::ScheduleStatus;
use livos_core::Timestamp;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::refused;
use super::user;
use super::view::view;

/// How many active schedules a user may have before a model makes no more: one that makes schedules out of
/// schedules must come to an end.
const MAX_ACTIVE: usize = 100;

/// Makes schedules.
#[derive(Debug, Clone)]
pub struct ScheduleCreate(ScheduleManager);

impl ScheduleCreate {
    /// A tool that makes schedules here.
    pub fn new(schedules: ScheduleManager) -> Self {
        Self(schedules)
    }
}

/// The arguments of `schedule_create`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleCreateArgs {
    /// What to call it.
    title: String,
    /// What to do each time.
    task: String,
    /// A cron expression of five fields, or six with seconds first: `0 9 * * MON-FRI`.
    cron: Option<String>,
    /// The IANA time zone of `cron`, such as Europe/Berlin.
    time_zone: Option<String>,
    /// The seconds between two times.
    every_seconds: Option<u64>,
    /// One time, RFC 3339.
    at: Option<String>,
    /// One time, this many seconds from now.
    in_seconds: Option<u64>,
    /// The last time it may be due, RFC 3339.
    ends_at: Option<String>,
    /// How often at most.
    max_firings: Option<u64>,
    /// When due while its last run goes on: skip this time (default), queue, or replace that run.
    overlap: Option<OverlapArg>,
    /// The named agent that does it, as `agent_list` shows them. Default: you.
    agent: Option<String>,
    /// Where it is answered: here (default), in this conversation, or in one of its own.
    session: Option<SessionArg>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum OverlapArg {
    Skip,
    Queue,
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SessionArg {
    Here,
    Own,
}

impl Tool for ScheduleCreate {
    type Args = ScheduleCreateArgs;

    fn name(&self) -> &str {
        "schedule_create"
    }

    fn description(&self) -> &str {
        include_str!("create.md")
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // A run of a schedule has all rights of its agent: who may not start agents makes none.
        spec.requiring(Right::Spawn).with_disclosure(Disclosure::WhenFound)
    }

    async fn call(
        &self,
        args: ScheduleCreateArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let filter = ScheduleFilter {
            user: Some(user(context)?),
            status: Some(ScheduleStatus::Active),
            ..ScheduleFilter::default()
        };
        let active = self.0.list(filter, MAX_ACTIVE).await.map_err(|error| refused(&error))?;
        if active.items.len() >= MAX_ACTIVE {
            return Err(ToolError::model(format!(
                "there are {MAX_ACTIVE} active schedules already; delete some first"
            )));
        }
        let is_own = args.session == Some(SessionArg::Own);
        let new = NewSchedule {
            session_id: (!is_own).then(|| context.session_id()),
            origin: context.origin().clone(),
            plan: plan(args)?,
        };
        let made = self.0.create(new).await.map_err(|error| refused(&error))?;
        ToolOutput::json(&view(&self.0, &made))
    }
}

fn plan(args: ScheduleCreateArgs) -> Result<SchedulePlan, ToolError> {
    let recurrence = recurrence(&args)?;
    let mut plan = SchedulePlan::new(args.title, args.task, recurrence);
    plan.ends_at = args.ends_at.as_deref().map(|text| time("ends_at", text)).transpose()?;
    plan.max_firings = args.max_firings;
    plan.agent = args.agent.map(Into::into);
    plan.overlap = match args.overlap {
        None | Some(OverlapArg::Skip) => Overlap::Skip,
        Some(OverlapArg::Queue) => Overlap::Queue,
        Some(OverlapArg::Replace) => Overlap::Replace,
    };
    Ok(plan)
}

fn recurrence(args: &ScheduleCreateArgs) -> Result<Recurrence, ToolError> {
    let cron = args
        .cron
        .clone()
        .map(|expression| Recurrence::Cron { expression, time_zone: args.time_zone.clone() });
    let at = args.at.as_deref().map(|text| time("at", text)).transpose()?;
    let given = [
        cron,
        args.every_seconds.map(|seconds| Recurrence::Every { seconds }),
        at.map(Recurrence::at),
        args.in_seconds.map(|seconds| Recurrence::Delay { seconds }),
    ];
    let mut given = given.into_iter().flatten();
    let (Some(recurrence), None) = (given.next(), given.next()) else {
        return Err(ToolError::model("give exactly one of cron, every_seconds, at and in_seconds"));
    };
    if args.time_zone.is_some() && args.cron.is_none() {
        return Err(ToolError::model("time_zone is for cron; the other times are in UTC"));
    }
    Ok(recurrence)
}

fn time(field: &str, text: &str) -> Result<Timestamp, ToolError> {
    text.parse().map_err(|error| ToolError::model(format!("{field}: {error}")))
}
