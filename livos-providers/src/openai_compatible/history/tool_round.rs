//! Which calls wait for their results.

use std::sync::Arc;

use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolResult;

/// The calls of the last turn, and what came back so far.
#[derive(Default)]
pub(super) struct ToolRound<'a> {
    pub(super) open: Vec<&'a ToolCall>,
    pub(super) results: Vec<(&'a ToolCall, &'a ToolResult)>,
}

impl<'a> ToolRound<'a> {
    /// The round that `earlier` leaves open; an empty one where it leaves none.
    pub(super) fn open_in(earlier: &'a [Arc<Message>]) -> Self {
        let Some(asked) = earlier.iter().rposition(|message| message.role == Role::Assistant)
        else {
            return Self::default();
        };
        let (asking, answers) = earlier.split_at(asked + 1);
        let open = asking.last().map(|message| message.tool_calls().collect()).unwrap_or_default();
        let mut round = Self { open, results: Vec::new() };
        for message in answers {
            if round.take(message).ends_round() || round.open.is_empty() {
                return Self::default();
            }
        }
        round
    }

    /// Takes the results a message brings for this round.
    pub(super) fn take(&mut self, message: &'a Message) -> Brought<'a> {
        let mut brought = Brought { results: Vec::new(), rest: Vec::new() };
        for block in &message.content {
            let answered = match block {
                ContentBlock::ToolResult(result) if message.role == Role::User => {
                    let place = self.open.iter().position(|call| call.call_id == result.call_id);
                    place.map(|place| (self.open.remove(place), result))
                }
                _ => None,
            };
            match answered {
                Some(pair) => brought.results.push(pair),
                None => brought.rest.push(block),
            }
        }
        self.results.extend(&brought.results);
        brought
    }
}

/// What a message brings: results of the open round, and other things.
pub(super) struct Brought<'a> {
    pub(super) results: Vec<(&'a ToolCall, &'a ToolResult)>,
    pub(super) rest: Vec<&'a ContentBlock>,
}

impl Brought<'_> {
    /// Results must follow their calls at once: any other content ends the round.
    pub(super) fn ends_round(&self) -> bool {
        self.results.is_empty() || !self.rest.is_empty()
    }
}
