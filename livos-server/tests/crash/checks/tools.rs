//! What must not happen twice did not, and where nobody knows whether it happened, the model was told.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use livos_core::Effect;
use serde_json::Value;

use super::Traces;
use super::text;
use crate::ledger::Known;
use crate::model::Model;
use crate::plan::AGENT_TOOL;
use crate::plan::effect_of;

#[derive(Debug)]
struct Call<'a> {
    run: &'a str,
    effect: Option<Effect>,
    starts: usize,
    /// The place of its end in the journal, and how it ended.
    ends: Vec<(usize, &'a str)>,
}

pub(super) fn check(
    known: &Known,
    journal: &[Value],
    traces: &Traces,
    model: &Model,
    found: &mut Vec<String>,
) {
    let calls = calls(journal);
    for (name, call) in &calls {
        let [(place, status)] = call.ends.as_slice() else {
            found.push(format!("the call {name} has the ends {:?}", call.ends));
            continue;
        };
        check_count(name, call, status, traces.of(name), found);
        let was_asked_again = journal.iter().skip(*place).any(|entry| {
            text(entry, "type") == "assistant_message" && text(entry, "run_id") == call.run
        });
        if *status == "unknown" && was_asked_again && !model.knows_it_is_unknown(name) {
            found.push(format!("the model was not told that the outcome of {name} is unknown"));
        }
    }
    let known_calls: BTreeSet<&str> =
        calls.iter().filter(|(_, call)| call.starts > 0).map(|(name, _)| *name).collect();
    for call in traces.of_session(&known.name).filter(|call| !known_calls.contains(call)) {
        found.push(format!("{call} was made, and the journal does not know that it began"));
    }
}

fn check_count(name: &str, call: &Call<'_>, status: &str, made: u64, found: &mut Vec<String>) {
    let is_repeatable = call.effect.is_some_and(Effect::is_repeatable);
    let is_right = match status {
        "ok" if is_repeatable => made >= 1,
        "ok" => made == 1 && call.starts == 1,
        // It may have died before or after it did anything.
        "cancelled" if is_repeatable => true,
        "unknown" if is_repeatable => false,
        "unknown" => made <= 1 && call.starts == 1,
        "cancelled" => made <= 1 && call.starts <= 1,
        _ => false,
    };
    if !is_right {
        let (effect, starts) = (call.effect, call.starts);
        found.push(format!(
            "{name} ({effect:?}) was begun {starts} times, made {made} times, and ended {status}"
        ));
    }
}

/// The calls that the model asked for, by their names.
fn calls(journal: &[Value]) -> BTreeMap<&str, Call<'_>> {
    let mut calls = BTreeMap::new();
    for (place, entry) in journal.iter().enumerate() {
        match text(entry, "type") {
            "assistant_message" => {
                let blocks = entry["message"]["content"].as_array().into_iter().flatten();
                let is_traced = |block: &&Value| {
                    block["type"] == "tool_use" && text(block, "name") != AGENT_TOOL
                };
                for block in blocks.filter(is_traced) {
                    let (run, effect) = (text(entry, "run_id"), effect_of(text(block, "name")));
                    let call = Call { run, effect, starts: 0, ends: Vec::new() };
                    calls.insert(text(block, "id"), call);
                }
            }
            "tool_started" => {
                if let Some(call) = calls.get_mut(text(entry, "call_id")) {
                    call.starts += 1;
                }
            }
            "tool_finished" => {
                if let Some(call) = calls.get_mut(text(entry, "call_id")) {
                    call.ends.push((place, text(entry, "status")));
                }
            }
            _ => {}
        }
    }
    calls
}

/// How many calls ended with an unknown outcome.
pub(crate) fn unknown(journal: &[Value]) -> usize {
    let is_unknown = |entry: &&Value| {
        text(entry, "type") == "tool_finished" && text(entry, "status") == "unknown"
    };
    journal.iter().filter(is_unknown).count()
}
