//! The journal: one stream a session, whose ids are the numbers of the entries.

use async_trait::async_trait;
use serde::Serialize;

use super::RedisStore;
use super::entry::EntryPlan;
use super::entry::plan_entries;
use super::failure::damaged;
use super::operation;
use super::usage::UsagePlan;
use super::usage::plan_usage;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::Append;
use crate::store::Journal;
use crate::store::Lease;
use crate::store::StoreError;

#[derive(Serialize)]
struct AppendPlan<'a> {
    session: SessionId,
    entries: Vec<EntryPlan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<LeasePlan>,
    joins: &'a [RunId],
    usage: Vec<UsagePlan>,
    delivery: DeliveryId,
}

/// A lease as the scripts compare it.
#[derive(Serialize)]
pub(super) struct LeasePlan {
    run: RunId,
    token: String,
}

impl From<Lease> for LeasePlan {
    fn from(lease: Lease) -> Self {
        Self { run: lease.run_id, token: lease.token.0.to_string() }
    }
}

/// An entry of the stream: its id, and its fields in turn.
type StreamEntry = (String, Vec<String>);

#[async_trait]
impl Journal for RedisStore {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        let Append { session_id, entries, lease, joins, usage } = &append;
        let operation = operation();
        let (entries, bodies) = plan_entries(*session_id, entries)?;
        let plan = AppendPlan {
            session: *session_id,
            entries,
            lease: lease.map(Into::into),
            joins,
            usage: plan_usage(&operation, usage)?,
            delivery: DeliveryId::generate(),
        };
        let answer = self.execute(&self.scripts.append, &operation, &plan, &bodies).await?;
        match (answer.verdict(), lease) {
            ("lost", Some(lease)) => Err(StoreError::lease_lost("run", &lease.run_id)),
            ("missing", _) => {
                Err(StoreError::not_found("pending input", &answer.text(1).unwrap_or_default()))
            }
            _ => answer.parse(1),
        }
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        let (Some(first), true) = (after.checked_add(1), limit > 0) else { return Ok(Vec::new()) };
        let mut range = self.command("XRANGE", &[&"journal", &session_id]);
        range.arg(format!("{first}-0")).arg("+").arg("COUNT").arg(limit);
        let entries: Vec<StreamEntry> = self.ask(&range).await?;
        entries.iter().map(|entry| event(session_id, entry)).collect()
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        let mut field = self.command("HGET", &[&"session", &session_id]);
        let seq: Option<u64> = self.ask(field.arg("seq")).await?;
        Ok(seq.unwrap_or(0))
    }
}

fn event(session_id: SessionId, (id, fields): &StreamEntry) -> Result<AgentEvent, StoreError> {
    let broken =
        |why: &dyn std::fmt::Display| damaged("entry", &format!("{session_id} {id}: {why}"));
    let [_, run_id, _, at, _, kind] = fields.as_slice() else {
        return Err(broken(&"its fields are others"));
    };
    let seq = id.strip_suffix("-0").and_then(|seq| seq.parse().ok());
    let (Some(seq), Ok(run_id), Ok(micros)) = (seq, run_id.parse(), at.parse()) else {
        return Err(broken(&"its number, run or time is something else"));
    };
    let kind = serde_json::from_str(kind).map_err(|error| broken(&error))?;
    let at = Timestamp::from_unix_micros(micros);
    Ok(AgentEvent { session_id, run_id, position: Position::Seq(seq), at, kind })
}
