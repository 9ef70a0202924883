//! Every run ends once, one at a time, in order.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;
use crate::ledger::Conduct;
use crate::ledger::Known;

#[derive(Debug, Default)]
struct Run {
    attempts: Vec<u64>,
    ends: Vec<String>,
    /// How many model calls it began, and how many it may have where that was said.
    turns: u64,
    most_turns: Option<u64>,
}

impl Run {
    /// Whether its budget is used up: a model call that a kill cut off counts.
    fn may_be_exhausted(&self) -> bool {
        self.most_turns.is_some_and(|most| self.turns > most)
    }
}

pub(super) fn check(known: &Known, journal: &[Value], found: &mut Vec<String>) {
    let mut runs: BTreeMap<&str, Run> = BTreeMap::new();
    let (mut admitted, mut ended) = (Vec::new(), Vec::new());
    let mut current: Option<&str> = None;
    for entry in journal {
        let (kind, id) = (text(entry, "type"), text(entry, "run_id"));
        let run = match kind {
            "run_admitted" => {
                admitted.push(id);
                runs.entry(id).or_default().most_turns = entry["budget"]["turns"].as_u64();
                continue;
            }
            _ => match runs.get_mut(id) {
                Some(run) => run,
                None => {
                    found.push(format!("{kind} of {id}, which was never admitted"));
                    continue;
                }
            },
        };
        if !run.ends.is_empty() {
            found.push(format!("{kind} of {id} came after its end"));
        }
        match kind {
            "run_started" => {
                if current.is_some_and(|current| current != id) {
                    found.push(format!("{id} began while {current:?} was not over"));
                }
                current = Some(id);
                run.attempts.push(entry["attempt"].as_u64().unwrap_or_default());
            }
            _ if current != Some(id) && kind != "run_finished" => {
                found.push(format!("{kind} of {id} came while {current:?} was driven"));
            }
            "turn_started" => run.turns += 1,
            "run_finished" => {
                ended.push(id);
                run.ends.push(text(entry, "status").to_owned());
                current = current.filter(|current| *current != id);
            }
            _ => {}
        }
    }
    for (id, run) in &runs {
        check_run(known, id, run, found);
    }
    if known.conduct != Conduct::Unruly && admitted != ended {
        found.push(format!("admitted were {admitted:?}, and they ended as {ended:?}"));
    }
}

fn check_run(known: &Known, id: &str, run: &Run, found: &mut Vec<String>) {
    let expected: Vec<u64> = (1..).take(run.attempts.len()).collect();
    if run.attempts != expected {
        found.push(format!("{id} has the attempts {:?}", run.attempts));
    }
    let [end] = run.ends.as_slice() else {
        found.push(format!("{id} has the ends {:?}", run.ends));
        return;
    };
    let may_be_cancelled = known.conduct == Conduct::Unruly;
    match end.as_str() {
        "completed" if !run.attempts.is_empty() => {}
        "cancelled" if may_be_cancelled => {}
        "exhausted" if run.may_be_exhausted() => {}
        _ => found.push(format!("{id} ended {end} after {} attempts", run.attempts.len())),
    }
}
