//! What a user tells of themselves: a line of a message, in words that the rules of memory let pass, with a
//! name in it that no other has.
//!
//! The model that is asked what is worth remembering finds a fact in each such line, and nothing else.

use serde_json::Value;
use serde_json::json;

/// How a user tells what they like.
const TOLD: &str = "I like tea ";
/// The same, as the model remembers it.
const KEPT: &str = "The user likes tea ";
/// How many messages of a session tell something: no answer of the model may have more facts.
const MOST_TOLD: u64 = 5;
/// How many of a hundred messages do.
const TOLD_PERCENT: u64 = 40;

/// Whether this message of a session may tell something, and how often of a hundred times it does.
pub(crate) fn percent_of(number: u64) -> u64 {
    if number < MOST_TOLD { TOLD_PERCENT } else { 0 }
}

/// What a message tells, in one word of its own, so that no two facts share all their words.
pub(crate) fn told_by(message: &str) -> String {
    format!("{TOLD}{}.", message.replace('-', "x"))
}

/// What is told in a text, each in its line.
pub(crate) fn told_in(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with(TOLD)).collect()
}

/// What is remembered of something told.
pub(crate) fn fact_of(told: &str) -> String {
    told.replacen(TOLD, KEPT, 1)
}

/// What the model finds in a text, as the instructions want it.
pub(crate) fn facts_in(text: &str) -> Value {
    let found = told_in(text)
        .into_iter()
        .map(|told| json!({"text": fact_of(told), "kind": "preference", "replaces": 0}));
    json!({"facts": found.collect::<Vec<_>>()})
}
