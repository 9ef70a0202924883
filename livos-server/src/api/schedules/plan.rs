//! A plan as the API writes it.

use std::time::Duration;

use livos_core::AgentName;
use livos_core::Budget;
use livos_core::Condition;
use livos_core::MicroUsd;
use livos_core::Misfire;
use livos_core::Overlap;
use livos_core::PAUSE_AFTER;
use livos_core::Recurrence;
use livos_core::SchedulePlan;
use livos_core::SessionId;
use livos_core::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::api::messages::ReplyTo;
use crate::api::sessions::Checked;
use crate::app::App;
use crate::callback;
use crate::http::Problem;
use crate::openapi::any_object;

/// The highest number that a limit may be.
const MAX_LIMIT: u64 = 1_000_000_000_000;

/// A schedule to be made.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSchedule")]
pub(super) struct PlanBody {
    /// What to call it; 1 to 200 characters.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    pub(super) title: String,
    /// What the agent is told at each firing.
    #[schemars(length(min = 1, max = 16_384), regex(pattern = r"\S"))]
    pub(super) task: String,
    /// When it is due: `{kind: "cron", expression, time_zone?}` with five fields, or six with seconds
    /// first; `{kind: "every", seconds}`; `{kind: "at", time}`; or `{kind: "delay", seconds}`.
    pub(super) recurrence: Recurrence,
    /// Where its runs happen; a session of its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "uuid"))]
    pub(super) session_id: Option<SessionId>,
    /// Nothing fires before, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    starts_at: Option<Timestamp>,
    /// Nothing fires after, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    ends_at: Option<Timestamp>,
    /// How often it fires at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    max_firings: Option<u64>,
    /// What happens when it is due while its last run is not over.
    #[serde(default)]
    overlap: Overlap,
    /// What happens with times that were missed, such as while the server was down.
    #[serde(default)]
    misfire: MisfireName,
    /// For `all`: how old a missed time may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    misfire_window_seconds: Option<u64>,
    /// Each firing is put off by up to this, differently each time, and the same on every server.
    #[serde(default)]
    #[schemars(range(min = 0, max = 86_400))]
    jitter_seconds: u64,
    /// When it is looked at before the model is asked.
    #[serde(default)]
    condition: Condition,
    /// What each run may spend instead of what the server's runs may; what is absent stays as there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<BudgetBody>,
    /// What its runs together may cost in a day (UTC), in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    daily_limit_micro_usd: Option<u64>,
    /// The named agent that does it, with its instructions, tools, model and budget. With the agent the
    /// schedule is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9-]*$"))]
    agent: Option<String>,
    /// The model to ask, as `provider/model` or a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
    /// Where each answer is posted, besides being in the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<ReplyTo>,
    /// After how many failures in a row it pauses.
    #[serde(default = "pause_after")]
    #[schemars(range(min = 1, max = 1_000))]
    pause_after: u32,
}

fn pause_after() -> u32 {
    PAUSE_AFTER
}

/// A change to a schedule; what is absent stays, and what is null is taken back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScheduleChange")]
#[expect(dead_code, reason = "the description of a body that is merged as it is")]
pub(super) struct PlanChange {
    /// Whether it goes on: true resumes it, false pauses it.
    enabled: Option<bool>,
    /// A new title.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    title: Option<String>,
    /// A new task.
    #[schemars(length(min = 1, max = 16_384), regex(pattern = r"\S"))]
    task: Option<String>,
    /// When it is due from now on.
    #[schemars(schema_with = "any_object")]
    recurrence: Option<Value>,
    /// As for a new one.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    starts_at: Option<Timestamp>,
    /// As for a new one.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    ends_at: Option<Timestamp>,
    /// As for a new one.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    max_firings: Option<u64>,
    /// As for a new one.
    overlap: Option<Overlap>,
    /// As for a new one.
    misfire: Option<MisfireName>,
    /// As for a new one.
    #[schemars(range(min = 1, max = 604_800))]
    misfire_window_seconds: Option<u64>,
    /// As for a new one.
    #[schemars(range(min = 0, max = 86_400))]
    jitter_seconds: Option<u64>,
    /// As for a new one.
    condition: Option<Condition>,
    /// As for a new one.
    budget: Option<BudgetBody>,
    /// As for a new one.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    daily_limit_micro_usd: Option<u64>,
    /// As for a new one.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9-]*$"))]
    agent: Option<String>,
    /// As for a new one.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
    /// As for a new one.
    reply_to: Option<ReplyTo>,
    /// As for a new one.
    #[schemars(range(min = 1, max = 1_000))]
    pause_after: Option<u32>,
}

/// What happens with times that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Misfire")]
enum MisfireName {
    /// They are left out.
    Skip,
    /// The newest fires once.
    #[default]
    Once,
    /// Each fires that is young enough; needs the overlap policy `queue`.
    All,
}

/// What a run may spend.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Budget")]
struct BudgetBody {
    /// Model calls.
    #[schemars(range(min = 1, max = 1_000))]
    turns: Option<u32>,
    /// Tokens of all prompts and answers together.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    tokens: Option<u64>,
    /// Time from start to end.
    #[schemars(range(min = 1, max = 604_800))]
    seconds: Option<u64>,
    /// Money, in millionths of a US dollar.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    cost_micro_usd: Option<u64>,
}

