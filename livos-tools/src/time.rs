//! The `time` tool: the clock and the calendar, which models are bad at.

mod calendar;

use jiff::Span;
use jiff::Unit;
use jiff::Zoned;
use jiff::ZonedDifference;
use livos_core::Effect;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use self::calendar::described;
use self::calendar::parse_time;
use self::calendar::parse_zone;

/// Registers `time`.
///
/// # Errors
/// When the name is taken.
pub fn register(tools: &ToolRegistry) -> Result<(), RegisterToolError> {
    tools.register(Time)
}

/// Tells the time by the run's clock and calculates with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time;

/// The arguments of `time`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeArgs {
    /// What to do.
    operation: Operation,
    /// An IANA time zone, such as Europe/Berlin. Default: UTC.
    time_zone: Option<String>,
    /// For difference and add: the time to start from.
    from: Option<String>,
    /// For difference: the time to end at. Default: now.
    to: Option<String>,
    /// For add: how much to add.
    duration: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Operation {
    Now,
    Difference,
    Add,
}

impl Tool for Time {
    type Args = TimeArgs;

    fn name(&self) -> &str {
        "time"
    }

    fn description(&self) -> &str {
        include_str!("time.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: TimeArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let zone = parse_zone(args.time_zone.as_deref())?;
        let now = jiff::Timestamp::from_microsecond(context.now().as_unix_micros())
            .map_err(|error| ToolError::model(format!("the clock is wrong: {error}")))?
            .to_zoned(zone);
        let answer = match args.operation {
            Operation::Now => described(&now),
            Operation::Difference => difference(&args, &now)?,
            Operation::Add => add(&args, &now)?,
        };
        ToolOutput::json(&answer)
    }
}

fn difference(args: &TimeArgs, now: &Zoned) -> Result<Value, ToolError> {
    let Some(from) = args.from.as_deref() else {
        return Err(ToolError::model("difference needs from (and to, unless it is now)"));
    };
    let from = parse_time(from, now)?;
    let to = args.to.as_deref().map_or_else(|| Ok(now.clone()), |to| parse_time(to, now))?;
    let calendar = from
        .until(ZonedDifference::new(&to).largest(Unit::Year))
        .map_err(|error| ToolError::model(format!("cannot take the difference: {error}")))?;
    let exact = to.timestamp().duration_since(from.timestamp());
    Ok(json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "difference": format!("{calendar:#}"),
        "iso8601": calendar.to_string(),
        "seconds": exact.as_secs(),
        "days": whole_days(&from, &to)?,
    }))
}

fn whole_days(from: &Zoned, to: &Zoned) -> Result<i32, ToolError> {
    let span: Span = from
        .until(ZonedDifference::new(to).largest(Unit::Day))
        .map_err(|error| ToolError::model(format!("cannot count the days: {error}")))?;
    Ok(span.get_days())
}

fn add(args: &TimeArgs, now: &Zoned) -> Result<Value, ToolError> {
    let Some(text) = args.duration.as_deref() else {
        return Err(ToolError::model("add needs duration, such as P1DT2H or 3 days"));
    };
    let from =
        args.from.as_deref().map_or_else(|| Ok(now.clone()), |from| parse_time(from, now))?;
    let span: Span = text.trim().parse().map_err(|error| {
        ToolError::model(format!("'{text}' is not a duration such as P1DT2H or 3 days: {error}"))
    })?;
    let sum = from
        .checked_add(span)
        .map_err(|error| ToolError::model(format!("the sum is out of range: {error}")))?;
    Ok(described(&sum))
}

#[cfg(test)]
mod tests;
