//! Every reply owed arrived under one name, and its sink could tell repetitions by it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text;
use crate::campaign::Campaign;
use crate::ledger::Known;
use crate::ledger::said;
use crate::plan::message_in;
use crate::sink::Sink;

/// How many deliveries are looked at in a list.
const LISTED: usize = 100;

/// The runs that ended and whose reply has not arrived.
pub(crate) fn owed(campaign: &Campaign) -> Vec<String> {
    let arrived = campaign.sink.arrived();
    let accepted = arrived.values().filter(|arrived| arrived.is_accepted);
    let accepted: BTreeSet<&str> = accepted.map(|arrived| text(&arrived.body, "run_id")).collect();
    let mut ended = campaign.ledger.ended();
    ended.retain(|run| !accepted.contains(run.as_str()));
    ended
}

/// Whether a reply waits, or is with a worker that may be dead.
pub(super) async fn are_under_way(campaign: &Campaign) -> bool {
    for state in ["due", "in_flight"] {
        if listed(campaign, state).await.is_err() {
            return true;
        }
    }
    false
}

pub(super) fn check(known: &Known, journal: &[Value], sink: &Sink, found: &mut Vec<String>) {
    let path = format!("/reply/{}", known.name);
    for end in journal.iter().filter(|entry| text(entry, "type") == "run_finished") {
        let run = text(end, "run_id");
        if !owes_a_reply(journal, run) {
            continue;
        }
        let arrived = sink.arrived_for(run);
        let [(name, arrived)] = arrived.as_slice() else {
            let names: Vec<_> = arrived.iter().map(|(name, _)| name).collect();
            found.push(format!("the reply of {run} arrived under the names {names:?}"));
            continue;
        };
        if !arrived.is_accepted || arrived.has_changed || arrived.path != path {
            found.push(format!("the delivery {name} is not as it should be: {arrived:?}"));
        }
        let (owed, got) = (text(end, "text"), text(&arrived.body, "text"));
        if owed != got {
            found.push(format!("the reply of {run} was {owed:?}, and {got:?} arrived"));
        }
    }
}

/// A run that an agent's result began owes nobody a reply, unless a message joined it.
fn owes_a_reply(journal: &[Value], run: &str) -> bool {
    let of_run = || journal.iter().filter(|entry| text(entry, "run_id") == run);
    let is_message = |entry: &Value| said(entry).and_then(message_in).is_some();
    of_run().any(is_message) || !of_run().any(|entry| text(entry, "trigger") == "subagent")
}

/// Nothing waits, and nothing was given up.
pub(super) async fn check_list(campaign: &Campaign) {
    for body in campaign.sink.nameless() {
        campaign
            .ledger
            .violated(None, format!("a reply arrived without a delivery's name: {body}"));
    }
    for state in ["due", "in_flight", "ambiguous", "dead"] {
        if let Err(what) = listed(campaign, state).await {
            campaign.ledger.violated(None, what);
        }
    }
}

/// Fails where a delivery stands there.
async fn listed(campaign: &Campaign, state: &str) -> Result<(), String> {
    let path = format!("/api/deliveries?status={state}&limit={LISTED}");
    let text = campaign.api.get(&path).await?;
    let list: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match list["items"].as_array().is_some_and(Vec::is_empty) {
        true => Ok(()),
        false => Err(format!("deliveries are {state} at the end: {list}")),
    }
}
