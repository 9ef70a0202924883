//! The messages of a request.

use livos_core::ContentBlock;
use livos_core::Conversation;
use livos_core::Message;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolInput;
use livos_core::ToolName;
use livos_core::ToolResult;
use serde::Deserialize;

use super::Faults;
use super::content::WireContent;

#[derive(Debug, Deserialize)]
pub(super) struct WireMessage {
    role: String,
    #[serde(default)]
    content: Option<WireContent>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireCall {
    id: String,
    function: WireCalled,
}

#[derive(Debug, Deserialize)]
struct WireCalled {
    name: String,
    #[serde(default)]
    arguments: String,
}

/// What was said, with the instructions at its beginning apart.
pub(super) struct Said {
    pub(super) system: Option<String>,
    pub(super) conversation: Conversation,
}

/// Reads the messages in order.
pub(super) fn read(messages: Vec<WireMessage>, faults: &mut Faults) -> Said {
    if messages.is_empty() {
        faults.add("messages", "must not be empty");
    }
    let mut reader = Reader::default();
    for (index, message) in messages.into_iter().enumerate() {
        reader.take(&format!("messages[{index}]"), message, faults);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    system: Vec<String>,
    said: Vec<Message>,
    /// Answers to the calls of the last assistant message, which follow it as one message.
    results: Vec<ContentBlock>,
    /// The tool of every call so far: results name only the call.
    calls: Vec<(String, ToolName)>,
}

impl Reader {
    fn take(&mut self, field: &str, message: WireMessage, faults: &mut Faults) {
        if message.role == "tool" {
            return self.result(field, message, faults);
        }
        self.flush();
        let mut content =
            message.content.map(|content| content.blocks(field, faults)).unwrap_or_default();
        match message.role.as_str() {
            "system" | "developer" => {
                let text = Message::new(Role::System, content).text();
                match self.said.is_empty() {
                    true => self.system.push(text),
                    false => self.said.push(Message::system(text)),
                }
            }
            "user" => {
                if content.is_empty() {
                    faults.add(format!("{field}.content"), "must not be empty");
                }
                self.said.push(Message::new(Role::User, content));
            }
            "assistant" => {
                for call in message.tool_calls.unwrap_or_default() {
                    let input = ToolInput::parse(&call.function.arguments);
                    let name = ToolName::from(call.function.name);
                    self.calls.push((call.id.clone(), name.clone()));
                    content.push(ContentBlock::ToolUse(ToolCall {
                        call_id: call.id.into(),
                        name,
                        input,
                        signature: None,
                    }));
                }
                self.said.push(Message::new(Role::Assistant, content));
            }
            _ => faults
                .add(format!("{field}.role"), "must be system, developer, user, assistant or tool"),
        }
    }

    fn result(&mut self, field: &str, message: WireMessage, faults: &mut Faults) {
        let id = message.tool_call_id.unwrap_or_default();
        let called = self.calls.iter().rev().find(|(call, _)| *call == id);
        let Some((_, name)) = called.cloned() else {
            faults.add(format!("{field}.tool_call_id"), "must be the id of a call made before");
            return;
        };
        let content =
            message.content.map(|content| content.blocks(field, faults)).unwrap_or_default();
        let result = ToolResult { call_id: id.into(), name, content, is_error: false };
        self.results.push(ContentBlock::ToolResult(result));
    }

    fn flush(&mut self) {
        if !self.results.is_empty() {
            let results = std::mem::take(&mut self.results);
            self.said.push(Message::new(Role::User, results));
        }
    }

    fn finish(mut self) -> Said {
        self.flush();
        let system = (!self.system.is_empty()).then(|| self.system.join("\n\n"));
        Said { system, conversation: self.said.into_iter().collect() }
    }
}
