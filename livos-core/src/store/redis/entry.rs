//! Entries as the scripts take them in.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Serialize;

use super::fields::micros;
use super::fields::name_of;
use super::fields::sortable;
use super::fields::to_text;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::feed::ends_answer;
use crate::id::ApprovalId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Usage;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::store::ApprovalRecord;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::Reply;
use crate::store::ReplyAddress;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::StoreError;
use crate::store::session_query::words;

/// How much of a message is searched, in bytes of its words.
const SEARCHED_BYTES: usize = 2000;

/// An entry without what it says of itself (its kind, as JSON), which goes beside the plan.
#[derive(Debug, Serialize)]
pub(super) struct EntryPlan {
    run: RunId,
    at: String,
    /// The time, to sort sessions by.
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Which of the texts beside the plan is its kind, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    /// What people are asked with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<RequestPlan>,
    /// The words of the message, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// What is owed to those who asked, if it ends a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// Whether what was shown of its run's answer before it is void.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    voids: bool,
}

/// A request as it is kept.
#[derive(Debug, Serialize)]
struct RequestPlan {
    id: ApprovalId,
    record: String,
}

impl RequestPlan {
    fn of(event: &AgentEvent) -> Result<Option<Self>, StoreError> {
        let Some(record) = ApprovalRecord::requested(event) else { return Ok(None) };
        Ok(Some(Self { id: record.id(), record: to_text(&record)? }))
    }
}

/// What an entry changes in the record of its run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    admits: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    add: BTreeMap<&'static str, String>,
}

/// Entries, and their kinds beside them.
pub(super) fn plan_entries(
    session: SessionId,
    entries: &[NewEntry],
) -> Result<(Vec<EntryPlan>, Vec<String>), StoreError> {
    let mut plans = Vec::with_capacity(entries.len());
    let mut bodies = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut plan = EntryPlan::of(session, entry)?;
        bodies.extend(plan.kind.take());
        plan.body = Some(bodies.len());
        plans.push(plan);
    }
    Ok((plans, bodies))
}

impl EntryPlan {
    /// An entry with its kind.
    pub(super) fn of(session: SessionId, entry: &NewEntry) -> Result<Self, StoreError> {
        let NewEntry { run_id, at, kind } = entry;
        Ok(Self {
            run: *run_id,
            at: micros(*at),
            place: sortable(*at),
            kind: Some(to_text(kind)?),
            body: None,
            change: Change::of(session, entry)?,
            asks: match kind {
                EventKind::ApprovalRequested(_) => RequestPlan::of(&as_event(session, entry))?,
                _ => None,
            },
            said: kind.said().map(|text| first_words(&text)),
            reply: Reply::of(kind).as_ref().map(to_text).transpose()?,
            voids: ends_answer(kind),
        })
    }

    /// The same as a mere copy, of which no run learns.
    pub(super) fn copied(self) -> Self {
        Self { change: None, asks: None, reply: None, voids: false, ..self }
    }
}

/// The words of a text as far as they are searched.
fn first_words(text: &str) -> String {
    let mut found = String::new();
    for word in words(text) {
        if found.len() + word.len() >= SEARCHED_BYTES {
            break;
        }
        found.push_str(&word);
        found.push(' ');
    }
    found
}

/// The words of a title.
pub(super) fn heading(title: &str) -> String {
    format!(" {}", first_words(title))
}

impl Change {
    fn of(session: SessionId, entry: &NewEntry) -> Result<Option<Self>, StoreError> {
        let NewEntry { at, kind, .. } = entry;
        let event = as_event(session, entry);
        if let Some(record) = RunRecord::admitted(&event) {
            return Self::admitting(&record).map(Some);
        }
        if !RunRecord::is_changed_by(kind) {
            return Ok(None);
        }
        // What the entry makes of a record in which nothing has happened is what it changes.
        let mut record = untouched(&event);
        record.apply(*at, kind);
        let mut change = Self::default();
        if record.state != RunState::Queued {
            change.set.insert("state", name_of(&record.state));
        }
        if record.turns > 0 {
            change.set.insert("turns", record.turns.to_string());
        }
        change.set.extend(optional_fields(&record)?);
        change.add.extend(token_counts(record.usage));
        change.add.extend(record.cost_micro_usd.map(|cost| ("cost", cost.0.to_string())));
        if record.tool_calls > 0 {
            change.add.insert("tool_calls", record.tool_calls.to_string());
        }
        Ok(Some(change))
    }

