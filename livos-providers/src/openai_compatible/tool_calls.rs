//! Puts tool calls together from the fragments services send.
//!
//! The reference says: fragments belong together by `index`; id and name come
//! with the first. Services leave out the index, the id or both, repeat them
//! on every fragment, reuse one index for all calls, or send calls whole.

use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::ContentBlock;
use livos_core::RunId;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolInput;
use livos_core::ToolName;

use super::dialect::Dialect;
use super::ids;
use super::wire::Arguments;
use super::wire::FunctionPart;
use super::wire::ToolCallPart;

/// The calls of one answer so far, in order of appearance.
#[derive(Debug, Default)]
pub(super) struct ToolCalls(Vec<PendingCall>);

#[derive(Debug)]
struct PendingCall {
    index: Option<u64>,
    call_id: ToolCallId,
    name: ToolName,
    arguments: String,
    /// Whether the id is the service's and not ours.
    has_own_id: bool,
    is_announced: bool,
}

impl ToolCalls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a whole call or a fragment of one, and tells what is new.
    pub(super) fn take(&mut self, fragment: ToolCallPart<'_>, out: &mut VecDeque<ChatChunk>) {
        let id = fragment.id.as_ref().map_or("", |id| &*id.0);
        let function = fragment.function;
        let name = function.as_ref().and_then(|it| it.name.as_ref()).map_or("", |name| &*name.0);
        let place = self.place(fragment.index, id, name);
        let Some(call) = self.0.get_mut(place) else {
            self.0.push(PendingCall::begin(fragment.index, id, name));
            if let Some(call) = self.0.last_mut() {
                call.take(function, out);
            }
            return;
        };
        call.take(function, out);
    }

    /// Takes a call of the older form, of which an answer has one at most.
    pub(super) fn take_function(
        &mut self,
        function: FunctionPart<'_>,
        out: &mut VecDeque<ChatChunk>,
    ) {
        self.take(ToolCallPart { index: Some(0), id: None, function: Some(function) }, out);
    }

    pub(super) fn into_blocks(self, dialect: &Dialect) -> impl Iterator<Item = ContentBlock> {
        self.0.into_iter().map(|call| {
            let input = ToolInput::parse(&call.arguments);
            let keeps_id =
                call.has_own_id && !ids::fits(dialect.tool_call_ids, call.call_id.as_str());
            let mut block = ToolCall::new(call.call_id, call.name, input);
            block.signature = keeps_id.then(|| ids::keep(dialect));
            ContentBlock::ToolUse(block)
        })
    }

    /// Where the call is that a fragment continues; behind the last where it begins one.
    fn place(&self, index: Option<u64>, id: &str, name: &str) -> usize {
        let new = self.0.len();
        let found = match index {
            Some(_) => self.0.iter().rposition(|call| call.index == index),
            None if !id.is_empty() => {
                let by_id = self.0.iter().rposition(|call| call.call_id.as_str() == id);
                // An id that changes from fragment to fragment comes without the name.
                by_id.or_else(|| name.is_empty().then(|| new.checked_sub(1)).flatten())
            }
            None if name.is_empty() => new.checked_sub(1),
            None => None,
        };
        let Some(call) = found.and_then(|place| self.0.get(place)) else { return new };
        match found {
            Some(place) if !call.is_announced || !call.is_other_than(id, name) => place,
            _ => new,
        }
    }
}

impl PendingCall {
    fn begin(index: Option<u64>, id: &str, name: &str) -> Self {
        let call_id = match id {
            "" => ToolCallId::from(format!("call_{:032x}", RunId::generate().as_u128())),
            id => ToolCallId::from(id),
        };
        let name = ToolName::from(name);
        let has_own_id = !id.is_empty();
        Self { index, call_id, name, arguments: String::new(), has_own_id, is_announced: false }
    }

    /// Whether a fragment with this id and name begins another call, though its index is this one's.
    /// A fragment without a name never does.
    fn is_other_than(&self, id: &str, name: &str) -> bool {
        let same_id = !id.is_empty() && self.call_id.as_str() == id;
        let other_id = !id.is_empty() && !same_id;
        !name.is_empty() && !same_id && (other_id || self.name.as_str() != name)
    }

    fn take(&mut self, function: Option<FunctionPart<'_>>, out: &mut VecDeque<ChatChunk>) {
        let Some(function) = function else { return };
        if let Some(name) = function.name
            && self.name.as_str().is_empty()
            && !name.0.is_empty()
        {
            self.name = ToolName::from(&*name.0);
        }
        let arguments = match function.arguments {
            Arguments::Absent => String::new(),
            Arguments::Text(text) => text.into_owned(),
            Arguments::Json(value) => value.to_string(),
        };
        self.arguments.push_str(&arguments);
        // Until the name is known there is nothing to show; what came before is shown with it.
        if self.name.as_str().is_empty() {
            return;
        }
        if !self.is_announced {
            self.is_announced = true;
            out.push_back(self.delta(String::new()));
            if !self.arguments.is_empty() {
                out.push_back(self.delta(self.arguments.clone()));
            }
        } else if !arguments.is_empty() {
            out.push_back(self.delta(arguments));
        }
    }

    fn delta(&self, partial_json: String) -> ChatChunk {
        ChatChunk::ToolCall { call_id: self.call_id.clone(), name: self.name.clone(), partial_json }
    }
}
