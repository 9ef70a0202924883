//! What a model is asked about a user's words, and how its answer is read.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::message::ContentBlock;
use crate::message::Message;
use crate::message::Role;
use crate::provider::ChatRequest;
use crate::provider::Delivery;
use crate::provider::OutputFormat;
use crate::provider::ThinkingEffort;
use crate::store::FactKind;

/// The instructions of a run that extracts.
pub(super) const INSTRUCTIONS: &str = include_str!("instructions.md");
/// How many facts one answer may have.
const MOST_FACTS: usize = 5;
/// How many known facts are shown.
pub(super) const MOST_SHOWN: usize = 8;
/// How long a fact may be, in characters.
const MOST_CHARS: usize = 200;
/// How many tokens an answer may have.
const ANSWER_TOKENS: u32 = 800;

/// The shape of an answer. Every object is closed and every property required, as strict services want it.
static SCHEMA: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let kinds = FactKind::ALL.map(FactKind::name);
    let fact = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["text", "kind", "replaces"],
        "properties": {
            "text": { "type": "string", "maxLength": MOST_CHARS },
            "kind": { "type": "string", "enum": kinds },
            "replaces": { "type": "integer", "minimum": 0, "maximum": MOST_SHOWN },
        },
    });
    Arc::new(json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["facts"],
        "properties": { "facts": { "type": "array", "maxItems": MOST_FACTS, "items": fact } },
    }))
});

/// Makes a request one for facts: held to the schema, short, and the same answer each time where that can be had.
pub(crate) fn ask_for_facts(request: &mut ChatRequest) {
    request.output = OutputFormat::JsonSchema { name: "facts".into(), schema: Arc::clone(&SCHEMA) };
    request.delivery = Delivery::Whole;
    request.thinking = ThinkingEffort::Off;
    request.temperature = Some(0.0);
    let most = request.max_output_tokens.unwrap_or(ANSWER_TOKENS);
    request.max_output_tokens = Some(most.min(ANSWER_TOKENS));
}

/// The question: what is known, numbered from 1, and what the user said, each in a block of its own.
pub(super) fn question(known: &[String], said: &[String]) -> Message {
    let mut shown = String::from("Known facts:\n");
    if known.is_empty() {
        shown.push_str("(none)\n");
    }
    for (number, fact) in (1..).zip(known) {
        let _ = writeln!(shown, "{number}. {fact}");
    }
    shown.push_str("\nThe user said:\n");
    Message::new(Role::User, vec![ContentBlock::text(shown), ContentBlock::text(said.join("\n"))])
}

/// What the user said, of a question.
pub(super) fn said_of(question: &Message) -> &str {
    question.content.last().and_then(ContentBlock::as_text).unwrap_or_default()
}

/// A fact that a model found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    pub(super) text: String,
    #[serde(default)]
    pub(super) kind: FoundKind,
    /// The number of the known fact that is true no more because of it; 0 for none.
    #[serde(default)]
    pub(super) replaces: Option<usize>,
}

/// A kind that need not be one there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct FoundKind(String);

impl FoundKind {
    pub(super) fn kind(&self) -> FactKind {
        let named = FactKind::ALL.into_iter().find(|kind| kind.name() == self.0);
        named.unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    facts: Vec<Value>,
}

/// Reads an answer: the object, or the first one in words around it. What is no fact in it is left out.
pub(super) fn read(text: &str) -> Option<Vec<Found>> {
    let whole = serde_json::from_str::<Answer>(text.trim()).ok();
    let answer = whole.or_else(|| {
        let start = text.find('{')?;
        let mut values = serde_json::Deserializer::from_str(text.get(start..)?).into_iter();
        values.next()?.ok()
    })?;
    let facts = answer.facts.into_iter().filter_map(|fact| serde_json::from_value(fact).ok());
    Some(facts.take(MOST_FACTS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_and_without_words_around() {
        let json = r#"{"facts":[{"text":"The user likes tea.","kind":"preference","replaces":0}]}"#;
        for text in [json.to_owned(), format!("Here it is:\n```json\n{json}\n```")] {
            let found = read(&text).unwrap();
            assert_eq!(found[0].text, "The user likes tea.");
            assert_eq!(found[0].kind.kind(), FactKind::Preference);
        }
        assert_eq!(read(r#"{"facts":[3,{"text":"a","kind":"?"}]}"#).unwrap().len(), 1);
        assert_eq!(read("I am a demo."), None);
        assert_eq!(read(r#"{"facts":[{"text":"a"#), None);
    }
}