impl BudgetBody {
    fn read(self, usual: Budget, checked: &mut Checked) -> Budget {
        let mut within = |field: &str, value: Option<u64>, most: u64| {
            let value = value?;
            if !(1..=most).contains(&value) {
                checked.fault(field, format!("must be from 1 to {most}"));
            }
            Some(value)
        };
        let turns = within("budget.turns", self.turns.map(u64::from), 1_000);
        let tokens = within("budget.tokens", self.tokens, 1_000_000_000);
        let seconds = within("budget.seconds", self.seconds, 604_800);
        let cost = within("budget.cost_micro_usd", self.cost_micro_usd, MAX_LIMIT);
        let turns = turns.and_then(|turns| u32::try_from(turns).ok());
        Budget {
            turns: turns.unwrap_or(usual.turns),
            tokens: tokens.unwrap_or(usual.tokens),
            wall_clock: seconds.map_or(usual.wall_clock, Duration::from_secs),
            cost: cost.map(MicroUsd).or(usual.cost),
        }
    }
}

impl From<Budget> for BudgetBody {
    fn from(budget: Budget) -> Self {
        Self {
            turns: Some(budget.turns),
            tokens: Some(budget.tokens),
            seconds: Some(budget.wall_clock.as_secs()),
            cost_micro_usd: budget.cost.map(|cost| cost.0),
        }
    }
}

impl PlanBody {
    /// The plan it means. What the core checks is left to it.
    pub(super) fn read(self, app: &App, usual: Budget) -> Result<SchedulePlan, Problem> {
        let mut checked = Checked::default();
        // What is said and shown has no secrets; an address may need the one it has.
        let (title, task) = app.redactor.cleaned((self.title.trim().to_owned(), self.task));
        let mut plan = SchedulePlan::new(title, task, self.recurrence);
        (plan.starts_at, plan.ends_at) = (self.starts_at, self.ends_at);
        plan.max_firings = self.max_firings;
        plan.overlap = self.overlap;
        plan.misfire = match (self.misfire, self.misfire_window_seconds) {
            (MisfireName::Skip, None) => Misfire::Skip,
            (MisfireName::Once, None) => Misfire::Once,
            (MisfireName::All, Some(seconds)) => {
                Misfire::All { within: Duration::from_secs(seconds) }
            }
            (MisfireName::All, None) => {
                checked.fault("misfire_window_seconds", "is needed for 'all'");
                Misfire::Once
            }
            (MisfireName::Skip | MisfireName::Once, Some(_)) => {
                checked.fault("misfire_window_seconds", "is only for 'all'");
                Misfire::Once
            }
        };
        plan.jitter = Duration::from_secs(self.jitter_seconds);
        plan.condition = self.condition;
        plan.budget = self.budget.map(|budget| budget.read(usual, &mut checked));
        if self.daily_limit_micro_usd.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
            checked.fault("daily_limit_micro_usd", format!("must be from 1 to {MAX_LIMIT}"));
        }
        plan.daily_limit = self.daily_limit_micro_usd.map(MicroUsd);
        plan.agent = self.agent.map(AgentName::from);
        plan.model = checked.model("model", self.model);
        plan.reply_to = self.reply_to.and_then(|ReplyTo::Http { url }| {
            callback::address(&url, &app.callback_guard)
                .map_err(|problem| checked.fault("reply_to.url", problem))
                .ok()
        });
        plan.pause_after = self.pause_after;
        checked.finish()?;
        Ok(plan)
    }
}

impl From<&SchedulePlan> for PlanBody {
    fn from(plan: &SchedulePlan) -> Self {
        let reply_to = plan.reply_to.as_ref();
        let url = reply_to.and_then(|to| Some(to.address.get("url")?.as_str()?.to_owned()));
        let (misfire, window) = match plan.misfire {
            Misfire::Skip => (MisfireName::Skip, None),
            Misfire::Once => (MisfireName::Once, None),
            Misfire::All { within } => (MisfireName::All, Some(within.as_secs())),
        };
        Self {
            title: plan.title.clone(),
            task: plan.task.clone(),
            recurrence: plan.recurrence.clone(),
            session_id: None,
            starts_at: plan.starts_at,
            ends_at: plan.ends_at,
            max_firings: plan.max_firings,
            overlap: plan.overlap,
            misfire,
            misfire_window_seconds: window,
            jitter_seconds: plan.jitter.as_secs(),
            condition: plan.condition,
            budget: plan.budget.map(BudgetBody::from),
            daily_limit_micro_usd: plan.daily_limit.map(|limit| limit.0),
            agent: plan.agent.as_ref().map(ToString::to_string),
            model: plan.model.as_ref().map(ToString::to_string),
            reply_to: url.map(|url| ReplyTo::Http { url }),
            pause_after: plan.pause_after,
        }
    }
}

/// A plan with some fields changed; a field that is null is taken back.
pub(super) fn merged(plan: &PlanBody, change: Map<String, Value>) -> Value {
    let mut fields = match serde_json::to_value(plan) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    // A window is for one policy; another takes it back.
    if change.contains_key("misfire") && !change.contains_key("misfire_window_seconds") {
        fields.remove("misfire_window_seconds");
    }
    for (name, value) in change {
        match value {
            Value::Null => fields.remove(&name),
            value => fields.insert(name, value),
        };
    }
    Value::Object(fields)
}
