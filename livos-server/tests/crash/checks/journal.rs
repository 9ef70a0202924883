//! Entries are numbered from 1 without gaps, and a number keeps its content.

use serde_json::Value;

use crate::ledger::Known;

pub(super) fn check(known: &Known, journal: &[Value], found: &mut Vec<String>) {
    for (expected, entry) in (1..).zip(journal) {
        if entry["seq"] != expected {
            found.push(format!("entry {expected} of the journal has the number {}", entry["seq"]));
            return;
        }
    }
    for (seq, shown) in &known.shown {
        let index = usize::try_from(*seq).unwrap() - 1;
        match journal.get(index) {
            Some(entry) if entry == shown => {}
            Some(entry) => found.push(format!("number {seq} was shown as {shown}, and is {entry}")),
            None => found.push(format!("number {seq} was shown and is gone: {shown}")),
        }
    }
}
