//! The runs there are: a hash each, in lists ordered by id.

use std::collections::HashMap;

use async_trait::async_trait;

use super::RedisStore;
use super::fields::Fields;
use super::fields::name_of;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::Page;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::RunStore;
use crate::store::StoreError;

/// How many ids of a list are looked at together.
pub(super) const CHUNK: usize = 200;

#[async_trait]
impl RunStore for RedisStore {
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        let fields = self.hash(self.key(&[&"run", &id])).await?;
        (!fields.is_empty()).then(|| record(id, &fields)).transpose()
    }

    async fn runs(&self, filter: RunFilter, limit: usize) -> Result<Page<RunRecord>, StoreError> {
        let list = self.narrowest_list(&filter);
        let mut before = filter.before;
        let mut found = Vec::new();
        while found.len() <= limit {
            let wanted = limit.saturating_sub(found.len()).saturating_add(1).min(CHUNK);
            let ids: Vec<RunId> = self.ids_before(&list, before, wanted).await?;
            let hashes = self.hashes("run", &ids).await?;
            before = ids.last().copied();
            for (id, fields) in ids.iter().zip(&hashes).filter(|(_, fields)| !fields.is_empty()) {
                found.push(record(*id, fields)?);
            }
            found.retain(|run| filter.accepts(run));
            if ids.len() < wanted {
                break;
            }
        }
        Ok(Page::cut(found, limit))
    }
}

impl RedisStore {
    /// A list that holds every run which the filter accepts, and few others.
    fn narrowest_list(&self, filter: &RunFilter) -> String {
        if let Some(parent) = filter.parent {
            self.key(&[&"runs", &"parent", &parent])
        } else if let Some(session) = filter.session_id {
            self.key(&[&"runs", &"session", &session])
        } else if let Some(trigger) = filter.trigger {
            self.key(&[&"runs", &"trigger", &name_of(&trigger)])
        } else if let Some(state) = filter.state {
            self.key(&[&"runs", &"state", &name_of(&state)])
        } else {
            self.key(&[&"runs"])
        }
    }

    /// The fields of one hash; none if there is no such hash.
    pub(super) async fn hash(&self, key: String) -> Result<Fields, StoreError> {
        let fields: HashMap<String, String> = self.ask(redis::cmd("HGETALL").arg(key)).await?;
        Ok(fields.into())
    }

    /// The fields of several hashes of a kind, in the order of their ids.
    pub(super) async fn hashes<I: ToString>(
        &self,
        kind: &str,
        ids: &[I],
    ) -> Result<Vec<Fields>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = redis::pipe();
        for id in ids {
            commands.cmd("HGETALL").arg(self.key(&[&kind, &id.to_string()]));
        }
        let hashes: Vec<HashMap<String, String>> = self.ask_all(&commands).await?;
        Ok(hashes.into_iter().map(Into::into).collect())
    }

    /// The ids of a list that come before one, newest first.
    pub(super) async fn ids_before<I>(
        &self,
        list: &str,
        before: Option<I>,
        limit: usize,
    ) -> Result<Vec<I>, StoreError>
    where
        I: std::fmt::Display + std::str::FromStr<Err: std::fmt::Display>,
    {
        let from = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        let mut range = redis::cmd("ZREVRANGEBYLEX");
        range.arg(list).arg(from).arg("-").arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = self.ask(&range).await?;
        let ids = ids.iter().map(|id| id.parse());
        ids.collect::<Result<_, _>>().map_err(|error| super::failure::damaged("id", &error))
    }
}

fn record(id: RunId, fields: &Fields) -> Result<RunRecord, StoreError> {
    let tokens = |name| fields.maybe::<u64>(name).map(Option::unwrap_or_default);
    let finished: Option<i64> = fields.maybe("finished")?;
    Ok(RunRecord {
        id,
        session_id: fields.parse("session")?,
        state: fields.named("state")?,
        trigger: fields.named("trigger")?,
        origin: fields.json("origin")?,
        parent_run_id: fields.maybe("parent")?,
        agent: fields.text("agent").map(Into::into),
        model: fields.text("model").map(Into::into),
        admitted_at: fields.time("admitted")?,
        finished_at: finished.map(Timestamp::from_unix_micros),
        text: fields.text("text").map(str::to_owned),
        error: fields.maybe_json("error")?,
        usage: Usage {
            input_tokens: tokens("input_tokens")?,
            output_tokens: tokens("output_tokens")?,
            cache_read_tokens: tokens("cache_read_tokens")?,
            cache_write_tokens: tokens("cache_write_tokens")?,
            reasoning_tokens: tokens("reasoning_tokens")?,
        },
        cost_micro_usd: fields.maybe("cost")?.map(MicroUsd),
        turns: fields.parse("turns")?,
        tool_calls: fields.parse("tool_calls")?,
    })
}
