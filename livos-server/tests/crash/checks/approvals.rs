//! What destroys is made once, and only after a person said so.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;

#[derive(Debug, Default)]
struct Call {
    asked: u32,
    decisions: Vec<String>,
    started: u32,
}

pub(super) fn check(journal: &[Value], found: &mut Vec<String>) {
    let mut calls: BTreeMap<(&str, &str), Call> = BTreeMap::new();
    for entry in journal {
        let key = (text(entry, "run_id"), text(entry, "call_id"));
        match text(entry, "type") {
            "approval_requested" => calls.entry(key).or_default().asked += 1,
            "approval_resolved" => {
                let decision = text(entry, "decision").to_owned();
                calls.entry(key).or_default().decisions.push(decision);
            }
            "tool_started" if entry["effect"] == "destructive" => {
                let call = calls.entry(key).or_default();
                call.started += 1;
                if call.decisions != ["approved"] {
                    found.push(format!("{key:?} began with the decisions {:?}", call.decisions));
                }
            }
            _ => {}
        }
    }
    for (key, Call { asked, decisions, started }) in calls {
        if asked != 1 || decisions.len() != 1 || started > 1 {
            found.push(format!(
                "{key:?} was asked about {asked} times, decided as {decisions:?}, begun {started} times"
            ));
        }
    }
}
