//! Each agent that a call asked for did its work once, and what came of it is in the journal of whoever
//! asked, once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Traces;
use super::journal;
use super::read;
use super::runs;
use super::text;
use super::tools;
use crate::campaign::Campaign;
use crate::ledger::Known;
use crate::ledger::said;
use crate::plan::AGENT_TOOL;
use crate::plan::agent_of;
use crate::plan::message_in;

/// How many sessions of agents are looked at; no test session has so many.
const LISTED: usize = 200;

/// How many agents there were, by what became of their results.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    pub(crate) waited_for: usize,
    pub(crate) heard_of_later: usize,
    /// Those whose caller was stopped.
    pub(crate) abandoned: usize,
}

/// A call that asks for an agent, as the journal of its session tells.
#[derive(Debug, Default)]
struct Call {
    is_later: bool,
    /// How it ended.
    status: String,
    /// The sessions that it is said to have started.
    started: Vec<String>,
    finished: usize,
}

impl Agents {
    /// Compares what the calls of a session asked for with what there is.
    pub(super) async fn check(
        &mut self,
        campaign: &Campaign,
        known: &Known,
        journal: &[Value],
        traces: &Traces,
        found: &mut Vec<String>,
    ) {
        let calls = calls(journal);
        let mut children = match children(campaign, &known.id).await {
            Ok(children) => children,
            Err(error) => return found.push(format!("the agents cannot be listed: {error}")),
        };
        for (name, call) in &calls {
            let child = children.remove(&agent_of(name));
            self.check_call(name, call, child.as_ref(), journal, found);
            if let Some((id, entries)) = child {
                let agent = known.agent(agent_of(name), id);
                journal::check(&agent, &entries, found);
                runs::check(&agent, &entries, found);
                tools::check(&agent, &entries, traces, &campaign.model, found);
                let admitted = entries.iter().filter(|entry| text(entry, "type") == "run_admitted");
                if admitted.count() != 1 {
                    found.push(format!("the agent of {name} was not started once"));
                }
            }
        }
        for name in children.keys() {
            found.push(format!("there is an agent {name}, and no call asked for it"));
        }
    }

    fn check_call(
        &mut self,
        name: &str,
        call: &Call,
        child: Option<&(String, Vec<Value>)>,
        journal: &[Value],
        found: &mut Vec<String>,
    ) {
        let told = child.map(|(id, _)| results_of(journal, id)).unwrap_or_default();
        let is_told = call.started.len() == 1
            && child.is_some_and(|(id, _)| call.started.first() == Some(id));
        let is_right = match call.status.as_str() {
            "ok" if call.is_later => {
                self.heard_of_later += 1;
                is_told && call.finished == 0 && told == 1
            }
            "ok" => {
                self.waited_for += 1;
                is_told && call.finished == 1 && told == 0
            }
            // Stopped at any point on its way; a result that is owed comes all the same.
            "cancelled" => {
                self.abandoned += 1;
                call.started.len() <= 1
                    && call.finished <= 1
                    && told == usize::from(call.is_later && child.is_some())
            }
            _ => false,
        };
        if !is_right {
            found.push(format!(
                "the call {name} for an agent ({call:?}) has the agent {:?}, whose result came {told} times",
                child.map(|(id, _)| id)
            ));
        }
    }
}

/// The calls for agents, by their names.
fn calls(journal: &[Value]) -> BTreeMap<String, Call> {
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    for entry in journal {
        if text(entry, "type") == "assistant_message" {
            let blocks = entry["message"]["content"].as_array().into_iter().flatten();
            for block in blocks.filter(|block| text(block, "name") == AGENT_TOOL) {
                let is_later = block["input"]["result"] == "later";
                let call = Call { is_later, ..Call::default() };
                calls.insert(text(block, "id").to_owned(), call);
            }
            continue;
        }
        let Some(call) = calls.get_mut(text(entry, "call_id")) else { continue };
        match text(entry, "type") {
            "subagent_started" => call.started.push(text(entry, "child_session_id").to_owned()),
            "subagent_finished" => call.finished += 1,
            "tool_finished" => text(entry, "status").clone_into(&mut call.status),
            _ => {}
        }
    }
    calls
}

/// How often the result of an agent was said in a session.
fn results_of(journal: &[Value], agent: &str) -> usize {
    let beginning = format!("[The agent in session {agent} ");
    let is_result = |entry: &&Value| said(entry).is_some_and(|said| said.starts_with(&beginning));
    journal.iter().filter(is_result).count()
}

/// The sessions that a session started with their journals, by the names of their agents.
async fn children(
    campaign: &Campaign,
    parent: &str,
) -> Result<BTreeMap<String, (String, Vec<Value>)>, String> {
    let path = format!("/api/sessions?parent={parent}&limit={LISTED}");
    let list: Value =
        serde_json::from_str(&campaign.api.get(&path).await?).map_err(|error| error.to_string())?;
    let mut children = BTreeMap::new();
    for session in list["items"].as_array().into_iter().flatten() {
        let id = text(session, "id");
        let entries = read(campaign, id).await?;
        // A session whose caller was stopped before it admitted the run is empty.
        if let Some(name) = entries.first().and_then(said).and_then(message_in) {
            children.insert(name.to_owned(), (id.to_owned(), entries));
        }
    }
    Ok(children)
}