    /// Makes the record, as it is.
    pub(super) fn admitting(record: &RunRecord) -> Result<Self, StoreError> {
        let mut set = BTreeMap::from([
            ("session", record.session_id.to_string()),
            ("state", name_of(&record.state)),
            ("trigger", name_of(&record.trigger)),
            ("origin", to_text(&record.origin)?),
            ("admitted", micros(record.admitted_at)),
            ("turns", record.turns.to_string()),
            ("tool_calls", record.tool_calls.to_string()),
        ]);
        set.extend(optional_fields(record)?);
        set.extend(token_counts(record.usage));
        set.extend(record.parent_run_id.map(|parent| ("parent", parent.to_string())));
        set.extend(record.agent.as_ref().map(|agent| ("agent", agent.to_string())));
        set.extend(record.cost_micro_usd.map(|cost| ("cost", cost.0.to_string())));
        Ok(Self { admits: true, set, add: BTreeMap::new() })
    }
}

/// An entry whose number does not matter.
fn as_event(session_id: SessionId, entry: &NewEntry) -> AgentEvent {
    let NewEntry { run_id, at, kind } = entry.clone();
    AgentEvent { session_id, run_id, position: Position::After(0), at, kind }
}

fn untouched(event: &AgentEvent) -> RunRecord {
    RunRecord {
        id: event.run_id,
        session_id: event.session_id,
        state: RunState::Queued,
        trigger: Trigger::default(),
        origin: Origin::default(),
        parent_run_id: None,
        agent: None,
        model: None,
        admitted_at: event.at,
        finished_at: None,
        text: None,
        error: None,
        usage: Usage::default(),
        cost_micro_usd: None,
        turns: 0,
        tool_calls: 0,
    }
}

/// The fields that a run gets on its way.
fn optional_fields(record: &RunRecord) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut fields = Vec::new();
    fields.extend(record.model.as_ref().map(|model| ("model", model.to_string())));
    fields.extend(record.finished_at.map(|at| ("finished", micros(at))));
    fields.extend(record.text.clone().map(|text| ("text", text)));
    if let Some(error) = &record.error {
        fields.push(("error", to_text(error)?));
    }
    Ok(fields)
}

/// The kinds of tokens that were used, by the names of their fields.
fn token_counts(usage: Usage) -> impl Iterator<Item = (&'static str, String)> {
    let counts = [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cache_read_tokens", usage.cache_read_tokens),
        ("cache_write_tokens", usage.cache_write_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
    ];
    let used = counts.into_iter().filter(|(_, count)| *count > 0);
    used.map(|(name, count)| (name, count.to_string()))
}

/// A message on its way to be a run or an input of one.
#[derive(Debug, Serialize)]
pub(super) struct Parcel {
    #[serde(flatten)]
    entry: EntryPlan,
    session: SessionId,
    user: String,
    trust: u8,
    mode: String,
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    also_tell: Option<String>,
    forget_before: String,
    max_waiting: usize,
}

impl Parcel {
    pub(super) fn of(
        run: &NewRun,
        forget_before: Timestamp,
        max_waiting: usize,
    ) -> Result<Self, StoreError> {
        // Two parts, of which the first says where it ends: no two keys are written alike.
        let key = run.key.as_ref();
        let key = key.map(|key| format!("{}:{}:{}", key.source.len(), key.source, key.key));
        Ok(Self {
            entry: EntryPlan::of(run.session_id, &run.entry())?,
            session: run.session_id,
            user: run.origin.user.to_string(),
            trust: run.origin.trust as u8,
            mode: name_of(&run.mode),
            priority: run.priority.rank(),
            lane: run.lane.as_ref().map(|lane| Arc::clone(&lane.name)),
            width: run.lane.as_ref().map(|lane| lane.width),
            parent: run.parent_run_id,
            key,
            reply_to: run.reply_to.as_ref().map(address).transpose()?,
            also_tell: run.also_tell.as_ref().map(address).transpose()?,
            forget_before: micros(forget_before),
            max_waiting,
        })
    }
}

/// An address in the one way that equal addresses are written.
fn address(to: &ReplyAddress) -> Result<String, StoreError> {
    let mut address = to.address.clone();
    address.sort_all_objects();
    to_text(&ReplyAddress { kind: to.kind.clone(), address })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_addresses_are_written_alike() {
        let text = |address| super::address(&ReplyAddress { kind: "k".into(), address }).unwrap();
        let one = text(json!({ "chat": 1, "in": { "a": [], "b": null } }));
        let other = text(json!({ "in": { "b": null, "a": [] }, "chat": 1 }));
        assert_eq!(one, other);
        assert_ne!(one, text(json!({ "chat": 2 })));
    }

    #[test]
    fn long_messages_are_searched_by_their_beginning() {
        let words = first_words(&"ä1 ".repeat(5000));
        assert!(words.len() <= SEARCHED_BYTES && words.starts_with("ä1 ä1 "));
    }
}
