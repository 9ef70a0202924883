//! What model calls used.

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::ToSql;
use rusqlite::params;

use super::statement::counted;
use super::statement::execute;
use super::statement::row;
use super::statement::rows;
use super::statement::run_key;
use super::statement::session_key;
use super::statement::stored;
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::SqliteStore;
use crate::store::StoreError;
use crate::store::UsageGroup;
use crate::store::UsageLog;
use crate::store::UsageQuery;
use crate::store::UsageRow;
use crate::store::UsageTotal;

const SUMS: &str = "count(*) FILTER (WHERE status = 'answered'), \
     count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'discarded'), \
     sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens), \
     sum(reasoning_tokens), coalesce(sum(cost_micro_usd), 0), \
     count(*) FILTER (WHERE cost_micro_usd IS NULL AND \
       input_tokens + output_tokens + cache_read_tokens + cache_write_tokens > 0), \
     CAST(avg(time_to_first_token_ms) AS INTEGER), sum(duration_ms)";

#[async_trait]
impl UsageLog for SqliteStore {
    async fn record_usage(&self, calls: Vec<UsageRow>) -> Result<(), StoreError> {
        self.writer.run(move |db| insert(db, &calls)).await
    }

    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageTotal>, StoreError> {
        self.reader.run(move |db| totals(db, &query)).await
    }

    async fn spent_since(&self, since: Timestamp) -> Result<MicroUsd, StoreError> {
        self.reader.run(move |db| spent_since(db, since)).await
    }
}

pub(super) fn insert(db: &Connection, usage: &[UsageRow]) -> Result<(), StoreError> {
    for call in usage {
        execute(
            db,
            "INSERT INTO usage (at, provider, model, purpose, status, input_tokens, output_tokens, \
             cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_micro_usd, \
             time_to_first_token_ms, duration_ms, run_id, session_id, user, channel) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                call.at.as_unix_micros(),
                call.provider.as_str(),
                call.model.as_str(),
                call.purpose.name(),
                call.status.name(),
                stored(call.usage.input_tokens),
                stored(call.usage.output_tokens),
                stored(call.usage.cache_read_tokens),
                stored(call.usage.cache_write_tokens),
                stored(call.usage.reasoning_tokens),
                call.cost_micro_usd.map(|cost| stored(cost.0)),
                call.time_to_first_token_ms.map(stored),
                stored(call.duration_ms),
                call.run_id.map(run_key),
                call.session_id.map(session_key),
                call.user.as_str(),
                call.channel,
            ],
        )?;
    }
    Ok(())
}

pub(super) fn totals(db: &Connection, wanted: &UsageQuery) -> Result<Vec<UsageTotal>, StoreError> {
    let from = wanted.from.map(Timestamp::as_unix_micros);
    let to = wanted.to.map(Timestamp::as_unix_micros);
    let session = wanted.session_id.map(session_key);
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    let mut conditions = String::new();
    if let Some(from) = &from {
        conditions.push_str(" AND at >= :from");
        values.push((":from", from));
    }
    if let Some(to) = &to {
        conditions.push_str(" AND at < :to");
        values.push((":to", to));
    }
    if let Some(session) = &session {
        conditions.push_str(" AND session_id = :session");
        values.push((":session", session));
    }
    let user = wanted.user.as_ref().map(UserId::as_str);
    if let Some(user) = &user {
        conditions.push_str(" AND user = :user");
        values.push((":user", user));
    }
    let columns = wanted.group_by.iter().map(|by| column(*by)).chain([SUMS]);
    let columns = columns.collect::<Vec<_>>().join(", ");
    let places: Vec<_> = (1..=wanted.group_by.len()).map(|place| place.to_string()).collect();
    let places = places.join(", ");
    let grouping = match places.is_empty() {
        true => " HAVING count(*) > 0".to_owned(),
        false => format!(" GROUP BY {places} ORDER BY {places}"),
    };
    let query =
        format!("SELECT {columns} FROM usage WHERE TRUE{conditions}{grouping} LIMIT :limit");
    rows(db, &query, values.as_slice(), |row| total(row, wanted.group_by.len()))
}

fn total(row: &Row<'_>, groups: usize) -> rusqlite::Result<UsageTotal> {
    let group = (0..groups).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()?;
    let sum = |column: usize| row.get(groups + column).map(counted);
    let mean: Option<i64> = row.get(groups + 10)?;
    Ok(UsageTotal {
        group,
        answered: sum(0)?,
        failed: sum(1)?,
        discarded: sum(2)?,
        usage: Usage {
            input_tokens: sum(3)?,
            output_tokens: sum(4)?,
            cache_read_tokens: sum(5)?,
            cache_write_tokens: sum(6)?,
            reasoning_tokens: sum(7)?,
        },
        cost_micro_usd: MicroUsd(sum(8)?),
        unpriced: sum(9)?,
        mean_time_to_first_token_ms: mean.map(counted),
        duration_ms: sum(11)?,
    })
}

/// A column as the group's name in text; ids as they are printed, in hexadecimal groups.
fn column(by: UsageGroup) -> &'static str {
    match by {
        UsageGroup::Day => "date(at / 1000000, 'unixepoch')",
        UsageGroup::Model => "model",
        UsageGroup::Provider => "provider",
        UsageGroup::Session => {
            "CASE WHEN session_id IS NULL THEN '' ELSE lower(substr(hex(session_id), 1, 8) || '-' \
             || substr(hex(session_id), 9, 4) || '-' || substr(hex(session_id), 13, 4) || '-' \
             || substr(hex(session_id), 17, 4) || '-' || substr(hex(session_id), 21)) END"
        }
        UsageGroup::Run => {
            "CASE WHEN run_id IS NULL THEN '' ELSE lower(substr(hex(run_id), 1, 8) || '-' \
             || substr(hex(run_id), 9, 4) || '-' || substr(hex(run_id), 13, 4) || '-' \
             || substr(hex(run_id), 17, 4) || '-' || substr(hex(run_id), 21)) END"
        }
        UsageGroup::User => "user",
        UsageGroup::Channel => "channel",
        UsageGroup::Purpose => "purpose",
    }
}

pub(super) fn spent_since(db: &Connection, since: Timestamp) -> Result<MicroUsd, StoreError> {
    let query = "SELECT coalesce(sum(cost_micro_usd), 0) FROM usage WHERE at >= ?1";
    let spent = row(db, query, [since.as_unix_micros()], |row| row.get(0))?;
    Ok(MicroUsd(counted(spent.unwrap_or_default())))
}
