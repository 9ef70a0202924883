//! The sessions there are: a hash each, and one list ordered by their last activity.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::RedisStore;
use super::answer::Answer;
use super::entry::Change;
use super::entry::EntryPlan;
use super::entry::heading;
use super::entry::plan_entries;
use super::failure::damaged;
use super::fields::Fields;
use super::fields::micros;
use super::fields::sortable;
use super::operation;
use super::runs::CHUNK;
use crate::id::SessionId;
use crate::store::Fork;
use crate::store::ImportedSession;
use crate::store::Page;
use crate::store::SessionCursor;
use crate::store::SessionPatch;
use crate::store::SessionQuery;
use crate::store::SessionRecord;
use crate::store::SessionStore;
use crate::store::SessionTransfer;
use crate::store::StoreError;
use crate::store::session_query::finished_runs;
use crate::store::session_query::search_words;

/// How many sessions one search looks at, from the newest on.
const SEARCHED_SESSIONS: usize = 10_000;
/// How many are searched in one step, in which Redis does nothing else.
const SEARCHED_TOGETHER: usize = 16;

#[async_trait]
impl SessionStore for RedisStore {
    async fn create_session(&self, session: SessionRecord) -> Result<(), StoreError> {
        let plan = json!({ "id": session.id, "fields": fields(&session) });
        self.freely(&self.scripts.create_session, &plan).await?;
        Ok(())
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let fields = self.hash(self.key(&[&"session", &id])).await?;
        (!fields.is_empty()).then(|| record(id, &fields)).transpose()
    }

    async fn sessions(
        &self,
        query: SessionQuery,
        limit: usize,
    ) -> Result<Page<SessionRecord>, StoreError> {
        let words = query.text.as_deref().map(search_words).unwrap_or_default();
        let mut place = query.after.map(|cursor| place(&cursor));
        let list = match query.parent {
            Some(parent) => self.key(&[&"sessions", &"of", &parent]),
            None => self.key(&[&"sessions"]),
        };
        let mut found = Vec::new();
        let mut looked_at = 0;
        while found.len() <= limit {
            let missing = limit.saturating_sub(found.len()).saturating_add(1);
            let wanted = if words.is_empty() { missing.min(CHUNK) } else { SEARCHED_TOGETHER };
            let listed = self.places_before(&list, place.as_deref(), wanted).await?;
            place = listed.last().map(|(place, _)| place.clone());
            let is_last = listed.len() < wanted;
            looked_at += listed.len();
            let ids: Vec<SessionId> = listed.into_iter().map(|(_, id)| id).collect();
            let ids = if words.is_empty() { ids } else { self.mentioning(&words, &ids).await? };
            for (id, fields) in ids.iter().zip(&self.hashes("session", &ids).await?) {
                if !fields.is_empty() {
                    found.push(record(*id, fields)?);
                }
            }
            if is_last || (!words.is_empty() && looked_at >= SEARCHED_SESSIONS) {
                break;
            }
        }
        Ok(Page::cut(found, limit))
    }

    async fn update_session(
        &self,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<SessionRecord, StoreError> {
        let SessionPatch { title, model, at } = patch;
        let mut fields = BTreeMap::new();
        if let Some(title) = title {
            fields.insert("heading", heading(&title));
            fields.insert("title", title);
        }
        fields.extend(model.map(|model| ("model", model.to_string())));
        if let Some(updated_at) = at {
            fields.insert("updated", micros(updated_at));
            fields.insert("place", place(&SessionCursor { updated_at, id }));
        }
        let plan = json!({ "id": id, "fields": fields });
        let answer = self.once(&self.scripts.update_session, &plan).await?;
        changed(id, &answer).unwrap_or_else(|| Err(StoreError::not_found("session", &id)))
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let answer = self.once(&self.scripts.delete_session, &json!({ "id": id })).await?;
        Ok(answer.verdict() == "ok")
    }
}

#[async_trait]
impl SessionTransfer for RedisStore {
    async fn fork(&self, fork: Fork) -> Result<SessionRecord, StoreError> {
        let Fork { from, up_to, into } = fork;
        let plan = json!({ "id": into.id, "from": from, "up_to": up_to, "fields": fields(&into) });
        let answer = self.once(&self.scripts.fork, &plan).await?;
        match (answer.verdict(), answer.text(1)) {
            ("conflict", _) => Err(exists(into.id)),
            ("missing", Some("entry")) => Err(StoreError::not_found("entry", &up_to)),
            _ => changed(into.id, &answer)
                .unwrap_or_else(|| Err(StoreError::not_found("session", &from))),
        }
    }

