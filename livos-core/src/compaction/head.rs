//! What a model reads in place of the messages that are gone.

use crate::event::CompactedView;
use crate::message::Message;

const SUMMARY: &str = "The conversation so far was long. This is a summary of its older part, \
                       whose messages are not shown:";

const FACTS: &str = "Facts from that part, word for word:";

/// The message that stands for what is replaced, if anything is. It is a user's, because
/// a conversation begins with one.
pub(crate) fn head_message(view: &CompactedView) -> Option<Message> {
    let mut parts = Vec::new();
    if !view.summary.is_empty() {
        let summary = view.summary.replace("</summary", "<\\/summary");
        parts.push(format!("{SUMMARY}\n<summary>\n{summary}\n</summary>"));
    }
    if view.left_out > 0 {
        parts.push(format!(
            "[{} older messages were left out here to save room, and are not part of a summary.]",
            view.left_out
        ));
    }
    if !view.pinned.is_empty() {
        let facts = view.pinned.iter().map(|fact| format!("\n- {fact}"));
        parts.push(format!("{FACTS}{}", facts.collect::<String>()));
    }
    (!parts.is_empty()).then(|| Message::user(parts.join("\n\n")))
}
