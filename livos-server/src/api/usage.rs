//! What model calls used and cost.

use livos_core::Timestamp;
use livos_core::UsageGroup;
use livos_core::UsageQuery;
use livos_core::UsageTotal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Query;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::openapi::any_object;

/// How many totals one answer may have.
const MAX_TOTALS: usize = 1_000;
/// What can be summed by, as the API writes it.
const GROUPS: [(&str, UsageGroup); 8] = [
    ("day", UsageGroup::Day),
    ("model", UsageGroup::Model),
    ("provider", UsageGroup::Provider),
    ("session", UsageGroup::Session),
    ("run", UsageGroup::Run),
    ("user", UsageGroup::User),
    ("channel", UsageGroup::Channel),
    ("purpose", UsageGroup::Purpose),
];

/// What the calls of one group used.
#[derive(Debug, Serialize, JsonSchema)]
struct Total {
    /// The names of the group: a member for each of `group_by`.
    #[schemars(schema_with = "any_object")]
    group: Value,
    /// How many calls ended with an answer.
    answered: u64,
    /// How many ended with an error.
    failed: u64,
    /// How many were for nothing: another provider answered, or nobody waited. Their tokens are estimated.
    discarded: u64,
    /// Tokens of all of them, by kind.
    #[schemars(schema_with = "any_object")]
    usage: Value,
    /// What those cost whose price is known, in millionths of a US dollar.
    cost_micro_usd: u64,
    /// How many used tokens at an unknown price.
    unpriced: u64,
    /// The mean time to the first token, in milliseconds.
    mean_time_to_first_token_ms: Option<u64>,
    /// How long all of them took together, in milliseconds.
    duration_ms: u64,
}

impl Total {
    fn new(total: UsageTotal, names: &[&'static str]) -> Self {
        let group = names.iter().zip(total.group);
        let group: Map<String, Value> =
            group.map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        Self {
            group: group.into(),
            answered: total.answered,
            failed: total.failed,
            discarded: total.discarded,
            usage: json!(total.usage),
            cost_micro_usd: total.cost_micro_usd.0,
            unpriced: total.unpriced,
            mean_time_to_first_token_ms: total.mean_time_to_first_token_ms,
            duration_ms: total.duration_ms,
        }
    }
}

pub(super) async fn show(call: Call) -> Answer {
    let mut query = call.query();
    let names = groups(&mut query);
    let wanted = UsageQuery {
        from: time(&mut query, "from"),
        to: time(&mut query, "to"),
        session_id: query.value("session", "the id of a session"),
        user: query.text("user").map(Into::into),
        group_by: names.iter().filter_map(|name| group(name)).collect(),
        limit: MAX_TOTALS,
    };
    query.finish()?;
    let totals = call.app.store.usage(wanted).await?;
    Reply::ok(&List::whole(totals.into_iter().map(|total| Total::new(total, &names)).collect()))
}

fn group(name: &str) -> Option<UsageGroup> {
    GROUPS.iter().find(|(known, _)| *known == name).map(|(_, group)| *group)
}

fn groups(query: &mut Query<'_>) -> Vec<&'static str> {
    let text = query.text("group_by").unwrap_or_default();
    let asked: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known: Vec<&'static str> = asked
        .iter()
        .filter_map(|name| GROUPS.iter().find(|(known, _)| known == name).map(|(known, _)| *known))
        .collect();
    if known.len() != asked.len() {
        let names = GROUPS.map(|(name, _)| name).join(", ");
        query.fault("group_by", format!("must be some of {names}, separated by commas"));
    }
    known
}

/// A time, or a day that begins at midnight UTC.
fn time(query: &mut Query<'_>, name: &str) -> Option<Timestamp> {
    let text = query.text(name)?;
    let is_day = text.len() == "2026-01-31".len();
    let full = if is_day { format!("{text}T00:00:00Z") } else { text };
    let time = serde_json::from_value(Value::String(full)).ok();
    if time.is_none() {
        query.fault(name, "must be a day such as 2026-01-31, or a time in RFC 3339");
    }
    time
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    let text = json!({"type": "string"});
    let id = json!({"type": "string", "format": "uuid"});
    let names = GROUPS.map(|(name, _)| name).join(", ");
    let operation = operation
        .named("get_usage", "What model calls used and cost.")
        .query("from", &text, "Only calls since this day (UTC) or time, RFC 3339.")
        .query("to", &text, "Only calls before this day (UTC) or time, RFC 3339.")
        .query("group_by", &text, &format!("Some of {names}, separated by commas."))
        .query("session", &id, "Only calls of this session.")
        .query("user", &text, "Only calls for this user.");
    operation.answers::<List<Total>>(200, "At most 1,000 totals, in the order of their groups.")
}
