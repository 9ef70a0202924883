//! The conversation a model is shown, as a fold over journal entries.

use std::sync::Arc;

use crate::event::EventKind;
use crate::event::ToolStatus;
use crate::id::RunId;
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
    /// What was asked of runs that have not begun: it follows the answers of those before.
    waiting: Vec<(RunId, Arc<Message>)>,
    /// The run whose calls are open.
    answering: Option<RunId>,
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

    /// Takes in what happened in a run of the session.
    pub fn apply(&mut self, run_id: RunId, event: &EventKind) {
        match event {
            EventKind::RunAdmitted { input, .. } => self.waiting.push((run_id, Arc::clone(input))),
            EventKind::RunStarted { .. } => {
                if let Some(input) = self.take_waiting(run_id) {
                    self.said(input);
                }
            }
            EventKind::InputJoined { message } => self.said(Arc::clone(message)),
            EventKind::AssistantMessage { message, .. } => {
                self.close_calls();
                self.answering = Some(run_id);
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
            EventKind::RunFinished { .. } => {
                // A run that ends before it began leaves no trace in the conversation.
                self.take_waiting(run_id);
                if self.answering == Some(run_id) {
                    self.close_calls();
                }
            }
            _ => {}
        }
    }

    fn take_waiting(&mut self, run_id: RunId) -> Option<Arc<Message>> {
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == run_id)?;
        Some(self.waiting.remove(place).1)
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
            let open_calls = std::mem::take(&mut self.open_calls).into_iter();
            let results = open_calls.map(|open| {
                let OpenCall { call, result } = open;
                ContentBlock::ToolResult(result.unwrap_or_else(|| ToolResult {
                    call_id: call.call_id,
                    name: call.name,
                    content: vec![ContentBlock::text("the run ended before this call did")],
                    is_error: true,
                }))
            });
            let mut results: Vec<ContentBlock> = results.collect();
            // They would keep the room of the calls they were made of as long as the conversation.
            results.shrink_to_fit();
            self.conversation.push(Message::new(Role::User, results));
        }
        for message in self.held_back.drain(..) {
            self.conversation.push(message);
        }
    }
}
