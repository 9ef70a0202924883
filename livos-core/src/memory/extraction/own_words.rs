//! What a user said in a run: their own words, and nothing that was put beside them.

use std::sync::Arc;

use crate::event::AgentEvent;
use crate::event::EventKind;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::ContentBlock;
use crate::message::Message;
use crate::origin::Trigger;
use crate::store::Journal;
use crate::store::StoreError;

/// How many entries are read at a time, from the newest backwards.
const WINDOW: u64 = 256;
/// A message that is longer has something pasted in; its beginning and its end are the user's.
const OWN_BYTES: usize = 1_500;
/// How much of such a message's beginning and end is looked at, in bytes.
const EDGE_BYTES: usize = 500;
/// How much of all messages of a run is looked at, in bytes.
const MOST_BYTES: usize = 4_000;

/// What was said in a run.
pub(super) struct Said {
    /// The user's own messages, in order.
    pub(super) messages: Vec<Arc<Message>>,
    /// Whether a model answered any of them.
    pub(super) is_answered: bool,
}

/// Reads what a user said in a run: what admitted it, and what joined it as a message of theirs. Results of
/// tools and of other agents, answers and recalled memories are other entries.
pub(super) async fn said_in(
    journal: &dyn Journal,
    session: SessionId,
    run: RunId,
) -> Result<Said, StoreError> {
    let mut end = journal.last_seq(session).await?;
    let mut said = Said { messages: Vec::new(), is_answered: false };
    while end > 0 {
        let start = end.saturating_sub(WINDOW);
        let size = usize::try_from(end - start).unwrap_or(usize::MAX);
        let entries = journal.read(session, start, size).await?;
        for AgentEvent { kind, .. } in entries.iter().rev().filter(|entry| entry.run_id == run) {
            match kind {
                EventKind::InputJoined { message, trigger: Some(Trigger::Message) } => {
                    said.messages.insert(0, Arc::clone(message));
                }
                EventKind::AssistantMessage { .. } => said.is_answered = true,
                EventKind::RunAdmitted { input, trigger: Trigger::Message, .. } => {
                    said.messages.insert(0, Arc::clone(input));
                    return Ok(said);
                }
                EventKind::RunAdmitted { .. } => return Ok(said),
                _ => {}
            }
        }
        end = start;
    }
    Ok(said)
}

/// What a run was asked, as it was admitted.
pub(super) async fn input_of(
    journal: &dyn Journal,
    session: SessionId,
    run: RunId,
) -> Result<Option<Arc<Message>>, StoreError> {
    let mut end = journal.last_seq(session).await?;
    while end > 0 {
        let start = end.saturating_sub(WINDOW);
        let size = usize::try_from(end - start).unwrap_or(usize::MAX);
        let entries = journal.read(session, start, size).await?;
        let admitted = entries.into_iter().find_map(|entry| match entry.kind {
            EventKind::RunAdmitted { input, .. } if entry.run_id == run => Some(input),
            _ => None,
        });
        if admitted.is_some() {
            return Ok(admitted);
        }
        end = start;
    }
    Ok(None)
}

/// The sentences of messages, without code and quotations. Of a long message only how it begins and ends.
pub(super) fn sentences(messages: &[Arc<Message>]) -> Vec<String> {
    let mut all = Vec::new();
    let mut bytes = 0;
    for text in messages.iter().flat_map(|message| texts(message)) {
        let prose = prose(text);
        for part in edges(&prose) {
            for sentence in split(part) {
                bytes += sentence.len();
                if bytes > MOST_BYTES {
                    return all;
                }
                all.push(sentence);
            }
        }
    }
    all
}

/// What was typed; attached documents are not.
fn texts(message: &Message) -> impl Iterator<Item = &str> {
    message.content.iter().filter_map(ContentBlock::as_text)
}

/// The text without code blocks, quoted lines and what was indented as code.
fn prose(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        let is_quoted = line.trim_start().starts_with(['>', '|']);
        let is_indented = line.starts_with("    ") || line.starts_with('\t');
        if !is_code && !is_quoted && !is_indented {
            prose.push_str(line);
        }
        prose.push('\n');
    }
    prose
}

fn edges(text: &str) -> Vec<&str> {
    if text.len() <= OWN_BYTES {
        return vec![text];
    }
    let head = text.get(..text.floor_char_boundary(EDGE_BYTES)).unwrap_or_default();
    let tail = text.get(text.ceil_char_boundary(text.len() - EDGE_BYTES)..).unwrap_or_default();
    // Where a sentence is cut through, its part is none.
    let head = head.rfind(['.', '!', '?', '\n']).and_then(|end| head.get(..=end));
    let tail = tail.find(['.', '!', '?', '\n']).and_then(|end| tail.get(end + 1..));
    head.into_iter().chain(tail).collect()
}

/// Cuts a text into sentences: at the ends of lines, and after marks that end one.
fn split(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut sentence = String::new();
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            sentence.push(letter);
            let ends = match letter {
                '。' | '！' | '？' => true,
                '.' | '!' | '?' | '…' => {
                    letters.peek().is_none_or(|next| next.is_whitespace())
                        && !is_abbreviated(&sentence)
                }
                _ => false,
            };
            if ends {
                sentences.push(std::mem::take(&mut sentence));
            }
        }
        sentences.push(sentence);
    }
    sentences.retain(|sentence| !sentence.trim().is_empty());
    for sentence in &mut sentences {
        *sentence = sentence.trim().trim_start_matches(['-', '*', '•']).trim_start().to_owned();
    }
    sentences
}

/// `Dr.`, `St.`, `J.`: a point that ends no sentence.
fn is_abbreviated(sentence: &str) -> bool {
    const SHORT: [&str; 10] = ["dr", "mr", "mrs", "ms", "st", "prof", "nr", "e.g", "i.e", "approx"];
    let Some(sentence) = sentence.strip_suffix('.') else { return false };
    let last = sentence.rsplit(' ').next().unwrap_or_default().to_lowercase();
    SHORT.contains(&last.as_str())
        || last.chars().count() == 1 && last.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests;