    async fn import(&self, session: ImportedSession) -> Result<(), StoreError> {
        let ImportedSession { session, entries } = session;
        let runs = finished_runs(session.id, &entries);
        let runs =
            runs.iter().map(|run| Ok(json!({ "run": run.id, "change": Change::admitting(run)? })));
        let runs = runs.collect::<Result<Vec<_>, StoreError>>()?;
        let (entries, bodies) = plan_entries(session.id, &entries)?;
        let entries: Vec<EntryPlan> = entries.into_iter().map(EntryPlan::copied).collect();
        let fields = fields(&session);
        let plan = json!({ "id": session.id, "fields": fields, "runs": runs, "entries": entries });
        let answer = self.execute(&self.scripts.import, &operation(), &plan, &bodies).await?;
        if answer.verdict() == "conflict" { Err(exists(session.id)) } else { Ok(()) }
    }
}

impl RedisStore {
    /// The places of the list that come before one, with their sessions, newest first.
    async fn places_before(
        &self,
        list: &str,
        place: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, SessionId)>, StoreError> {
        let from = place.map_or_else(|| "+".to_owned(), |place| format!("({place}"));
        let mut range = redis::cmd("ZREVRANGEBYLEX");
        range.arg(list).arg(from).arg("-").arg("LIMIT").arg(0).arg(limit);
        let places: Vec<String> = self.ask(&range).await?;
        let sessions = places.into_iter().map(|place| {
            let id = place.split_once(':').and_then(|(_, id)| id.parse().ok());
            let id = id.ok_or_else(|| damaged("place", &place))?;
            Ok((place, id))
        });
        sessions.collect()
    }

    /// Those of some sessions that a search is for.
    async fn mentioning(
        &self,
        words: &[String],
        sessions: &[SessionId],
    ) -> Result<Vec<SessionId>, StoreError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<String> = words.iter().map(|word| format!(" {word}")).collect();
        let plan = json!({ "words": words, "sessions": sessions });
        let answer = self.freely(&self.scripts.search, &plan).await?;
        let found = answer.texts(1).map(str::parse).collect::<Result<_, _>>();
        found.map_err(|error| damaged("id", &error))
    }
}

fn exists(id: SessionId) -> StoreError {
    StoreError::conflict("session", &id, "it exists already")
}

/// A place of the list as text that sorts as the list does.
fn place(cursor: &SessionCursor) -> String {
    format!("{}:{}", sortable(cursor.updated_at), cursor.id)
}

pub(super) fn fields(session: &SessionRecord) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::from([
        ("created", micros(session.created_at)),
        ("updated", micros(session.updated_at)),
        ("place", place(&session.into())),
    ]);
    if let Some(title) = &session.title {
        fields.insert("title", title.clone());
        fields.insert("heading", heading(title));
    }
    fields.extend(session.model.as_ref().map(|model| ("model", model.to_string())));
    fields.extend(session.parent.map(|parent| ("parent", parent.to_string())));
    fields
}

fn record(id: SessionId, fields: &Fields) -> Result<SessionRecord, StoreError> {
    Ok(SessionRecord {
        id,
        title: fields.text("title").map(str::to_owned),
        model: fields.text("model").map(Into::into),
        parent: fields.maybe("parent")?,
        created_at: fields.time("created")?,
        updated_at: fields.time("updated")?,
    })
}

/// The session that a script gives back, if there is one.
fn changed(id: SessionId, answer: &Answer) -> Option<Result<SessionRecord, StoreError>> {
    (answer.verdict() == "ok").then(|| record(id, &answer.fields(1)))
}
