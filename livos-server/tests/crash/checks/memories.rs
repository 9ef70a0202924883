//! What users told of themselves was looked through once, and is remembered once.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::Journals;
use super::journal;
use super::read;
use super::text;
use crate::campaign::Campaign;
use crate::ledger::Known;
use crate::ledger::said;
use crate::preference::fact_of;
use crate::preference::told_in;

/// How many items are asked for at a time.
const LISTED: usize = 200;

/// What became of what users told.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    /// Runs whose users' words were looked through.
    pub(crate) looked_through: usize,
    /// How often a run that does this was taken up again after a kill.
    pub(crate) taken_up_again: usize,
    pub(crate) facts: usize,
}

/// What was told in a run that a model answered.
#[derive(Debug)]
struct Told<'a> {
    session: &'a Known,
    run: String,
    lines: Vec<String>,
}

impl Memories {
    /// Compares what was told in all sessions with what was looked through, and with what is remembered.
    pub(super) async fn check(campaign: &Campaign, journals: &Journals) -> Self {
        match Self::compare(campaign, journals).await {
            Ok(memories) => memories,
            Err(error) => {
                let what = format!("what is remembered cannot be read: {error}");
                campaign.ledger.violated(None, what);
                Self::default()
            }
        }
    }

    async fn compare(campaign: &Campaign, journals: &Journals) -> Result<Self, String> {
        let sessions = campaign.ledger.sessions();
        let told: Vec<Told<'_>> = sessions
            .iter()
            .filter_map(|known| Some((known, journals.get(&known.name)?)))
            .flat_map(|(known, journal)| told(known, journal))
            .collect();
        let mut memories = Self::default();
        let looked_at = sessions_of_extraction(campaign).await?;
        for session in &sessions {
            let own: Vec<&Told<'_>> =
                told.iter().filter(|told| told.session.id == session.id).collect();
            let looked_at = looked_at.get(&session.id).map(Vec::as_slice).unwrap_or_default();
            let mut found = Vec::new();
            memories.check_session(campaign, session, &own, looked_at, &mut found).await;
            for what in found {
                campaign.ledger.violated(Some(&session.name), what);
            }
        }
        let known: BTreeSet<&str> = sessions.iter().map(|known| known.id.as_str()).collect();
        for parent in looked_at.keys().filter(|parent| !known.contains(parent.as_str())) {
            let what = format!("{parent} was looked through, and no user said anything there");
            campaign.ledger.violated(None, what);
        }
        let facts = all(campaign, "/api/memories", "&versions=all").await?;
        memories.facts = facts.len();
        check_facts(campaign, &told, &facts);
        Ok(memories)
    }

    /// One run looked through each that told something, and none through any other.
    async fn check_session(
        &mut self,
        campaign: &Campaign,
        session: &Known,
        told: &[&Told<'_>],
        looked_at: &[String],
        found: &mut Vec<String>,
    ) {
        let mut expected: Vec<String> = told.iter().map(|told| told.lines.join("\n")).collect();
        let mut seen = Vec::new();
        for id in looked_at {
            let entries = match read(campaign, id).await {
                Ok(entries) => entries,
                Err(error) => return found.push(format!("{id} cannot be read: {error}")),
            };
            journal::check(&session.agent(session.name.clone(), id.clone()), &entries, found);
            let of = |kind: &'static str| {
                entries.iter().filter(move |entry| text(entry, "type") == kind)
            };
            for admitted in of("run_admitted") {
                let run = text(admitted, "run_id");
                let own =
                    |kind: &'static str| of(kind).filter(|entry| text(entry, "run_id") == run);
                let ends: Vec<&str> = own("run_finished").map(|end| text(end, "status")).collect();
                // One that was killed in each of its turns answers in one more.
                if !matches!(ends.as_slice(), ["completed" | "exhausted"]) {
                    found.push(format!("{run}, which looks for facts, has the ends {ends:?}"));
                }
                self.taken_up_again += own("run_started").count().saturating_sub(1);
                let words = admitted["input"]["content"].as_array().and_then(|all| all.last());
                seen.push(words.map(|words| text(words, "text").to_owned()).unwrap_or_default());
            }
        }
        self.looked_through += seen.len();
        expected.sort();
        seen.sort();
        if expected != seen {
            found.push(format!("told was {expected:?}, and looked through was {seen:?}"));
        }
    }
}

/// What was told in each run of a session. What no model answered is not looked through.
fn told<'a>(session: &'a Known, journal: &[Value]) -> Vec<Told<'a>> {
    let mut runs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in journal {
        let lines = said(entry).map(told_in).unwrap_or_default();
        let lines = lines.into_iter().map(str::to_owned);
        runs.entry(text(entry, "run_id")).or_default().extend(lines);
    }
    let is_answered = |run: &str| {
        journal
            .iter()
            .any(|entry| text(entry, "type") == "assistant_message" && text(entry, "run_id") == run)
    };
    let told = runs.into_iter().filter(|(run, lines)| !lines.is_empty() && is_answered(run));
    told.map(|(run, lines)| Told { session, run: run.to_owned(), lines }).collect()
}

/// The sessions in which users' words are looked through, by the session in which they were said.
async fn sessions_of_extraction(
    campaign: &Campaign,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let runs = all(campaign, "/api/runs", "").await?;
    let extracting = runs.iter().filter(|run| text(run, "trigger") == "memory");
    let ids: BTreeSet<&str> = extracting.map(|run| text(run, "session_id")).collect();
    let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in ids {
        let session = campaign.api.get(&format!("/api/sessions/{id}")).await?;
        let session: Value = serde_json::from_str(&session).map_err(|error| error.to_string())?;
        let parent = text(&session, "parent").to_owned();
        sessions.entry(parent).or_default().push(id.to_owned());
    }
    Ok(sessions)
}

/// Each line that was told is one memory, of the run it was told in, and there are no others.
fn check_facts(campaign: &Campaign, told: &[Told<'_>], facts: &[Value]) {
    let mut kept: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for fact in facts {
        kept.entry(text(fact, "text")).or_default().push(fact);
    }
    for Told { session, run, lines } in told {
        for line in lines {
            let kept = kept.remove(fact_of(line).as_str()).unwrap_or_default();
            let is_right = matches!(kept.as_slice(), [fact]
                if text(fact, "run_id") == run
                    && text(fact, "session_id") == session.id
                    && fact["superseded_by"].is_null());
            if !is_right {
                let what = format!("{run} was told {line:?}, and remembered is {kept:?}");
                campaign.ledger.violated(Some(&session.name), what);
            }
        }
    }
    for facts in kept.values() {
        campaign.ledger.violated(None, format!("remembered is what nobody told: {facts:?}"));
    }
}

/// All items of a list, page by page.
async fn all(campaign: &Campaign, path: &str, filter: &str) -> Result<Vec<Value>, String> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = campaign.api.get(&format!("{path}?limit={LISTED}{filter}{cursor}")).await?;
        let page: Value = serde_json::from_str(&page).map_err(|error| error.to_string())?;
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}
