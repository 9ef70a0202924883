//! What model calls used: one list in order of time, and what they cost by the hour.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;

use super::RedisStore;
use super::failure::damaged;
use super::fields::sortable;
use super::fields::to_text;
use super::operation;
use crate::clock::Timestamp;
use crate::message::MicroUsd;
use crate::store::StoreError;
use crate::store::UsageLog;
use crate::store::UsageQuery;
use crate::store::UsageRow;
use crate::store::UsageTotal;

/// How many rows are read together.
const CHUNK: usize = 1000;
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// The length of a time in a row.
const TIME: usize = 20;
/// The length of what makes a row differ from all others: the operation that brought it, and its number there.
const NAME: usize = 32 + 1 + 6;

/// A row as a script takes it in.
#[derive(Serialize)]
pub(super) struct UsagePlan {
    /// Its time, its name and what it says, so that it is found by its time and counted once.
    row: String,
    hour: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

pub(super) fn plan_usage(operation: &str, rows: &[UsageRow]) -> Result<Vec<UsagePlan>, StoreError> {
    let plans = rows.iter().enumerate().map(|(number, row)| {
        Ok(UsagePlan {
            row: format!("{}:{operation}:{number:06}:{}", sortable(row.at), to_text(row)?),
            hour: hour(row.at).to_string(),
            cost: row.cost_micro_usd.map(|cost| cost.0.to_string()),
        })
    });
    plans.collect()
}

fn hour(at: Timestamp) -> i64 {
    at.as_unix_micros().div_euclid(HOUR)
}

fn read(row: &str) -> Result<UsageRow, StoreError> {
    let text = row.get(TIME + 1 + NAME + 1..).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| damaged("model call", &error))
}

#[async_trait]
impl UsageLog for RedisStore {
    async fn record_usage(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        let operation = operation();
        let plan = json!({ "usage": plan_usage(&operation, &rows)? });
        self.execute(&self.scripts.record_usage, &operation, &plan, &[]).await?;
        Ok(())
    }

    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageTotal>, StoreError> {
        let mut groups: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
        let mut from =
            query.from.map_or_else(|| "-".to_owned(), |from| format!("[{}", sortable(from)));
        let to = query.to.map_or_else(|| "+".to_owned(), |to| format!("({}", sortable(to)));
        loop {
            let rows = self.rows(&from, &to).await?;
            for row in &rows {
                let row = read(row)?;
                if query.accepts(&row) {
                    let group = query.group_by.iter().map(|by| row.group_name(*by)).collect();
                    groups.entry(group).or_default().add(&row);
                }
            }
            match rows.last().filter(|_| rows.len() == CHUNK) {
                Some(last) => from = format!("({last}"),
                None => break,
            }
        }
        let groups = groups.into_iter().take(query.limit);
        Ok(groups.map(|(group, sum)| sum.total(group)).collect())
    }

    async fn spent_since(&self, since: Timestamp) -> Result<MicroUsd, StoreError> {
        let mut spent = self.spent_in_hours_after(hour(since)).await?;
        let next_hour =
            Timestamp::from_unix_micros(hour(since).saturating_add(1).saturating_mul(HOUR));
        let (mut from, to) = (format!("[{}", sortable(since)), format!("({}", sortable(next_hour)));
        loop {
            let rows = self.rows(&from, &to).await?;
            for row in &rows {
                spent = spent + read(row)?.cost_micro_usd.unwrap_or_default();
            }
            match rows.last().filter(|_| rows.len() == CHUNK) {
                Some(last) => from = format!("({last}"),
                None => return Ok(spent),
            }
        }
    }
}

impl RedisStore {
    async fn rows(&self, from: &str, to: &str) -> Result<Vec<String>, StoreError> {
        let mut range = self.command("ZRANGEBYLEX", &[&"usage"]);
        range.arg(from).arg(to).arg("LIMIT").arg(0).arg(CHUNK);
        self.ask(&range).await
    }

    async fn spent_in_hours_after(&self, hour: i64) -> Result<MicroUsd, StoreError> {
        let mut range = self.command("ZRANGEBYSCORE", &[&"spent", &"hours"]);
        let hours: Vec<String> = self.ask(range.arg(format!("({hour}")).arg("+inf")).await?;
        let mut spent = MicroUsd::default();
        for hours in hours.chunks(CHUNK) {
            let mut values = self.command("HMGET", &[&"spent"]);
            let costs: Vec<Option<u64>> = self.ask(values.arg(hours)).await?;
            spent = costs.into_iter().flatten().fold(spent, |sum, cost| sum + MicroUsd(cost));
        }
        Ok(spent)
    }
}

/// A total that grows, with what its mean is made of.
#[derive(Default)]
struct Sum {
    total: UsageTotal,
    waited_ms: u64,
    waits: u64,
}

impl Sum {
    fn add(&mut self, row: &UsageRow) {
        let one = UsageTotal::of(Vec::new(), &[row]);
        let total = &mut self.total;
        total.answered += one.answered;
        total.failed += one.failed;
        total.discarded += one.discarded;
        total.usage += one.usage;
        total.cost_micro_usd = total.cost_micro_usd + one.cost_micro_usd;
        total.unpriced += one.unpriced;
        total.duration_ms += one.duration_ms;
        if let Some(wait) = row.time_to_first_token_ms {
            self.waited_ms += wait;
            self.waits += 1;
        }
    }

    fn total(self, group: Vec<String>) -> UsageTotal {
        let mean = self.waited_ms.checked_div(self.waits);
        UsageTotal { group, mean_time_to_first_token_ms: mean, ..self.total }
    }
}
