//! What is remembered: a hash for each fact, and the lists of a user's.

use async_trait::async_trait;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::RedisStore;
use super::failure::damaged;
use super::fields::Fields;
use super::fields::micros;
use super::fields::to_text;
use super::runs::CHUNK;
use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::UserId;
use crate::store::ChangedFact;
use crate::store::FactChange;
use crate::store::FactFilter;
use crate::store::FactRecord;
use crate::store::FactStore;
use crate::store::FactsWritten;
use crate::store::Page;
use crate::store::StoreError;

#[async_trait]
impl FactStore for RedisStore {
    async fn change_facts(&self, change: FactChange) -> Result<FactsWritten, StoreError> {
        let puts = change.puts.iter().map(put).collect::<Result<Vec<Value>, StoreError>>()?;
        let plan = json!({ "user": change.user, "puts": puts, "removes": change.removes });
        let answer = self.once(&self.scripts.change_facts, &plan).await?;
        match answer.verdict() {
            "known" => Ok(FactsWritten::Known(answer.parse(1)?)),
            "changed" => {
                let (id, version): (FactId, u64) = (answer.parse(1)?, answer.parse(2)?);
                if let Some(put) = change.puts.iter().find(|put| put.id == id) {
                    put.follows(version)?;
                }
                Err(StoreError::conflict("fact", &id, "it changes all the time"))
            }
            _ => Ok(FactsWritten::Done { removed: answer.parse(1)? }),
        }
    }

    async fn facts_named(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
    ) -> Result<Vec<FactRecord>, StoreError> {
        let hashes = self.fact_hashes(user, &ids).await?;
        hashes.iter().filter_map(|fields| read(fields).transpose()).collect()
    }

    async fn facts(
        &self,
        filter: FactFilter,
        limit: usize,
    ) -> Result<Page<FactRecord>, StoreError> {
        let list = self.key(&[&"facts", &"all", &filter.user]);
        let mut before = filter.before;
        let mut found: Vec<FactRecord> = Vec::new();
        while found.len() <= limit {
            // Those that do not fit are passed over, so that few that fit are not asked for one by one.
            let ids: Vec<FactId> = self.ids_before(&list, before, CHUNK).await?;
            before = ids.last().copied();
            let facts = self.facts_named(&filter.user, ids.clone()).await?;
            found.extend(facts.into_iter().filter(|fact| filter.accepts(fact)));
            if ids.len() < CHUNK {
                break;
            }
        }
        for fact in &mut found {
            fact.embedding = None;
        }
        Ok(Page::cut(found, limit))
    }

    async fn fact_changes(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChangedFact>, StoreError> {
        let mut range = self.command("ZRANGEBYSCORE", &[&"facts", &"changed", user]);
        range.arg(format!("({after}")).arg("+inf").arg("WITHSCORES");
        let first: Vec<String> = self.ask(range.arg("LIMIT").arg(0).arg(limit)).await?;
        let mut changed = revisions(&first)?;
        let Some((_, last)) = changed.last().copied() else { return Ok(Vec::new()) };
        // A revision is given whole, so that the next call can begin after it.
        let mut rest = self.command("ZRANGEBYSCORE", &[&"facts", &"changed", user]);
        let rest: Vec<String> = self.ask(rest.arg(last).arg(last).arg("WITHSCORES")).await?;
        changed.retain(|(_, revision)| *revision != last);
        changed.extend(revisions(&rest)?);
        let ids: Vec<FactId> = changed.iter().map(|(id, _)| *id).collect();
        let hashes = self.fact_hashes(user, &ids).await?;
        let changes = changed.into_iter().zip(&hashes);
        let read = |((id, revision), fields): ((FactId, u64), &Fields)| {
            Ok(ChangedFact { revision, id, fact: read(fields)? })
        };
        changes.map(read).collect()
    }

    async fn recall_facts(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let plan = json!({ "user": user, "ids": ids, "at": micros(at) });
        self.once(&self.scripts.recall_facts, &plan).await.map(drop)
    }
}

impl RedisStore {
    async fn fact_hashes(&self, user: &UserId, ids: &[FactId]) -> Result<Vec<Fields>, StoreError> {
        let names: Vec<String> = ids.iter().map(|id| format!("{user}:{id}")).collect();
        self.hashes("fact", &names).await
    }
}

fn revisions(pairs: &[String]) -> Result<Vec<(FactId, u64)>, StoreError> {
    let (pairs, _) = pairs.as_chunks::<2>();
    let read = |[id, revision]: &[String; 2]| {
        let id = id.parse().map_err(|error| damaged("id", &error))?;
        Ok((id, revision.parse().map_err(|error| damaged("revision", &error))?))
    };
    pairs.iter().map(read).collect()
}

fn put(fact: &FactRecord) -> Result<Value, StoreError> {
    let bare = FactRecord { embedding: None, recalled_at: None, recalls: 0, ..fact.clone() };
    let mut put = Map::new();
    put.insert("id".to_owned(), json!(fact.id));
    put.insert("before".to_owned(), fact.version.saturating_sub(1).to_string().into());
    put.insert("version".to_owned(), fact.version.to_string().into());
    put.insert("record".to_owned(), to_text(&bare)?.into());
    if let Some(embedding) = &fact.embedding {
        put.insert("embedding".to_owned(), to_text(embedding)?.into());
    }
    if fact.is_current() {
        put.insert("key".to_owned(), fact.key.as_str().into());
    }
    Ok(put.into())
}

/// The fact, unless it is gone.
fn read(fields: &Fields) -> Result<Option<FactRecord>, StoreError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut fact: FactRecord = fields.json("record")?;
    fact.embedding = fields.maybe_json("embedding")?;
    fact.recalls = fields.maybe("recalls")?.unwrap_or_default();
    fact.recalled_at = fields.maybe("recalled")?.map(Timestamp::from_unix_micros);
    Ok(Some(fact))
}
