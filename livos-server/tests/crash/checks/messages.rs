//! What was acknowledged is in the journal once, in the order it was said.

use serde_json::Value;

use super::text;
use crate::ledger::Conduct;
use crate::ledger::Known;
use crate::ledger::said;
use crate::plan::message_in;

pub(super) fn check(known: &Known, journal: &[Value], found: &mut Vec<String>) {
    let entered: Vec<&str> = journal.iter().filter_map(|entry| message_in(said(entry)?)).collect();
    for sent in &known.acknowledged {
        let times = entered.iter().filter(|message| **message == sent.message).count();
        if times != 1 {
            found.push(format!("{} was acknowledged, and is {times} times there", sent.message));
        }
    }
    for message in &entered {
        if !known.acknowledged.iter().any(|sent| sent.message == *message) {
            found.push(format!("{message} is there, and nobody was told"));
        }
    }
    // What interrupts goes before what waits; all else keeps its order.
    let said_in_order: Vec<&str> =
        known.acknowledged.iter().map(|sent| sent.message.as_str()).collect();
    if known.conduct != Conduct::Unruly && entered != said_in_order {
        found.push(format!("said were {said_in_order:?}, and they came in as {entered:?}"));
    }
}

/// The runs that a message is the input of.
pub(super) fn runs_of<'a>(journal: &'a [Value], message: &str) -> Vec<&'a str> {
    let of_message = |entry: &&Value| said(entry).and_then(message_in) == Some(message);
    journal.iter().filter(of_message).map(|entry| text(entry, "run_id")).collect()
}
