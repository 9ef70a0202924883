//! What is due: a hash for each schedule, one list ordered by time, and others to look it up by.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;
use serde_json::json;

use super::RedisStore;
use super::entry::Parcel;
use super::failure::damaged;
use super::fields::Fields;
use super::fields::micros;
use super::fields::time_of_score;
use super::fields::to_text;
use super::operation;
use super::queue::admission;
use super::queue::before;
use super::runs::CHUNK;
use super::sessions;
use crate::clock::Timestamp;
use crate::id::ScheduleId;
use crate::store::Admission;
use crate::store::DueSchedules;
use crate::store::FIRINGS_KEPT;
use crate::store::FiringRecord;
use crate::store::MAX_WAITING;
use crate::store::Page;
use crate::store::ScheduleChange;
use crate::store::ScheduleFilter;
use crate::store::ScheduleRecord;
use crate::store::ScheduleStore;
use crate::store::SessionRecord;
use crate::store::StoreError;

#[async_trait]
impl ScheduleStore for RedisStore {
    async fn create_schedule(
        &self,
        schedule: ScheduleRecord,
        session: Option<SessionRecord>,
    ) -> Result<(), StoreError> {
        let mut plan = json!({ "id": schedule.id, "fields": fields(&schedule)? });
        if let (Some(session), Some(plan)) = (session, plan.as_object_mut()) {
            plan.insert("own".to_owned(), json!(sessions::fields(&session)));
        }
        let answer = self.once(&self.scripts.create_schedule, &plan).await?;
        match answer.verdict() {
            "conflict" => Err(StoreError::conflict("schedule", &schedule.id, "it exists already")),
            "missing" => Err(StoreError::not_found("session", &schedule.session_id)),
            _ => Ok(()),
        }
    }

    async fn change_schedule(
        &self,
        change: ScheduleChange,
    ) -> Result<Option<Admission>, StoreError> {
        let ScheduleChange { schedule, firings, run } = &change;
        let firings = firings
            .iter()
            .map(|firing| Ok(json!({ "slot": micros(firing.slot), "text": to_text(firing)? })));
        let parcel = run.as_ref().map(|run| Parcel::of(run, before(run.at), MAX_WAITING));
        let parcel = parcel.transpose()?;
        let plan = json!({
            "id": schedule.id,
            "before": schedule.version.saturating_sub(1).to_string(),
            "fields": fields(schedule)?,
            "firings": firings.collect::<Result<Vec<Value>, StoreError>>()?,
            "kept": FIRINGS_KEPT,
            "tell": change.moves(),
            "run": parcel,
        });
        // A null is no nil in Lua.
        let plan = without_nulls(plan);
        let raw = parcel.as_ref().map(to_text).transpose()?;
        let bodies: Vec<String> = raw.into_iter().collect();
        let script = &self.scripts.change_schedule;
        let answer = self.execute(script, &operation(), &plan, &bodies).await?;
        match (answer.verdict(), run) {
            ("missing", _) => Err(StoreError::not_found("schedule", &schedule.id)),
            ("changed", _) => {
                let version: u64 = answer.parse(1)?;
                change.check(version)?;
                Err(StoreError::conflict("schedule", &schedule.id, "it changes all the time"))
            }
            ("busy", Some(run)) => {
                Err(StoreError::Busy { session_id: run.session_id, limit: MAX_WAITING })
            }
            (_, Some(_)) => admission(&answer).map(Some),
            (_, None) => Ok(None),
        }
    }

