//! Entries as the scripts take them in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fields::micros;
use super::fields::name_of;
use super::fields::sortable;
use super::fields::to_text;
use crate::clock::Timestamp;
use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::event::Position;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::Reply;
use crate::store::ReplyAddress;
use crate::store::RunRecord;
use crate::store::StoreError;
use crate::store::session_query::searchable;

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
    /// The words of the message, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// What is owed to those who asked, if it ends a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
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
            said: kind.said().map(|text| first_words(&text)),
            reply: Reply::of(kind).as_ref().map(to_text).transpose()?,
        })
    }

    /// The same as a mere copy, of which no run learns.
    pub(super) fn copied(self) -> Self {
        Self { change: None, reply: None, ..self }
    }
}

/// The words of a text as far as they are searched.
fn first_words(text: &str) -> String {
    let mut words = searchable(text);
    words.truncate(words.floor_char_boundary(SEARCHED_BYTES));
    words
}

/// The words of a title.
pub(super) fn heading(title: &str) -> String {
    format!(" {}", first_words(title))
}

impl Change {
    fn of(session: SessionId, entry: &NewEntry) -> Result<Option<Self>, StoreError> {
        let NewEntry { run_id, at, kind } = entry;
        let mut change = Self::default();
        match kind {
            EventKind::RunAdmitted { .. } => {
                let event = AgentEvent {
                    session_id: session,
                    run_id: *run_id,
                    position: Position::After(0),
                    at: *at,
                    kind: kind.clone(),
                };
                return RunRecord::admitted(&event).as_ref().map(Self::admitting).transpose();
            }
            EventKind::RunStarted { model, .. } => {
                change.set.insert("state", "running".to_owned());
                change.set.insert("model", model.to_string());
            }
            EventKind::TurnStarted { turn } => {
                change.set.insert("turns", turn.to_string());
            }
            EventKind::AssistantMessage { usage, cost_micro_usd, model, .. } => {
                change.set.insert("model", model.to_string());
                change.add_usage(*usage, *cost_micro_usd);
            }
            EventKind::ToolStarted { .. } => {
                change.add.insert("tool_calls", "1".to_owned());
            }
            EventKind::RunFinished { status, text, error, .. } => {
                change.set.insert("state", name_of(status));
                change.set.insert("finished", micros(*at));
                change.set.insert("text", text.clone());
                if let Some(error) = error {
                    change.set.insert("error", to_text(error)?);
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(change))
    }

    fn add_usage(&mut self, usage: Usage, cost: Option<MicroUsd>) {
        let tokens = token_counts(usage).into_iter().filter(|(_, count)| *count > 0);
        self.add.extend(tokens.map(|(name, count)| (name, count.to_string())));
        // Also a cost of nothing is known.
        self.add.extend(cost.map(|cost| ("cost", cost.0.to_string())));
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
        let tokens = token_counts(record.usage).into_iter().filter(|(_, count)| *count > 0);
        set.extend(tokens.map(|(name, count)| (name, count.to_string())));
        let RunRecord { parent_run_id, model, finished_at, text, cost_micro_usd, .. } = record;
        set.extend(parent_run_id.map(|parent| ("parent", parent.to_string())));
        set.extend(model.as_ref().map(|model| ("model", model.to_string())));
        set.extend(finished_at.map(|at| ("finished", micros(at))));
        set.extend(text.clone().map(|text| ("text", text)));
        set.extend(cost_micro_usd.map(|cost| ("cost", cost.0.to_string())));
        if let Some(error) = &record.error {
            set.insert("error", to_text(error)?);
        }
        Ok(Self { admits: true, set, add: BTreeMap::new() })
    }
}

/// The kinds of tokens by the names of their fields.
pub(super) fn token_counts(usage: Usage) -> [(&'static str, u64); 5] {
    [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cache_read_tokens", usage.cache_read_tokens),
        ("cache_write_tokens", usage.cache_write_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
    ]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
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
            key,
            reply_to: run.reply_to.as_ref().map(address).transpose()?,
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
        assert!(words.len() <= SEARCHED_BYTES && words.starts_with("ä1 ä1"));
    }
}
