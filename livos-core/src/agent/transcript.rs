//! The conversation a model is shown, as a fold over journal entries.

use std::sync::Arc;

use crate::event::EventKind;
use crate::event::ToolStatus;
use crate::message::ContentBlock;
use crate::message::Conversation;
use crate::message::Message;
use crate::message::Role;
use crate::message::ToolCall;
use crate::message::ToolResult;

/// Builds the conversation of a session from its entries.
///
/// It keeps the promise that every provider asks for: each tool call is
/// answered exactly once, right after the message that made it, in the order
/// of the calls, whatever order they finished in.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    conversation: Conversation,
    open_calls: Vec<OpenCall>,
    /// What was said while calls were open; it follows their results.
    held_back: Vec<Arc<Message>>,
}

#[derive(Debug, Clone)]
struct OpenCall {
    call: ToolCall,
    result: Option<ToolResult>,
}

impl Transcript {
    /// A session without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The conversation so far.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &EventKind) {
        match event {
            EventKind::RunAdmitted { input, .. } => self.said(Arc::clone(input)),
            EventKind::InputJoined { message } => self.said(Arc::clone(message)),
            EventKind::AssistantMessage { message, .. } => {
                self.close_calls();
                self.open_calls = message
                    .tool_calls()
                    .map(|call| OpenCall { call: call.clone(), result: None })
                    .collect();
                if !message.content.is_empty() {
                    self.conversation.push(Arc::clone(message));
                }
            }
            EventKind::ToolFinished { call_id, name, status, content, .. } => {
                let open = self.open_calls.iter_mut().find(|open| open.call.call_id == *call_id);
                if let Some(open) = open {
                    open.result = Some(ToolResult {
                        call_id: call_id.clone(),
                        name: name.clone(),
                        content: content.to_vec(),
                        is_error: *status != ToolStatus::Ok,
                    });
                    if self.open_calls.iter().all(|open| open.result.is_some()) {
                        self.close_calls();
                    }
                }
            }
            EventKind::RunFinished { .. } => self.close_calls(),
            _ => {}
        }
    }

    fn said(&mut self, message: Arc<Message>) {
        if self.open_calls.is_empty() {
            self.conversation.push(message);
        } else {
            self.held_back.push(message);
        }
    }

    /// Answers what is open: calls without result get one that says so.
    fn close_calls(&mut self) {
        if !self.open_calls.is_empty() {
            let results = std::mem::take(&mut self.open_calls).into_iter().map(|open| {
                let OpenCall { call, result } = open;
                ContentBlock::ToolResult(result.unwrap_or_else(|| ToolResult {
                    call_id: call.call_id,
                    name: call.name,
                    content: vec![ContentBlock::text("the run ended before this call did")],
                    is_error: true,
                }))
            });
            self.conversation.push(Message::new(Role::User, results.collect()));
        }
        for message in self.held_back.drain(..) {
            self.conversation.push(message);
        }
    }
}