    async fn delete_schedule(&self, id: ScheduleId) -> Result<bool, StoreError> {
        let answer = self.once(&self.scripts.delete_schedule, &json!({ "id": id })).await?;
        Ok(answer.verdict() == "ok")
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError> {
        let mut field = self.command("HGET", &[&"schedule", &id]);
        let record: Option<String> = self.ask(field.arg("record")).await?;
        record.map(|record| read("schedule", &record)).transpose()
    }

    async fn schedules(
        &self,
        filter: ScheduleFilter,
        limit: usize,
    ) -> Result<Page<ScheduleRecord>, StoreError> {
        let list = match (filter.session_id, &filter.user, filter.status) {
            (Some(session), _, _) => self.key(&[&"schedules", &"session", &session]),
            (None, Some(user), _) => self.key(&[&"schedules", &"user", user]),
            (None, None, Some(status)) => self.key(&[&"schedules", &"status", &status.name()]),
            (None, None, None) => self.key(&[&"schedules"]),
        };
        let mut before = filter.before;
        let mut found: Vec<ScheduleRecord> = Vec::new();
        while found.len() <= limit {
            let wanted = limit.saturating_sub(found.len()).saturating_add(1).min(CHUNK);
            let ids: Vec<ScheduleId> = self.ids_before(&list, before, wanted).await?;
            before = ids.last().copied();
            found.extend(self.schedules_of(&ids).await?);
            found.retain(|schedule| filter.accepts(schedule));
            if ids.len() < wanted {
                break;
            }
        }
        Ok(Page::cut(found, limit))
    }

    async fn due_schedules(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueSchedules, StoreError> {
        let list = self.key(&[&"scheduled"]);
        let mut commands = redis::pipe();
        let range = commands.cmd("ZRANGEBYSCORE").arg(&list).arg("-inf").arg(micros(now));
        range.arg("LIMIT").arg(0).arg(limit);
        let (ids,): (Vec<String>,) = self.ask_all(&commands).await?;
        let mut next = redis::cmd("ZRANGE");
        next.arg(&list).arg(ids.len()).arg(ids.len()).arg("WITHSCORES");
        let next: Vec<String> = self.ask(&next).await?;
        let ids = ids.iter().map(|id| id.parse()).collect::<Result<Vec<ScheduleId>, _>>();
        let ids = ids.map_err(|error| damaged("id", &error))?;
        let due = self.schedules_of(&ids).await?;
        Ok(DueSchedules { due, look_again_at: next.get(1).and_then(|at| time_of_score(at)) })
    }

    async fn firings(
        &self,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Page<FiringRecord>, StoreError> {
        let from = before.map_or_else(|| "+inf".to_owned(), |slot| format!("({}", micros(slot)));
        let mut range = self.command("ZREVRANGEBYSCORE", &[&"firings", &"slots", &id]);
        range.arg(from).arg("-inf").arg("LIMIT").arg(0).arg(limit.saturating_add(1));
        let slots: Vec<String> = self.ask(&range).await?;
        if slots.is_empty() {
            return Ok(Page::cut(Vec::new(), limit));
        }
        let mut fields = self.command("HMGET", &[&"firings", &id]);
        let texts: Vec<Option<String>> = self.ask(fields.arg(slots)).await?;
        let firings = texts.iter().flatten().map(|text| read("firing", text));
        Ok(Page::cut(firings.collect::<Result<_, _>>()?, limit))
    }
}

impl RedisStore {
    /// The schedules of some ids that are there.
    async fn schedules_of(&self, ids: &[ScheduleId]) -> Result<Vec<ScheduleRecord>, StoreError> {
        let hashes: Vec<Fields> = self.hashes("schedule", ids).await?;
        let records = hashes.iter().filter_map(|fields| fields.text("record"));
        records.map(|record| read("schedule", record)).collect()
    }
}

fn read<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(what, &error))
}

fn fields(schedule: &ScheduleRecord) -> Result<BTreeMap<&'static str, String>, StoreError> {
    let next = schedule.progress.next_at.map(micros).unwrap_or_default();
    Ok(BTreeMap::from([
        ("record", to_text(schedule)?),
        ("version", schedule.version.to_string()),
        ("session", schedule.session_id.to_string()),
        ("user", schedule.origin.user.to_string()),
        ("status", schedule.progress.status.name().to_owned()),
        ("next", next),
    ]))
}

fn without_nulls(plan: Value) -> Value {
    match plan {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        plan => plan,
    }
}
