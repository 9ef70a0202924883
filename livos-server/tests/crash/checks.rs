//! What must hold at the end, whatever died when.

mod agents;
mod approvals;
mod deliveries;
mod journal;
mod memories;
mod messages;
mod runs;
mod tools;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

pub(crate) use self::agents::Agents;
use self::deliveries::are_under_way;
pub(crate) use self::deliveries::owed;
pub(crate) use self::memories::Memories;
pub(crate) use self::tools::unknown as unknown_outcomes;

use crate::campaign::Campaign;
use crate::ledger::Known;

/// How often each tool call took effect outside.
#[derive(Debug, Default)]
pub(crate) struct Traces(BTreeMap<String, u64>);

impl Traces {
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut counts = BTreeMap::new();
        text.lines().for_each(|call| *counts.entry(call.to_owned()).or_default() += 1);
        Self(counts)
    }

    /// All executions together.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Executions beyond the first of the same call.
    pub(crate) fn repeated(&self) -> u64 {
        self.0.values().map(|count| count - 1).sum()
    }

    fn of(&self, call: &str) -> u64 {
        self.0.get(call).copied().unwrap_or_default()
    }

    /// Calls of a session, which its name begins.
    fn of_session<'a>(&'a self, session: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{session}-");
        let is_of = move |call: &&String| call.starts_with(&prefix);
        self.0.keys().filter(is_of).map(String::as_str)
    }
}

/// The journals as they are at the end, by the name of the session.
pub(crate) type Journals = BTreeMap<String, Vec<Value>>;

/// Whether a run is not over, or a reply under way. Runs make replies and replies make runs, so both are
/// looked at twice.
pub(crate) async fn is_something_left(campaign: &Campaign) -> bool {
    for _ in 0..2 {
        if are_under_way(campaign).await || are_driven(campaign).await {
            return true;
        }
    }
    false
}

/// Whether some run is not over.
async fn are_driven(campaign: &Campaign) -> bool {
    for state in ["queued", "running", "waiting"] {
        let path = format!("/api/runs?status={state}&limit=1");
        let list = campaign.api.get(&path).await.ok();
        let list = list.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if list.is_none_or(|list| list["items"] != json!([])) {
            return true;
        }
    }
    false
}

/// What was found besides the journals.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) agents: Agents,
    pub(crate) memories: Memories,
}

/// Compares everything that was promised with what there is.
pub(crate) async fn all(campaign: &Campaign, traces: &Traces) -> (Journals, Found) {
    let (mut journals, mut agents) = (Journals::new(), Agents::default());
    for known in campaign.ledger.sessions() {
        match read(campaign, &known.id).await {
            Ok(journal) => {
                let mut found = Vec::new();
                journal::check(&known, &journal, &mut found);
                messages::check(&known, &journal, &mut found);
                runs::check(&known, &journal, &mut found);
                approvals::check(&journal, &mut found);
                tools::check(&known, &journal, traces, &campaign.model, &mut found);
                deliveries::check(&known, &journal, &campaign.sink, &mut found);
                agents.check(campaign, &known, &journal, traces, &mut found).await;
                for what in found {
                    campaign.ledger.violated(Some(&known.name), what);
                }
                ask_again(campaign, &known, &journal).await;
                journals.insert(known.name, journal);
            }
            Err(error) => {
                let what = format!("the journal cannot be read: {error}");
                campaign.ledger.violated(Some(&known.name), what);
            }
        }
    }
    deliveries::check_list(campaign).await;
    let memories = Memories::check(campaign, &journals).await;
    (journals, Found { agents, memories })
}

/// The entries of a session's journal.
async fn read(campaign: &Campaign, session: &str) -> Result<Vec<Value>, String> {
    let stream = campaign.api.get(&format!("/api/sessions/{session}/events?wait=0")).await?;
    let entries = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let entries = entries.map(|data| serde_json::from_str(data).map_err(|error| error.to_string()));
    let mut entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
    entries.retain(|entry| entry["seq"].is_u64());
    Ok(entries)
}

/// A message sent again under its key is answered with the run that has it, and changes nothing.
async fn ask_again(campaign: &Campaign, known: &Known, journal: &[Value]) {
    let path = format!("/api/sessions/{}/messages", known.id);
    for sent in &known.acknowledged {
        let what = match campaign.api.post(&path, &sent.body).await {
            Ok(answer) => {
                let runs = messages::runs_of(journal, &sent.message);
                if runs.iter().any(|run| answer["run_id"] == json!(run)) {
                    continue;
                }
                format!("{} sent again belongs to {answer}, and not to {runs:?}", sent.message)
            }
            Err(refused) => refused,
        };
        campaign.ledger.violated(Some(&known.name), what);
    }
}

/// The text of a field; empty where it has none.
fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}
